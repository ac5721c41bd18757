from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.relay.harness import Outer, Word, environment
from tests.relay.scripted import Lobby


class Open(Protocol):
    def __call__(self, argv: Sequence[Word], **options: Any) -> Outer: ...


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "home")


@pytest.fixture(scope="module")
def closed() -> Iterator[list[Outer]]:
    """Sessions that are over. A guard may still be writing its last row; in the end it is gone too."""
    outers: list[Outer] = []
    yield outers
    for outer in outers:
        outer.nothing_remains()


@pytest.fixture
def open_outer(tmp_path: Path, env: dict[str, str], closed: list[Outer]) -> Iterator[Open]:
    """Opens terminals with `argv` on them. After the test their windows are closed, and then nothing of
    what ran in them may be left."""
    opened: list[Outer] = []
    with ExitStack() as stack:

        def open_(argv: Sequence[Word], **options: Any) -> Outer:
            options = {"env": env, "cwd": tmp_path, **options}
            opened.append(stack.enter_context(Outer(argv, **options)))
            return opened[-1]

        yield open_
        for outer in opened:
            if outer.master >= 0:
                outer.hang_up()
            outer.until(outer.only_guards, "processes remain")
        closed += opened


@pytest.fixture
def lobby() -> Iterator[Lobby]:
    with Lobby() as opened:
        yield opened


@pytest.fixture
def state(tmp_path: Path) -> Callable[[str], Path]:
    """A file of cc-guard's state folder."""
    return lambda name: tmp_path / "home" / ".local" / "state" / "cc-guard" / name
