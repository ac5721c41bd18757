"""One line on a terminal that says what a command is at, and is gone at its end."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

# What is over sooner shows no line at all: it would only flicker.
_FIRST_S, _EVERY_S = 0.2, 0.1
_COLUMNS = 80


class Progress:
    """Used around the work, which calls `started` and `done`; `told` puts what runs in words.

    async with Progress(total) as progress: ...
    """

    def __init__(
        self, total: int, enabled: bool = True, told: Callable[[list[str]], Sequence[str]] = list
    ) -> None:
        self._total = total
        self._told = told
        self._finished = 0
        self._running: list[str] = []
        self._began = time.monotonic()
        self._ticking: asyncio.Task[None] | None = None
        self._shown = False
        self._enabled = enabled and is_able()

    async def __aenter__(self) -> Self:
        if self._enabled:
            self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        self._write("")

    def started(self, what: str) -> None:
        self._running.append(what)

    def done(self, what: str) -> None:
        self._finished += 1
        with contextlib.suppress(ValueError):  # it never began
            self._running.remove(what)

    async def _tick(self) -> None:
        await asyncio.sleep(_FIRST_S)
        while True:
            elapsed = time.monotonic() - self._began
            now = f"; now: {', '.join(self._told(self._running))}" if self._running else ""
            line = f"{elapsed:4.1f} s  {self._finished} of {self._total} checked{now}"
            # A full line would make some terminals go on to the next.
            self._shown = True
            self._write(line[: _columns() - 1])
            await asyncio.sleep(_EVERY_S)

    def _write(self, line: str) -> None:
        if not self._shown:
            return
        with contextlib.suppress(OSError):
            # Over the old text, and only then what is left of that: it does not flicker.
            sys.stderr.write(f"\r{line}\033[K" + ("\r" if not line else ""))
            sys.stderr.flush()


def is_able() -> bool:
    """Whether stderr is a terminal on which a line can be replaced."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "")


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS
