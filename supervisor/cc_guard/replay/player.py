"""A recording through the detection of the guard, on the recording's clock."""

import heapq
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from cc_guard.channels.spool import HookEvent
from cc_guard.detect.signatures import Signatures
from cc_guard.detect.watch import Watch
from cc_guard.incident.record import Symptom
from cc_guard.replay.cast import LARGEST, Cast

_AFTER_S = 2.0  # what was on the screen at the end stays there for a moment
_TRANSCRIPT, _HOOK, _LOST = "transcript ", "hook ", "lost "
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,5}")
_NO_LETTER = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # half of one; the rest of these stand for bytes


@dataclass(frozen=True)
class Told:
    """A symptom, `at` seconds after the recording's start, and the source that showed it."""

    at: float
    symptom: Symptom
    source: str


def play(cast: Cast, signatures: Signatures) -> list[Told]:
    """Everything that detection has to say about the recording.

    Raises ImportError or OSError where the screen library has no build for this platform.
    """
    return _Player(cast, signatures).run()


class _Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class _Clock:
    """The recording's time; what was to be called meanwhile is called when it passes."""

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[tuple[float, int, _Timer]] = []
        self._count = 0

    def time(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[[], None]) -> _Timer:
        self._count += 1
        timer = _Timer(callback)
        heapq.heappush(self._due, (self._now + delay, self._count, timer))
        return timer

    def advance(self, to: float) -> None:
        while self._due and self._due[0][0] <= to:
            self._now, _, timer = heapq.heappop(self._due)
            if timer.callback is not None:
                timer.callback()
        self._now = max(self._now, to)


class _Player:
    """The listener, in the place of the guard."""

    def __init__(self, cast: Cast, signatures: Signatures) -> None:
        self._cast = cast
        self._clock = _Clock()
        self._told: list[Told] = []
        version = _version(cast.notes.get("version"))
        self._watch = Watch(signatures, version, self._clock, self._wall, self)
        if self._watch.frames.screen is None:
            raise OSError(self._watch.frames.missing)

    def _wall(self) -> float:
        return self._cast.started + self._clock.time()

    def run(self) -> list[Told]:
        self._watch.frames.resize(self._cast.columns, self._cast.rows)
        for t, code, data in self._cast.events:
            self._clock.advance(t)
            if code == "o":
                self._watch.frames.output(_NO_LETTER.sub("\ufffd", data).encode("utf-8", "surrogateescape"))
            elif code == "r":
                self._resize(data)
            elif code == "m" and data.startswith(_LOST):
                self._watch.lost(self._watch.frames.offset)
            elif code == "m":
                self._channel(data)
        self._clock.advance(self._cast.seconds + _AFTER_S)
        return self._told

    def _resize(self, size: str) -> None:
        match = _SIZE.fullmatch(size)
        columns, rows = map(int, match.groups()) if match else (0, 0)
        if 0 < columns <= LARGEST and 0 < rows <= LARGEST:
            self._watch.frames.resize(columns, rows)

    def _channel(self, marker: str) -> None:
        """What the client said of itself, where the recording holds it."""
        prefix = next((p for p in (_TRANSCRIPT, _HOOK) if marker.startswith(p)), None)
        if prefix is None:
            return
        try:
            said = json.loads(marker.removeprefix(prefix))
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict):
            return
        if prefix == _TRANSCRIPT:
            self._watch.channels.row(said)
            return
        payload, t, now = said.get("payload"), said.get("t"), self._wall()
        # The start of a recording is written in whole seconds: what it holds may seem to come from later.
        event = HookEvent(
            str(said.get("event", "")),
            float(t) if isinstance(t, (int, float)) and 0 <= t <= now else now,
            payload if isinstance(payload, dict) else {},
        )
        self._watch.channels.hook(event)

    # What the watch tells

    def on_symptom(self, symptom: Symptom, source: str) -> None:
        self._told.append(Told(self._clock.time(), symptom, source))

    def on_progress(self, t: float, source: str) -> None:
        pass

    def on_interrupted(self, source: str) -> None:
        pass

    def on_frame(self, settled: bool) -> None:
        pass

    def poll_channels(self) -> None:
        pass


def _version(text: object) -> tuple[int, ...] | None:
    return tuple(map(int, text.split("."))) if isinstance(text, str) and _VERSION.fullmatch(text) else None
