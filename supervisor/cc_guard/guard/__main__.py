"""`python -P -m cc_guard.guard key=value …`, started by the relay and by nobody else."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Any

from cc_guard import paths
from cc_guard.guard import arguments

_LOG_LIMIT = 256 * 1024
_MISHAPS_LOGGED = 20
_NICE = 10


def main() -> int:
    with contextlib.suppress(OSError):
        os.setsid()  # the terminal's signals are for the session, not for the guard
    _give_way()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _log_to_file()
    given = arguments.parse(sys.argv[1:])
    asyncio.run(_run(given))
    return 0


def _give_way() -> None:
    """Where cores are short, the client and the relay go first."""
    os.nice(_NICE)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # musl has only a stub, and some sandboxes forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # never pre-empts: sched(7)


async def _run(given: arguments.Arguments) -> None:
    from cc_guard.guard.session import GuardSession

    asyncio.get_running_loop().set_exception_handler(_Mishaps())
    await GuardSession(given).run()
    os._exit(0)  # a name that is still being looked up would keep the interpreter for up to a minute


class _Mishaps:
    """An exception in a callback costs that one event. Where it comes again with every frame, the log must
    not grow with the session."""

    def __init__(self) -> None:
        self._left = _MISHAPS_LOGGED

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if self._left > 0:
            self._left -= 1
            loop.default_exception_handler(context)


def _log_to_file() -> None:
    """A traceback of the guard goes to a private file, never to the user's screen."""
    with contextlib.suppress(OSError):
        path = os.path.join(paths.state_dir(), "guard.log")
        start = os.O_TRUNC if os.path.exists(path) and os.path.getsize(path) > _LOG_LIMIT else os.O_APPEND
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | start, 0o600)
        os.dup2(fd, 2)
        os.close(fd)


if __name__ == "__main__":
    sys.exit(main())
