"""What cc-guard adds to the client's status line: words for a state, and the file that hooks/cc-guard-segment
reads.

A client runs its status line after an answer and after a failure, not in between, and what it has printed
stands until then. So only what the client waits for is said, and it is taken back before the client can go
on: as soon as the path is good. A held client prints nothing; it shows these words if it is let go early.
"""

import contextlib
import os
import time
from collections.abc import Callable, Sequence

from cc_guard.incident.state import State, path
from cc_guard.launch import statusline

_HOLDS_S = 10
"""So long the words outlive a guard that was killed."""
_RENEW_S = 3.0
_FOLLOW_S = 2.0
_WIDTH = 72


def words(state: State, now: float) -> str:
    """One short row, empty when there is nothing to say. `now` is the machine's clock."""
    care = state.care
    if care.question is not None:
        said = f"cc-guard asks: {care.question.title} (cc-guard answer)"
    elif state.report is None or state.phase in ("idle", "fading", "muted", "going"):
        return ""
    elif care.running:
        said = f"cc-guard: {care.running} is under way"
    elif state.phase in ("holding", "held"):
        said = "⏸ cc-guard: paused until the API answers"
    elif state.phase != "down":
        return ""
    elif state.past.tripped:
        said = "cc-guard: hands off, it keeps coming back"
    elif care.waits_for:
        said = f"cc-guard: the API answers; waits, because {care.waits_for}"
    elif path(state, now) == "bad":
        said = "⏳ cc-guard: waiting for the API"
    else:
        return ""
    return _plain(said)


class Segment:
    """`folder` is the session's, empty when it has none. `clock` is epoch seconds, as `date +%s` has them."""

    def __init__(self, folder: str, clock: Callable[[], float] = time.time) -> None:
        self._path = os.path.join(folder, statusline.SEGMENT) if folder else ""
        self._clock = clock
        self._said = ""
        self._until = 0.0
        if self._path:
            self._say("", clock())  # a guard before this one may have left something

    def show(self, said: str) -> None:
        """Called at every tick: writes when the words are new, and now and then to keep them alive."""
        now = self._clock()
        stale = bool(said) and not 0 <= self._until - now <= _HOLDS_S
        if self._path and (said != self._said or stale or (said and self._until - now < _HOLDS_S - _RENEW_S)):
            self._say(said, now)

    def _say(self, said: str, now: float) -> None:
        """A full disk, or a folder that is gone: then nothing is said."""
        self._said, self._until = said, now + _HOLDS_S
        with contextlib.suppress(OSError):
            if not said:
                os.unlink(self._path)
                return
            temporary = f"{self._path}.new"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{int(self._until)}\n{said}\n")
            os.replace(temporary, self._path)


class OwnLine:
    """Keeps the user's own command in the session's folder as their settings have it: `/statusline` must work
    inside a session, and ours is stronger than the files it writes. Nothing is done where the launch has put
    no such file there."""

    def __init__(
        self, folder: str, files: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder if folder and os.path.exists(os.path.join(folder, statusline.OWN)) else ""
        self._files = files
        self._clock = clock
        self._stamps: list[tuple[int, int]] | None = None
        self._due = 0.0

    def follow(self) -> None:
        """Called at every tick; looks at the files every 2 s, and into them when one has changed."""
        now = self._clock()
        if not self._folder or now < self._due:
            return
        self._due = now + _FOLLOW_S
        stamps = [_stamp(file) for file in self._files]
        if stamps == self._stamps:
            return
        self._stamps = stamps
        with contextlib.suppress(OSError):
            statusline.write(self._folder, statusline.own(self._files))


def _stamp(file: str) -> tuple[int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _plain(text: str) -> str:
    """What a terminal prints in one row, and shorter than most of them are wide."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
