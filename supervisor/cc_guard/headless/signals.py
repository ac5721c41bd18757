"""Signals of a supervisor whose client shares its process group. Lean.

A key on the terminal reaches the client as without us, and Ctrl-Z stops both. Only what is sent to us alone
has to be passed on.
"""

import contextlib
import os
import select
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_PASSED_ON = (*STOPS, signal.SIGUSR1, signal.SIGUSR2)
_KEYS = (signal.SIGINT, signal.SIGQUIT)
# A client that Ctrl-C has reached is gone after 0.15 s (measured). Later it is taken for one that was not
# reached: `kill -INT` for us alone, while we are in the foreground.
_KEY_S = 1.0


class Stopped(Exception):
    """A signal asked for an end while no client was running."""


class Signals:
    """`client`: the process that gets them, 0 for none. `stop`: the last one that asked for an end, or 0.
    `wake` is readable after each, and after a child's end."""

    def __init__(self) -> None:
        self.client = 0
        self.stop = 0
        self._typed_at: float | None = None
        self.wake, self._wake_write = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._ignores_children = signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._handled = [number for number in _PASSED_ON if signal.getsignal(number) != signal.SIG_IGN]
        for number in self._handled:
            signal.signal(number, self._received)

    def fork(self) -> int:
        """As os.fork; the child has the signal dispositions that we were started with."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (*_PASSED_ON, signal.SIGCHLD))
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for number in (*self._handled, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)  # Python itself ignores the last two
            signal.signal(signal.SIGCHLD, signal.SIG_IGN if self._ignores_children else signal.SIG_DFL)
        self.client = pid
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if pid and self.stop:
            self._pass_on(self.stop)  # it came before there was a client
        return pid

    def waited(self) -> None:
        """What woke the caller is known."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 512)

    def sleep(self, seconds: float) -> None:
        """Raises Stopped as soon as somebody wants an end."""
        until = time.monotonic() + seconds
        while not self.stop and (left_s := until - time.monotonic()) > 0:
            select.select([self.wake], [], [], left_s)
            self.waited()
        self.check()

    def check(self) -> None:
        """Raises Stopped when somebody wants an end."""
        if self.stop:
            raise Stopped

    @property
    def patience_s(self) -> float | None:
        """When `late` has to be asked."""
        return None if self._typed_at is None else max(0.0, self._typed_at + _KEY_S - time.monotonic())

    def late(self) -> None:
        """Pass on a key that should have reached the client by itself, and has not."""
        if self.patience_s == 0.0:
            self._typed_at = None
            self._pass_on(self.stop)

    def _received(self, number: int, _: "FrameType | None") -> None:
        if number in STOPS:
            self.stop = number
        if not self.client:
            return
        if number in _KEYS and _in_foreground():
            self._typed_at = time.monotonic()
        else:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.client:
                os.kill(self.client, number)


def _in_foreground() -> bool:
    """Whether the terminal's keys are for our process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
