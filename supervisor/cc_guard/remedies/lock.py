"""The right to change one thing of the machine: a lock that a command inherits, and keeps if we die.

The lock is flock(2) on an open file, and the file is every command's standard input: it is locked until the
last process that has it is gone, also through sudo, which closes all other descriptors.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import signal
import time
from dataclasses import asdict

from cc_guard.owner import Owner

_POLL_S = 0.05
# How long a command that was left behind may still take before it is ended.
_LEFT_S = 3.0
_AT_END = 1 << 20  # whoever reads the file finds its end


class Busy(Exception):
    """Somebody else has the lock; the text says who, in one line."""


class Lock:
    """A lock that is held. `descriptor` is for the standard input of commands; one that `hangs` keeps it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.hangs = False
        self._holder = Owner.current()
        os.lseek(descriptor, _AT_END, os.SEEK_SET)
        self.lent_to(0)

    def lent_to(self, pid: int) -> None:
        """A command has the lock from now on, too."""
        told = {"holder": asdict(self._holder), "command": asdict(Owner.of(pid)) if pid else None}
        data = json.dumps(told).encode()
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, data, 0)

    def release(self) -> None:
        if not self.hangs:  # whatever a command has left in the background
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)


async def take(folder: str, key: str, wait_s: float) -> Lock:
    """The lock for what `key` names. A command whose starter is dead gets a few seconds, and is then ended.
    Raises Busy."""
    name = f"lock-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    descriptor = os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    started = time.monotonic()
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return Lock(descriptor)
            waited = time.monotonic() - started
            if waited > _LEFT_S:
                _end_left(descriptor, signal.SIGTERM if waited < 2 * _LEFT_S else signal.SIGKILL)
            if waited > wait_s:
                raise Busy(_who(descriptor))
            await asyncio.sleep(_POLL_S)
    except BaseException:
        os.close(descriptor)
        raise


def _told(descriptor: int) -> tuple[Owner | None, Owner | None]:
    try:
        told = json.loads(os.pread(descriptor, 4096, 0))
        command = told["command"] and Owner(**told["command"])
        return Owner(**told["holder"]), command
    except (ValueError, TypeError, KeyError):
        return None, None


def _end_left(descriptor: int, number: signal.Signals) -> None:
    """End the command of a holder that is gone: nobody waits for its deadline any more. sudo passes SIGTERM
    on to what it runs, and can't pass on SIGKILL."""
    holder, command = _told(descriptor)
    if holder is None or command is None or not holder.is_gone() or command.is_gone() is not False:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(command.pid, number)


def _who(descriptor: int) -> str:
    holder, command = _told(descriptor)
    if command is not None and command.is_gone() is False:
        return f"a command is still changing it (process {command.pid})"
    return f"another cc-guard is changing it (process {holder.pid})" if holder else "somebody else changes it"
