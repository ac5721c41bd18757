"""How the client and this machine fare: latencies by the transcript, memory, local ports, virtual machines.

The latencies are noted as they come. The machine is looked at only while somebody is connected to the guard,
every few seconds, and the list of its processes, which costs most, more rarely.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cc_guard.channels import facts

if TYPE_CHECKING:
    from cc_guard.channels.spool import HookEvent
    from cc_guard.detect.trend import Trend
    from cc_guard.diagnose.processes import Process

_KEPT = 40  # requests: as many as a sparkline shows
_SAMPLE_S = 5.0
_PROCESSES_S = 30.0
_LONGEST_S = 3600.0  # a request that takes longer was interrupted by sleep
_MEMINFO, _SOCKSTAT = "/proc/meminfo", "/proc/net/sockstat"
_PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
_SMALL = 16384  # bytes of such a file
_TOOL_S = 1.0

# A process of each that runs exactly as long as one virtual machine. Names are cut at 15 characters on Linux.
_MACHINES = {
    "com.apple.Virtualization.VirtualMachine": "macOS virtual machine",
    "qemu-system-x86": "QEMU",
    "qemu-system-aar": "QEMU",
    "qemu-system-x86_64": "QEMU",
    "qemu-system-aarch64": "QEMU",
    "VBoxHeadless": "VirtualBox",
    "VirtualBoxVM": "VirtualBox",
    "vmware-vmx": "VMware",
    "prl_vm_app": "Parallels",
}


class Latency:
    """Of each request of the conversation, in seconds, by the client's own times: until the first part of
    the answer was complete, and until the last one. The transcript has no request's end: it is known when
    the next begins."""

    def __init__(self) -> None:
        self._asked: float | None = None
        self._first: float | None = None
        self._last = 0.0
        self._done: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self.answered_at: float | None = None

    def row(self, row: facts.Row) -> None:
        t = _time_of(row)
        if t is None or facts.is_sidechain(row):
            return
        if facts.is_progress(row):
            self.answered_at = t
            if self._asked is not None:
                self._first = self._first or t
                self._last = t
        elif facts.is_interrupted(row) or facts.is_api_error(row):
            self._asked = self._first = None
        elif facts.is_request(row):
            self._close()
            self._asked = t

    def _close(self) -> None:
        if self._asked is not None and self._first is not None:
            first, whole = self._first - self._asked, self._last - self._asked
            if 0 <= first <= whole <= _LONGEST_S:
                self._done.append((first, whole))
        self._asked = self._first = None

    def all(self) -> list[tuple[float, float]]:
        """First part and whole of each, the one that is under way as far as it has got."""
        running = []
        if self._asked is not None and self._first is not None:
            running = [(self._first - self._asked, self._last - self._asked)]
        return [*self._done, *running][-_KEPT:]


@dataclass(frozen=True)
class Sample:
    """Memory in MiB; None for what can't be read here."""

    client_mb: float | None = None
    available_mb: float | None = None
    total_mb: float | None = None
    ports: int | None = None
    ports_of: int | None = None
    machines: tuple[str, ...] = ()


