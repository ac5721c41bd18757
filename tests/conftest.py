import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, Protocol

import pytest
from hypothesis import settings

from tests.standin.api import StandIn
from tests.support import terminal as terminals
from tests.support.client import VERSIONS, InstallError, client_home, installed
from tests.support.terminal import Terminal

# A third of Hypothesis' own number; HYPOTHESIS_PROFILE=default has it all.
settings.register_profile("short", max_examples=35)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


def unavailable(reason: str) -> NoReturn:
    """What a test needs is not on this machine: in CI that is a failure, elsewhere a reason to skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn() as api:
        yield api


# The newest and the oldest; the one between them takes long (pytest -m long).
SPAN = [pytest.param(one, marks=pytest.mark.long) if one == "2.0.60" else one for one in VERSIONS]


@pytest.fixture(params=SPAN)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def claude(version: str) -> Path:
    """The executable of the real client."""
    try:
        return installed(version)
    except InstallError as error:
        unavailable(str(error))


@pytest.fixture
def client(claude: Path) -> str:
    """The same, as an argument."""
    return str(claude)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The folder in which the client starts, trusted by it."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def client_env(tmp_path: Path, version: str, work: Path, standin: StandIn) -> dict[str, str]:
    return client_home(tmp_path, version, work, standin.url)


class OpenTerminal(Protocol):
    def __call__(
        self, argv: list[str], env: dict[str, str], cwd: Path, cols: int = 120, rows: int = 40
    ) -> Terminal: ...


@pytest.fixture
def open_terminal() -> Iterator[OpenTerminal]:
    """Opens terminals that are gone after the test."""
    if not terminals.available:
        unavailable("tmux is not installed")
    with ExitStack() as stack:

        def open_(
            argv: list[str], env: dict[str, str], cwd: Path, cols: int = 120, rows: int = 40
        ) -> Terminal:
            return stack.enter_context(Terminal(argv, env, cwd, cols, rows))

        yield open_
