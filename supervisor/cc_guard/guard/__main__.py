"""`python -P -m cc_guard.guard key=value …`, started by the relay and by nobody else."""

import asyncio
import contextlib
import os
import signal
import sys

from cc_guard import paths
from cc_guard.guard import arguments

_LOG_LIMIT = 256 * 1024
_NICE = 5  # where cores are short, the client and the relay go first


def main() -> int:
    with contextlib.suppress(OSError):
        os.setsid()  # the terminal's signals are for the session, not for the guard
    os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _log_to_file()
    given = arguments.parse(sys.argv[1:])
    asyncio.run(_run(given))
    return 0


async def _run(given: arguments.Arguments) -> None:
    from cc_guard.guard.session import GuardSession

    await GuardSession(given).run()


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
