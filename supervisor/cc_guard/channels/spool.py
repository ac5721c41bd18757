"""The maildir through which hooks reach the guard: hooks/cc-guard-hook writes, the guard reads.

`new/` holds one file for each event, complete, named EVENT.PID; `tmp/` holds those being written.
`create` is called before the client starts, so this file imports little; what is costly is imported late.
"""

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The payload holds the user's prompt or the last answer: kilobytes. The rest is not worth its memory.
_SIZE_LIMIT = 1_000_000


class HookEvent:
    """One call of a hook: its event, its time in seconds since the epoch, and what the client said."""

    __slots__ = ("event", "payload", "t")

    def __init__(self, event: str, t: float, payload: "dict[str, Any]") -> None:
        self.event, self.t, self.payload = event, t, payload

    def __repr__(self) -> str:
        return f"HookEvent({self.event!r}, {self.t!r}, {self.payload!r})"


def create(folder: str) -> None:
    """Make the spool, for this user alone."""
    for path in (folder, os.path.join(folder, "tmp"), os.path.join(folder, "new")):
        os.makedirs(path, mode=0o700, exist_ok=True)


def read(folder: str) -> list[HookEvent]:
    """The events that have arrived since the last call, oldest first; they leave the spool.

    Garbage and payloads over 1 MB leave it unread. A spool that is gone has no events.
    """
    arrived = sorted(_arrived(os.path.join(folder, "new")))
    found = [_take(path, name.partition(".")[0], t_ns) for t_ns, _, name, path in arrived]
    return [event for event in found if event is not None]


def _arrived(folder: str) -> "list[tuple[int, int, str, str]]":
    entries = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                number = entry.name.rpartition(".")[2]
                # Two events within one tick of the clock (4 ms): the later process has the higher pid.
                pid = int(number) if number.isdecimal() else 0
                entries.append((entry.stat(follow_symlinks=False).st_mtime_ns, pid, entry.name, entry.path))
    except OSError:
        pass
    return entries


def _take(path: str, event: str, t_ns: int) -> HookEvent | None:
    import json

    try:
        payload = json.loads(_content(path))
    except (OSError, ValueError, RecursionError):
        payload = None
    try:
        os.unlink(path)
    except OSError:
        return None  # else it would be told again each time
    return HookEvent(event, t_ns / 1e9, payload) if isinstance(payload, dict) else None


def _content(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _SIZE_LIMIT:
            raise ValueError("not an event")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(_SIZE_LIMIT)
    finally:
        os.close(descriptor)
