"""The quiet channels of a session: its segment in the client's status line, and what the terminal is told
once: a hold, a question, and that it is over."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cc_guard.guard.announcer import Announcer
from cc_guard.guard.notices import retitle
from cc_guard.guard.segment import OwnLine, Segment, words
from cc_guard.incident.state import path
from cc_guard.launch import statusline

if TYPE_CHECKING:
    from cc_guard.guard.arguments import Arguments
    from cc_guard.guard.relay_port import RelayPort
    from cc_guard.incident.state import Report, State
    from cc_guard.screen.frames import Frames
    from cc_guard.settings import Settings

HELD = "paused until its API answers"
DOWN = "its API is not reached; it goes on when it is"
GOES_ON = "the API answers again, it goes on"
_PATIENCE_S = 3.0
"""A shorter interruption is not worth a word on the desktop; the window's title says it at once."""


class QuietChannels:
    """`clock` is the machine's."""

    def __init__(
        self,
        arguments: "Arguments",
        settings: "Settings",
        port: "RelayPort",
        frames: "Frames",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        folder = os.path.dirname(arguments.folder) if arguments.folder else ""
        self._clock = clock
        self._title = settings.notify.title and settings.title.enabled
        self._announcer = Announcer(port, frames, os.environ, settings.notify, clock)
        self._segment = Segment(folder)
        self._own = OwnLine(folder, _files(arguments.version))
        self._asked = ""
        self._trouble = ""
        self._since = 0.0
        self._told = False

    def tick(self, state: "State") -> None:
        now = self._clock()
        self._segment.show(words(state, now))
        self._own.follow()
        self._note_question(state)
        self._note_trouble(_trouble(state, now), now)
        self._announcer.attempt()

    def over(self, report: "Report") -> None:
        """For every version of an incident that is recorded."""
        if report.outcome == "recovered" and self._told:
            self._told = False
            self._announcer.tell(GOES_ON)

    def _note_question(self, state: "State") -> None:
        question = state.care.question
        if question is None or question.id == self._asked:
            return
        self._asked = question.id
        said = f"cc-guard asks: {question.title}"
        # At the release the relay brings the title back that was there before the hold.
        title = retitle(said) if self._title and state.phase == "held" else b""
        self._announcer.tell(said, title)

    def _note_trouble(self, trouble: str, now: float) -> None:
        if trouble != self._trouble:
            self._trouble, self._since = trouble, now
        elif trouble and not self._told and now - self._since >= _PATIENCE_S:
            self._told = True
            self._announcer.tell(trouble)

    def frame(self) -> None:
        """At the end of every frame of the client."""
        self._announcer.attempt()

    def event(self, said: list[str]) -> None:
        """What the relay says."""
        self._announcer.event(said)

    def close(self) -> None:
        self._segment.show("")


def _trouble(state: "State", now: float) -> str:
    if state.phase == "held":
        return HELD
    return DOWN if state.phase == "down" and path(state, now) == "bad" else ""


def _files(version: tuple[int, ...] | None) -> list[str]:
    if version is None:
        return []
    try:
        cwd = os.getcwd()
    except OSError:
        return []
    return statusline.files(os.environ, cwd, (version[0], version[1], version[2]))
