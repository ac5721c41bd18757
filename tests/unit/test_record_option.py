"""`--record` on the command line."""

import os
from pathlib import Path
from typing import Any

import pytest

from cc_guard import cli, settings_cache
from cc_guard.guard.arguments import parse
from cc_guard.launch import record_file


def test_the_option_is_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It reaches the guard as a word of its own, with an absolute path."""
    seen: list[Any] = []

    def note(*given: Any) -> int:
        seen.append(given)
        return 0

    monkeypatch.setattr(cli, "_session", note)
    monkeypatch.setattr(cli, "_is_terminal", lambda fd: True)
    monkeypatch.delenv("CC_GUARD", raising=False)
    monkeypatch.setattr(settings_cache, "needs_check", note)
    monkeypatch.setattr(cli, "_wrong_signatures", lambda: "")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--record", "a.cast", "--observe", "--", "/bin/echo", "it's me"]) == 0
    assert seen[0] == ({"observe": "true"},)
    words = [*seen[1][4], "link=0,1"]
    arguments = parse(words)
    assert arguments.record == str(tmp_path / "a.cast")
    assert arguments.command == """/bin/echo 'it'"'"'s me'"""
    assert arguments.options == {"observe": "true"}
    assert (tmp_path / "a.cast").stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_made_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    path.touch(0o644)
    assert record_file.create(str(path)) == str(path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("what", ["full", "folder", "fifo", "link", "no folder", "no permission"])
def test_a_file_that_can_not_be_recorded_to(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line: what, why, and what to do; nothing has been started."""
    path = tmp_path / "a.cast"
    if what == "full":
        path.write_text("x")
    elif what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "link":
        (tmp_path / "other").touch()
        path.symlink_to(tmp_path / "other")
    elif what == "no folder":
        path = tmp_path / "no" / "a.cast"
    else:
        path = Path("/proc/a.cast")
    monkeypatch.setattr(cli, "_session", lambda *given: pytest.fail("started"))
    monkeypatch.setattr(cli, "_is_terminal", lambda fd: True)
    monkeypatch.delenv("CC_GUARD", raising=False)
    before = path.read_text() if what == "full" else ""
    assert cli.main(["--record", str(path), "--", "/bin/echo"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"cc-guard: {path} can't be ")
    assert said.count("\n") == 1
    assert said.count(". ") == 1
    assert (path.read_text() if what == "full" else "") == before
