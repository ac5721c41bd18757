"""Telling the user's terminal something once: at the end of a frame, and not the same again and again.

What is written inside an escape sequence or a frame of the client would spoil it. So the guard says after how
much output its words belong, and the relay refuses when there has been more; then the next frame's end is
tried.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cc_guard.guard.notification import notification
from cc_guard.guard.relay_port import RelayPort
from cc_guard.screen.frames import Frames

if TYPE_CHECKING:
    from cc_guard.settings import Notify

_FRESH_S = 10.0
"""Older news is not told any more."""
_SILENT_S = 30.0
"""So long the same words are not repeated, as by a network that comes and goes."""


class Announcer:
    """`clock` is monotonic seconds."""

    def __init__(
        self,
        port: RelayPort,
        frames: Frames,
        environ: Mapping[str, str],
        settings: "Notify",
        clock: Callable[[], float],
    ) -> None:
        self._port, self._frames = port, frames
        self._environ, self._settings = environ, settings
        self._clock = clock
        self._told: dict[str, float] = {}
        self._waiting = b""
        self._until = 0.0
        self._asked = b""

    def tell(self, words: str, title: bytes = b"") -> None:
        """As soon as the client is between two frames, with bytes for the `title` before it. What was waiting
        is not told any more; what was told just now neither."""
        now = self._clock()
        self._told = {said: t for said, t in self._told.items() if now - t < _SILENT_S}
        if words in self._told:
            return
        self._told[words] = now
        data = title + notification(self._environ, words, self._settings)
        if data:
            self._waiting, self._until = data, now + _FRESH_S
            self.attempt()

    def attempt(self) -> None:
        """At the end of every frame, and at every tick."""
        if not self._waiting or self._asked:
            return
        if self._clock() > self._until:
            self._waiting = b""
        elif self._frames.complete and not self._frames.stale:
            self._asked = self._waiting
            self._port.say(self._frames.offset, self._asked)

    def event(self, words: list[str]) -> None:
        """What the relay says."""
        if words not in (["said"], ["unsaid"]):
            return
        if words == ["said"] and self._waiting == self._asked:
            self._waiting = b""
        self._asked = b""
