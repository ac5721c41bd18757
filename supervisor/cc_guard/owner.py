"""Which process a stored thing belongs to, and whether that process is gone.

A pid alone comes back after a while; a pid with its start time does not. On Linux the start time counts
from boot and pids are local to a namespace, so both are part of the identity.
"""

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass

# `ps` of a busy machine answers within tens of milliseconds; longer means that it hangs.
_PS_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. `host` names boot and pid namespace (empty outside Linux), `started` is opaque text."""

    pid: int
    host: str
    started: str

    @classmethod
    def current(cls) -> "Owner":
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> "Owner":
        """Another process, as seen from here; `started` is empty when there is none, or nobody knows."""
        return cls(pid, _host(), _start_time(pid) or "")

    def is_gone(self) -> bool | None:
        """Whether the process has ended. None: it lives in a namespace that can't be seen from here."""
        boot, _, namespace = self.host.partition(" ")
        here_boot, _, here_namespace = _host().partition(" ")
        if boot != here_boot:
            return True
        if namespace != here_namespace:
            return None
        started = _start_time(self.pid)
        return None if started is None else not started or started != self.started


def _host() -> str:
    if sys.platform != "linux":
        return ""
    boot = namespace = ""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    return f"{boot} {namespace}"


def _start_time(pid: int) -> str | None:
    """When `pid` started, empty when there is no such process (or only its zombie), None when unknown."""
    return _from_proc(pid) if sys.platform == "linux" else _from_ps(pid)


def _from_proc(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    except OSError:
        return None
    # proc(5): the name, field 2, is in parentheses and may hold anything; then state is 3 and starttime 22.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _from_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    # lstart is local time in words: without these two it would change with the traveller.
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    try:
        result = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PS_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    state, _, started = result.stdout.decode(errors="replace").strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()
