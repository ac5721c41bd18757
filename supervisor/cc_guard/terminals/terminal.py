"""What the ways of opening a pane beside the client have in common."""

import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from cc_guard.diagnose import tools
from cc_guard.diagnose.tools import Ran

CLIENT_COLUMNS, CLIENT_ROWS = 80, 24
"""What the client keeps."""
_COLUMNS, _ROWS = 38, 16
_LEAST_COLUMNS, _LEAST_ROWS = 28, 12  # of a panel that can be read
_SHARE = 0.30
_BORDER, _FRAMES = 1, 3  # between two panes; around them, where panes have frames
_DEADLINE_S = 5.0


class Refused(Exception):
    """Nothing was opened; the text says why, for people."""


class Later(Exception):
    """Not at the moment: it would be in the way of what the user does."""


@dataclass(frozen=True)
class Split:
    """Of a pane, for the panel: on its right or below it, so many `cells`, which is this `share` of it."""

    side: Literal["right", "below"]
    cells: int
    share: float


@dataclass(frozen=True)
class Place:
    """`tty` is the device of the terminal that cc-guard was started in, empty when nobody knows; `relay` the
    process that reads it."""

    environ: Mapping[str, str]
    tty: str
    relay: int


@dataclass(frozen=True)
class Terminal:
    """`here(environ)`: whether the client runs in it. `open_(place, split, panel)` runs the words of `panel`
    in a pane of that size and leaves the focus where it is; raises Refused and Later.

    `halves`: it can't be told a size. `moves_focus`: it has none of its own accord, so the focus moves to the
    panel and is brought back at once, which nobody may be typing for. `in_front`: it splits what the user
    looks at, whatever that is.
    """

    name: str
    here: Callable[[Mapping[str, str]], bool]
    open_: Callable[[Place, Split, list[str]], Awaitable[None]]
    halves: bool = False
    moves_focus: bool = False
    in_front: bool = False


def split(columns: int, rows: int, halves: bool = False) -> Split | None:
    """How to divide a pane of this size; None where the client would not keep what it needs."""
    if halves:
        right, below = columns // 2, rows // 2
        if columns - right - _FRAMES >= CLIENT_COLUMNS:
            return Split("right", right, 0.5)
        fits = columns >= CLIENT_COLUMNS and rows - below - _FRAMES >= CLIENT_ROWS
        return Split("below", below, 0.5) if fits else None
    right = min(max(_COLUMNS, int(columns * _SHARE)), columns - _BORDER - CLIENT_COLUMNS)
    if right >= _LEAST_COLUMNS:
        return Split("right", right, right / columns)
    below = min(_ROWS, rows - _BORDER - CLIENT_ROWS)
    fits = columns >= CLIENT_COLUMNS and below >= _LEAST_ROWS
    return Split("below", below, below / rows) if fits else None


def program(name: str, place: Place, *folders: str) -> str:
    """Where it is: in one of `folders`, or by the PATH. Raises Refused."""
    path = os.pathsep.join([*filter(None, folders), place.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None or not os.path.isabs(found):
        raise Refused(f"there is no {name} here")
    return found


async def run(place: Place, *argv: str) -> Ran:
    """Raises Refused when it does not work. What it says is for nobody: it may be anything."""
    ran = await tools.run(*argv, timeout_s=_DEADLINE_S, environ=place.environ, cwd="/")
    if ran.status != 0:
        how = "does not answer" if ran.status is None else f"refuses (status {ran.status})"
        raise Refused(f"{os.path.basename(argv[0])} {how}")
    return ran