class Vitals:
    """A listener of the channels. `relay` is the process id of the session's relay."""

    def __init__(self, trend: "Trend", relay: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._trend = trend
        self._relay = relay
        self._clock = clock
        self._latency = Latency()
        self._sample = Sample()
        self._sampled = self._listed = -_PROCESSES_S
        self._task: asyncio.Task[None] | None = None

    def row(self, row: facts.Row) -> None:
        self._latency.row(row)

    def hook(self, event: "HookEvent") -> None:
        """Hooks tell no latencies."""

    def tick(self, watched: bool) -> None:
        """Look at the machine, if somebody wants to know and it is time to."""
        now = self._clock()
        busy = self._task is not None and not self._task.done()
        if watched and not busy and now - self._sampled >= _SAMPLE_S:
            self._sampled = now
            listed = now - self._listed >= _PROCESSES_S
            self._listed = now if listed else self._listed
            self._task = asyncio.get_running_loop().create_task(self._look(listed))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def to_json(self) -> dict[str, Any]:
        """Sparse: a value that nobody knows is None. Rounded, so that it changes only with a difference that
        people can see."""
        done, sample, sign = self._latency.all(), self._sample, self._trend.sign()
        return {
            "first_words_s": [round(first, 1) for first, _ in done],
            "request_s": [round(whole, 1) for _, whole in done],
            "client_mb": _steps(sample.client_mb, 10),
            "available_mb": _steps(sample.available_mb, 100),
            "total_mb": _steps(sample.total_mb, 100),
            "ports": _steps(sample.ports, 10),
            "ports_of": sample.ports_of,
            "machines": list(sample.machines),
            "warning": sign.text if sign is not None else "",
        }

    async def _look(self, list_processes: bool) -> None:
        with contextlib.suppress(OSError, ValueError, ImportError):
            available, total = _memory()
            ports, ports_of = await _ports()
            client, machines = self._sample.client_mb, self._sample.machines
            if list_processes:
                client, machines = await self._processes()
            self._sample = Sample(client, available, total, ports, ports_of, machines)

    async def _processes(self) -> tuple[float | None, tuple[str, ...]]:
        from cc_guard.diagnose import processes
        from cc_guard.diagnose.facts import read

        table = await processes.table(read())
        client = client_mb(table, self._relay, os.getpid())
        return client, machines_of(table)


def client_mb(table: "Iterable[Process]", relay: int, guard: int) -> float | None:
    """The client with all that it has started: everything below the relay but the guard's branch. None when
    there is nothing."""
    from cc_guard.diagnose.processes import below

    rows = list(table)
    ours = below(rows, guard) | {relay}
    own = [one.mb for one in rows if one.pid in below(rows, relay) - ours]
    return sum(own) if own else None


def machines_of(table: "Iterable[Process]") -> tuple[str, ...]:
    """The virtual machines that run, by the name of their program."""
    found = [_MACHINES.get(one.name) for one in table]
    return tuple(sorted(name for name in found if name is not None))


def _memory() -> tuple[float | None, float | None]:
    """What programs can still get, and all, in MiB."""
    if sys.platform == "linux":
        rows = dict(line.split(":", 1) for line in _read(_MEMINFO).splitlines() if ":" in line)
        return _mib(rows.get("MemAvailable")), _mib(rows.get("MemTotal"))
    import psutil

    memory = psutil.virtual_memory()
    return memory.available / 2**20, memory.total / 2**20


def _mib(text: str | None) -> float | None:
    """`16318480 kB`: proc_meminfo(5)."""
    number = (text or "").split()[:1]
    return int(number[0]) / 1024 if number and number[0].isdecimal() else None


async def _ports() -> tuple[int | None, int | None]:
    """TCP sockets that have a local port, waiting ones too, and how many ports there are for connections."""
    if sys.platform == "linux":
        words = next((line.split() for line in _read(_SOCKSTAT).splitlines() if line.startswith("TCP:")), [])
        counts = dict(zip(words[1::2], words[2::2], strict=False))
        used = int(counts["inuse"]) + int(counts["tw"]) if {"inuse", "tw"} <= counts.keys() else None
        ends = [int(word) for word in _read(_PORT_RANGE).split()]
        return used, ends[1] - ends[0] + 1 if len(ends) == 2 else None
    from cc_guard.diagnose import tools

    names = ("net.inet.tcp.pcbcount", "net.inet.ip.portrange.first", "net.inet.ip.portrange.last")
    ran = await tools.run("sysctl", "-n", *names, timeout_s=_TOOL_S)
    numbers = [int(word) for word in ran.text.split()]
    return (numbers[0], abs(numbers[2] - numbers[1]) + 1) if len(numbers) == 3 else (None, None)


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read(_SMALL)


def _steps(value: float | None, step: int) -> int | None:
    return None if value is None else round(value / step) * step


def _time_of(row: facts.Row) -> float | None:
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(row["timestamp"])).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None
