"""Typing words into the client: text first, then, when they stand in its input box, a bare CR.

The relay makes the last checks at the moment it writes, and takes the words away again when the user types
before they are submitted, when they are not submitted in time, or when the guard is gone (relay/loop.py).
"""

import asyncio
from collections.abc import Callable

from cc_guard.guard.relay_port import RelayPort
from cc_guard.incident.moment import QUIET_S
from cc_guard.screen.frames import Frames

# Text and Enter close together are taken for a paste, which is not submitted (CLAUDE_CODE.md).
_BREATH_S = 0.4
# The relay takes its words back after 3 s; a look for them ends a little earlier.
_SHOWN_WITHIN_S = 2.6
_OVER_S = 6.0
_RETRY_S = 0.05
# Output that comes just then: the client may be drawing. Everything else stays as it is for longer.
_PASSING = ("output", "queued")


class Typist:
    """One text at a time. `shows(text)`: whether the client's input box holds exactly that. `done(ok, why)`
    is called once for each `type`. `wanted()`: whether the words are to be submitted still."""

    def __init__(
        self,
        port: RelayPort,
        frames: Frames,
        shows: Callable[[str], bool],
        done: Callable[[bool, str], None],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._port, self._frames = port, frames
        self._wanted = wanted
        self._shows, self._done = shows, done
        self._loop = asyncio.get_running_loop()
        self._text = ""
        self._began = 0.0
        self._typed_at: float | None = None
        self._submitting = False
        self._again: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        return bool(self._text)

    def type(self, text: str) -> None:
        self._stop_timers()
        self._text, self._typed_at, self._submitting = text, None, False
        self._began = self._loop.time()
        self._deadline = self._loop.call_later(_OVER_S, self._end, False, "the relay does not answer")
        self._ask()

    def event(self, words: list[str]) -> None:
        """What the relay says of it."""
        if not self.busy:
            return
        match words:
            case ["typed", "text"]:
                self._typed_at = self._loop.time()
                self._later(_BREATH_S)
            case ["typed", "submit"]:
                self._end(True, "")
            case ["untyped", reason]:
                self._submitting = False
                if reason in _PASSING and self._loop.time() - self._began < _SHOWN_WITHIN_S:
                    self._later(_RETRY_S)
                elif self._typed_at is None:
                    self._end(False, _WHY.get(reason, reason))
                else:
                    self._port.erase()
            case ["erased", reason]:
                self._end(False, _WHY.get(reason, reason))

    def _ask(self) -> None:
        self._again = None
        if not self.busy or self._submitting:
            return
        if not self._wanted():
            if self._typed_at is None:
                self._end(False, "it is not wanted any more")
            else:
                self._port.erase()
        elif self._typed_at is None:
            if self._frames.complete and not self._frames.stale:
                self._port.type_text(self._frames.offset, QUIET_S, self._text.encode())
            elif self._loop.time() - self._began < _SHOWN_WITHIN_S:
                self._later(_RETRY_S)
            else:
                self._end(False, "the screen does not come to rest")
        elif self._loop.time() - self._typed_at > _SHOWN_WITHIN_S:
            self._port.erase()
        elif self._frames.complete and not self._frames.stale and self._shows(self._text):
            self._submitting = True
            self._port.submit(self._frames.offset, QUIET_S)
        else:
            self._later(_RETRY_S)

    def _later(self, delay: float) -> None:
        if self._again is None:
            self._again = self._loop.call_later(delay, self._ask)

    def _stop_timers(self) -> None:
        for timer in (self._again, self._deadline):
            if timer is not None:
                timer.cancel()
        self._again = self._deadline = None

    def _end(self, ok: bool, why: str) -> None:
        self._stop_timers()
        self._text = ""
        self._done(ok, why)


_WHY = {
    "key": "you are typing",
    "held": "Claude Code is paused",
    "background": "another program has the terminal",
    "late": "the input box did not show the words",
    "asked": "the input box did not show the words",
    "content": "the words can't be typed",
}
