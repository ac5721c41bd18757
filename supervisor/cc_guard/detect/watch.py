"""Everything between what the client shows and tells, and symptoms. The guard runs it live, `replay` on a
recording: one code, two clocks.

The screen speaks of the retry phase, the transcript and the hooks of how it ends. A failure that the screen
alone shows waits a moment for their word: it is dropped when they tell of an answer, and is told unconfirmed
when they are silent.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from cc_guard.channels.reader import ChannelReader
from cc_guard.detect.detector import Detector
from cc_guard.detect.signatures import Signatures
from cc_guard.detect.trend import Trend
from cc_guard.incident.record import Symptom
from cc_guard.screen.frames import Clock, Frames

_LOOK_AGAIN_S = 0.04
_LATER_S = 0.06
_CHANNELS_S = 0.1  # the client writes its transcript within this after it has drawn
_ANSWERED_S = 3.0  # what they have told so long ago is about the same turn


class Listener(Protocol):
    """Who wants to know. `t` is the client's own time of it, in epoch seconds."""

    def on_symptom(self, symptom: Symptom, source: str) -> None: ...

    def on_progress(self, t: float, source: str) -> None:
        """The client has got (a part of) an answer."""

    def on_interrupted(self, source: str) -> None:
        """The user has stopped the client's work."""

    def on_frame(self, settled: bool) -> None:
        """The screen is a complete picture, and has been looked at."""

    def poll_channels(self) -> None:
        """Now would be a good moment to look at the transcript and the hooks."""


class Watch:
    """Feed it output, sizes, hooks and transcript rows. `wall()` is the time in epoch seconds."""

    def __init__(
        self,
        signatures: Signatures,
        version: tuple[int, ...] | None,
        clock: Clock,
        wall: Callable[[], float],
        listener: Listener,
    ) -> None:
        self._clock, self._wall = clock, wall
        self._listener = listener
        self.frames = Frames(clock, self._on_frame)
        self.detector = Detector(signatures)
        self.channels = ChannelReader(signatures, version, wall, clock.time, self)
        self.trend = Trend()
        self._suspect: Symptom | None = None
        self._confirmed_at = self._answered_at = 0.0
        self._retrying = False
        self._reason: Symptom | None = None

    def lost(self, offset: int) -> None:
        """Output up to `offset` was dropped."""
        self.frames.lost(offset)
        self.detector.lose_sight()
        self._suspect = None

    # The screen

    def _on_frame(self, settled: bool) -> None:
        screen = self.frames.screen
        assert screen is not None
        for symptom in self.detector.frame(screen, self._wall(), settled):
            if symptom.phase == "failed":
                self._suspected(symptom)
            else:
                self._tell(symptom, "screen")
        if self.detector.pending:
            self.frames.look_again(_LOOK_AGAIN_S if self.detector.ending else _LATER_S)
        self._listener.on_frame(settled)

    def _suspected(self, symptom: Symptom) -> None:
        if self._confirmed_at >= symptom.t - _ANSWERED_S:
            return  # the channels were quicker
        self._suspect = symptom
        self._listener.poll_channels()
        if self._suspect is not None:
            delay = _CHANNELS_S if self.channels.heard else 0.0
            self._clock.call_later(delay, lambda: self._resolve(symptom))

    def _resolve(self, symptom: Symptom) -> None:
        if self._suspect is not symptom:
            return
        self._listener.poll_channels()
        if self._suspect is not symptom:
            return
        self._suspect = None
        if self._answered_at >= symptom.t - _ANSWERED_S:
            if self._retrying:
                self._tell(replace(symptom, phase="cleared", text=""), "screen")
            return
        self._tell(symptom, "screen")

    # Hooks and transcript

    def symptom(self, symptom: Symptom, source: str) -> None:
        if symptom.phase == "failed":
            self._suspect = None
            self._confirmed_at = symptom.t
        self._tell(symptom, source)

    def progress(self, t: float, source: str) -> None:
        self._answered_at = t
        self._reason = None
        self.trend.answered(t)
        self._listener.on_progress(t, source)

    def interrupted(self, t: float, source: str) -> None:
        self._suspect = self._reason = None
        self.trend.given_up()
        self._listener.on_interrupted(source)

    def asked(self, t: float) -> None:
        self.trend.asked(t)

    def _tell(self, symptom: Symptom, source: str) -> None:
        if symptom.phase == "retrying":
            symptom = self._named(symptom)
        else:
            self._reason = None
        self._retrying = symptom.phase == "retrying"
        self.trend.suffered(symptom)
        self._listener.on_symptom(symptom, source)

    def _named(self, symptom: Symptom) -> Symptom:
        """With the reason that an attempt before gave, where this one's row has none (`API error`)."""
        reason = self._reason
        if symptom.code is not None or symptom.http_status is not None or symptom.kind != "connection":
            self._reason = symptom
        elif reason is not None and (symptom.attempt or 0) >= (reason.attempt or 0):
            return replace(symptom, kind=reason.kind, code=reason.code, http_status=reason.http_status)
        return symptom
