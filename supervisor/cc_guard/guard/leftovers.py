"""What sessions that could not clean up have left: folders, and settings that a background job may read; and
the sockets of guards that were killed."""

import contextlib
import fcntl
import os
import shutil
import socket
import time

from cc_guard import paths

# A session that the client moved to the background may start again with its settings file (measured for
# `/bg`). A week is longer than such a job lives.
_KEPT_S = 7 * 24 * 3600
_BEING_MADE_S = 60
_CONNECT_S = 0.2


def sweep() -> None:
    """Remove what no living cc-guard owns. Errors are left for the next time."""
    folder = paths.runtime_dir()
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith("session-") and not _is_owned(path) and not _is_kept(path):
            shutil.rmtree(path, ignore_errors=True)
    folder = paths.socket_dir()
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith("guard-") and name.endswith(".sock") and _is_deaf(path):
            with contextlib.suppress(OSError):
                os.unlink(path)


def _is_owned(path: str) -> bool:
    """A lock tells across containers that share a home folder, where a process id would not."""
    try:
        with open(os.path.join(path, paths.LOCK)) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return time.time() - os.path.getmtime(path) < _BEING_MADE_S
    return False


def _is_deaf(path: str) -> bool:
    """ECONNREFUSED: nobody listens there any more, or not yet (unix(7))."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as caller:
        caller.settimeout(_CONNECT_S)
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            return time.time() - os.path.getmtime(path) > _BEING_MADE_S
        except OSError:
            return False
    return False


def _is_kept(path: str) -> bool:
    """Only the settings are left, and they are not old."""
    try:
        return "spool" not in os.listdir(path) and time.time() - os.path.getmtime(path) < _KEPT_S
    except OSError:
        return False
