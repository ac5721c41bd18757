"""Who kills us means the client: `subprocess.run(…, timeout=…)` in somebody's script, or `kill -9`. A second
process of ours waits for that, and ends the client. Lean.
"""

import contextlib
import os
import signal

_SIZE = 4


class Warden:
    """Starts with the first client, so that nothing waits for it."""

    def __init__(self) -> None:
        self._pid = 0
        self._line = -1

    def watch(self, client: int) -> None:
        """`client`: its process id, or 0 when there is none any more."""
        if not self._pid:
            self._start()
        with contextlib.suppress(OSError):  # it was killed itself
            os.write(self._line, client.to_bytes(_SIZE, "big"))

    def dismiss(self) -> None:
        if self._pid:
            os.close(self._line)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)

    def _start(self) -> None:
        end, self._line = os.pipe()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._pid = os.fork()
        if self._pid == 0:
            _stand_by(end)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(end)


def _stand_by(line: int) -> None:
    """Never returns. The line ends with our parent."""
    client = 0
    try:
        os.setsid()  # no key of the terminal stops it
        _close_all_but(line)
        while data := os.read(line, _SIZE):
            client = int.from_bytes(data, "big")
        if client:
            os.kill(client, signal.SIGTERM)
    finally:
        os._exit(0)


def _close_all_but(kept: int) -> None:
    """A pipe that it held would not end when it should."""
    for name in os.listdir("/dev/fd"):
        if int(name) != kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
