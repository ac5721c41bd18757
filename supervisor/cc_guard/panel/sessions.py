"""The sessions of this user that have a guard now."""

import glob
import json
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from cc_guard import paths
from cc_guard.panel import state
from cc_guard.panel.state import Snapshot

_WAIT_S = 1.0
_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Session:
    path: str
    relay: int
    now: Snapshot


def running() -> list[Session]:
    """By their sockets; one that nobody listens at is no session. Takes at most a second for each."""
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(paths.socket_dir()), "guard-*.sock"))):
        name = re.fullmatch(r"guard-(\d{1,9})\.sock", os.path.basename(path))
        if name is None:
            continue
        now = _asked(path)
        if now is not None:
            found.append(Session(path, int(name[1]), now))
    return found


def named(sessions: Sequence[Session], word: str) -> list[Session]:
    """Those that are meant by a session id, the beginning of one, or the process id of the relay."""
    exact = [one for one in sessions if word in (one.now.session, str(one.relay))]
    return exact or [one for one in sessions if one.now.session.startswith(word)]


def _asked(path: str) -> Snapshot | None:
    try:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(_WAIT_S)
            stream.connect(path)
            with stream.makefile("rb") as file:
                message = json.loads(file.readline(_LIMIT))
    except (OSError, ValueError, RecursionError):
        return None
    return state.read(message) if isinstance(message, dict) else None
