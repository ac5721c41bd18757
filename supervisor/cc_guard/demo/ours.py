"""What belongs to one demo: its processes, known by a variable of their environment, and its folders."""

import contextlib
import os
import shutil
import signal
import time

from cc_guard import paths

VARIABLE = "DEMO_OF_CC_GUARD"
"""Holds the demo's folder. Every process of the session inherits it; who starts the demo does not have it."""

_END_S = 5.0  # for everybody to end by themselves; then SIGTERM, then SIGKILL
_POLL_S = 0.1
_TRIES = 20


def processes(folder: str) -> list[int]:
    """Those of the demo that live, without this one."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(VARIABLE) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return [pid for pid in found if pid != os.getpid()]


def wait(folder: str, but: int = 0, most_s: float = _END_S) -> list[int]:
    """Until all have ended, or for so long: those that have not."""
    end = time.monotonic() + most_s
    while (left := [pid for pid in processes(folder) if pid != but]) and time.monotonic() < end:
        time.sleep(_POLL_S)
    return left


def end(folder: str) -> None:
    """All of them, gently first."""
    for number, most_s in ((0, _END_S), (signal.SIGTERM, 3.0), (signal.SIGKILL, 1.0)):
        left = processes(folder)
        for pid in left if number else ():
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        if not wait(folder, most_s=most_s):
            return


def remove(folder: str, made: list[str], session: int) -> None:
    """The folder, what a session that was killed has left beside it, and of the folders that were `made` for
    the demo those that nobody else uses."""
    run = paths.runtime_dir() if os.path.isdir(folder) else ""
    for name in os.listdir(run) if run and session else ():
        path = os.path.join(run, name)
        if name.startswith(f"session-{session}-"):
            shutil.rmtree(path, ignore_errors=True)
        elif name == f"guard-{session}.sock":
            with contextlib.suppress(OSError):
                os.unlink(path)
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            break
        time.sleep(_POLL_S)
    for path in made:
        with contextlib.suppress(OSError):
            os.rmdir(path)
