"""A recording of a session that a test plays by hand."""

import heapq
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cc_guard.guard.recording import Recording
from cc_guard.relay import link

KEY = "sk-ant-api03-Zm9vYmFyYmF6-qX7_tR2kLw9PzN4vB8sHc3JdE5uGyA"
ENVIRON = {"TERM": "xterm-256color", "SHELL": "/bin/zsh", "ANTHROPIC_API_KEY": KEY, "HOME": "/home/me"}
STARTED = 1_800_000_000.75


class Timer:
    def cancel(self) -> None:
        raise AssertionError("nobody needs this")


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        heapq.heappush(self._due, (self.now + delay, len(self._due), callback))
        return Timer()

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, callback = heapq.heappop(self._due)
            callback()
        self.now = until


class Taped:
    """A recording, what it is told, and what is in its file."""

    def __init__(self, path: Path, **more: Any) -> None:
        self.path = path
        self.clock = Clock()
        given: dict[str, Any] = {
            "command": "claude",
            "version": (2, 1, 330),
            "environ": ENVIRON,
            "wall": lambda: STARTED,
        } | more
        self.recording = Recording(str(path), self.clock, **given)
        self.offset = 0

    def size(self, columns: int, rows: int) -> None:
        self.recording.frame(link.SIZE, link.WINSIZE.pack(rows, columns, 0, 0))

    def output(self, data: str | bytes) -> None:
        data = data.encode() if isinstance(data, str) else data
        self.offset += len(data)
        self.recording.frame(link.OUTPUT, data)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.path.read_text().split("\n")[:-1]]

    def events(self) -> list[Any]:
        return self.lines()[1:]

    def shown(self) -> str:
        return "".join(data for _, code, data in self.events() if code == "o")
