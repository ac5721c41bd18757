"""When the screen is a complete picture, and what is known of it.

A frame ends with its synchronized update (DEC mode 2026); where the client sends none (tmux), or between
such updates, after a short silence. A model that has missed output says nothing until the client has drawn
its whole screen anew.
"""

import re
from collections.abc import Callable
from typing import Protocol

from cc_guard.screen.model import Screen

QUIET_S = 0.04  # a client's writes of one frame are less than 30 ms apart (measured)
_LONGEST_S = 0.25  # look at least this often while output never ceases
_GAP_S = 0.03  # and at most this often
_LONGEST_UPDATE_S = 1.0  # Ghostty's, after which it draws whatever there is
_TAIL = 32 * 1024
_MOST_CELLS = 1_000_000  # `stty rows 65535 cols 65535` would take 17 s and all memory
_REPAINT_BYTES = 40  # the longest of _FULL_REPAINT
_SYNC_END = b"\x1b[?2026l"
_FULL_REPAINT = re.compile(rb"\x1b\[[23]J|\x1b\[\?1049h|\x1b\[H(?:\x1b\[2K(?:\x1b\[1B)?){4}")


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """Monotonic seconds, and calls at a later time: an asyncio loop, or the clock of a recording."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer: ...


class Frames:
    """`on_frame(settled)` at the end of every frame; `settled` when nothing has come for QUIET_S."""

    def __init__(self, clock: Clock, on_frame: Callable[[bool], None]) -> None:
        self._clock = clock
        self._on_frame = on_frame
        self._columns, self._rows = 80, 24
        self._too_large = False
        self.screen: Screen | None = None
        self.offset = 0
        self.stale = False
        self.blind = False
        """Some output has never been seen, so modes that it set are not known."""
        self.tail = b""
        self.last_output = 0.0
        self._last_look = 0.0
        self._update_began = 0.0
        self._unseen_since: float | None = None
        self._quiet: Timer | None = None
        self._again: Timer | None = None
        self.missing = ""
        try:
            self.screen = Screen(self._columns, self._rows)
        except (ImportError, OSError) as error:
            self.missing = f"no screen model on this platform ({error}); transcript and hooks only"

    @property
    def complete(self) -> bool:
        """The client is between two frames. Terminals do not wait for ever for an update's end, either."""
        if self.screen is None or not self.screen.at_rest:
            return False
        if not self.screen.synchronized:
            return True
        return self._clock.time() - self._update_began > _LONGEST_UPDATE_S

    def resize(self, columns: int, rows: int) -> None:
        """In cells; a terminal that does not know its size says 0."""
        self._columns, self._rows = columns or 80, rows or 24
        self._too_large = self._rows * self._columns > _MOST_CELLS
        if self._too_large:
            self.lost(self.offset)  # until the size is sane again, and the client draws anew
        elif self.screen:
            self.screen.resize(self._columns, self._rows)

    def lost(self, offset: int) -> None:
        """Output up to `offset` was dropped."""
        self.offset = offset
        self.stale = self.blind = True
        self.tail = b""

    def output(self, data: bytes) -> None:
        self.offset += len(data)
        self.last_output = now = self._clock.time()
        self.tail = data[-_TAIL:] if len(data) >= _TAIL else (self.tail + data)[-_TAIL:]
        if self.screen is None:
            return
        if self.stale:
            # The beginning of what says so may have come with the output before.
            seen = self.tail[-len(data) - _REPAINT_BYTES :] if len(data) < _TAIL else data
            repaint = _FULL_REPAINT.search(seen)
            if repaint is None or self._too_large:
                return
            self.screen = Screen(self._columns, self._rows)
            self.stale = False
            data = seen[repaint.start() :]
        was_synchronized = self.screen.synchronized
        self.screen.feed(data)
        if not was_synchronized or _SYNC_END in data:
            self._update_began = now
        self._unseen_since = self._unseen_since or now
        if (_SYNC_END in data and now - self._last_look >= _GAP_S) or now - self._unseen_since >= _LONGEST_S:
            self._look(settled=False)
        if self._quiet is None:
            self._quiet = self._clock.call_later(QUIET_S, self._silence)

    def look_again(self, delay_s: float) -> None:
        if self._again is None:
            self._again = self._clock.call_later(delay_s, self._second_look)

    def _second_look(self) -> None:
        self._again = None
        self._look(settled=self._clock.time() - self.last_output >= QUIET_S)

    def _silence(self) -> None:
        """One timer serves a whole burst: it goes on until nothing has come for QUIET_S."""
        left = self.last_output + QUIET_S - self._clock.time()
        if left > 0.001:
            self._quiet = self._clock.call_later(left, self._silence)
            return
        self._quiet = None
        self._look(settled=True)

    def _look(self, settled: bool) -> None:
        if self.stale or not self.complete:
            return
        self._last_look = self._clock.time()
        self._unseen_since = None
        self._on_frame(settled)
