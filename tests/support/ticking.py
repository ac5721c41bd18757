"""An event loop's clock that a test turns by hand: timers run when the test says that it is time."""

import asyncio
import heapq
from collections.abc import Callable
from typing import Any

import pytest


class Handle:
    def __init__(self, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        self._run: Callable[[], None] | None = lambda: callback(*args)

    def cancel(self) -> None:
        self._run = None

    def run(self) -> None:
        if self._run is not None:
            self._run()


class Clock:
    """What of `asyncio.AbstractEventLoop` the guard's parts use, without the waiting."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: list[tuple[float, int, Handle]] = []
        self._count = 0

    @classmethod
    def install(cls, monkeypatch: pytest.MonkeyPatch) -> "Clock":
        clock = cls()
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
        return clock

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> Handle:
        self._count += 1
        handle = Handle(callback, args)
        heapq.heappush(self._due, (self.now + delay, self._count, handle))
        return handle

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, handle = heapq.heappop(self._due)
            handle.run()
        self.now = end
