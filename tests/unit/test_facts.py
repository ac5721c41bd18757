"""What kind of machine this is."""

import builtins
import io
import os
from typing import Any

import pytest

from cc_guard.diagnose import facts


@pytest.mark.parametrize(
    ("said", "kind"), [("wsl\n", ""), ("lxc\n", "lxc"), ("systemd-nspawn", "systemd-nspawn"), (None, "")]
)
def test_what_systemd_takes_for_a_container(
    monkeypatch: pytest.MonkeyPatch, said: str | None, kind: str
) -> None:
    """WSL is none: it has Windows' network beside it, and a container on it has not."""
    real = builtins.open

    def opened(path: Any, *args: Any, **more: Any) -> Any:
        if path != "/run/systemd/container":
            return real(path, *args, **more)
        if said is None:
            raise FileNotFoundError(path)
        return io.StringIO(said)

    monkeypatch.setattr(os.path, "exists", lambda path: False)
    monkeypatch.setattr(builtins, "open", opened)
    assert facts.read().container == kind
