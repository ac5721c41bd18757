"""Our own stdout. Lean."""

import os
import select
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cc_guard.headless.signals import Signals

_PIECE = 4096  # what a pipe takes without blocking when it is ready: PIPE_BUF of Linux, pipe(7)
_LOOK_S = 0.2
# After a signal that asks for an end: a reader that does not read must not keep us.
_GRACE_S = 2.0


class Outlet:
    """`gone`: nobody reads it any more. `is_pipe`: that can be noticed before the next write."""

    def __init__(self, signals: "Signals") -> None:
        self.gone = False
        mode = os.fstat(1).st_mode
        self.is_pipe = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._signals = signals
        self._give_up_at = 0.0

    def write(self, data: bytes) -> None:
        """Never raises; without a reader it is lost, as with any program's output."""
        view = memoryview(data)
        while view and not self.gone:
            try:
                if select.select([], [1], [], _LOOK_S)[1]:
                    view = view[os.write(1, view[:_PIECE]) :]
                elif self._signals.stop:
                    self._give_up()
            except BlockingIOError:
                time.sleep(_LOOK_S)
            except OSError:
                self.gone = True

    def look(self) -> bool:
        """Whether somebody reads it still."""
        if self.is_pipe and not self.gone:
            poller = select.poll()
            poller.register(1, 0)
            self.gone = bool(poller.poll(0))
        return not self.gone

    def _give_up(self) -> None:
        now = time.monotonic()
        self._give_up_at = self._give_up_at or now + _GRACE_S
        self.gone = now >= self._give_up_at
