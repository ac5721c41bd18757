"""Early warnings: what runs out here before the network fails, by the thresholds of the profile.

Read from /proc (proc_pid_net(5), proc_meminfo(5), the kernel's nf_conntrack-sysctl); where there is none, as
on macOS, nothing is measured and nothing is said.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from cc_guard.incident.record import Finding

_EVERY_S = 30.0
_LIMIT = 65536
# A value that swings around its threshold is told of once.
_OVER_AGAIN = 0.9

Read = Callable[[str], str]


class Early:
    """`warn`: thresholds by name, from `Profile.warn`. `read(path)` gives a file's text, or OSError."""

    def __init__(self, warn: Mapping[str, float], read: Read | None = None) -> None:
        self._warn = warn
        self._read = read or _file
        self._told: set[str] = set()
        self._next = 0.0

    def due(self, now: float | None = None) -> list[Finding]:
        """What has crossed its threshold since the last time; looks at most every half a minute."""
        now = time.monotonic() if now is None else now
        if now < self._next or not self._warn:
            return []
        self._next = now + _EVERY_S
        return self.look()

    def look(self) -> list[Finding]:
        found = []
        for name, (value, evidence) in self._values().items():
            threshold = self._warn.get(name)
            if threshold is None:
                continue
            falls = name.endswith("_mb")  # of these less is worse
            if value < threshold if falls else value > threshold:
                if name not in self._told:
                    self._told.add(name)
                    found.append(Finding(f"early.{name}", "warn", _TEXTS[name].format(**evidence), evidence))
            elif value > threshold / _OVER_AGAIN if falls else value < threshold * _OVER_AGAIN:
                self._told.discard(name)
        return found

    def _values(self) -> dict[str, tuple[float, dict[str, Any]]]:
        values: dict[str, tuple[float, dict[str, Any]]] = {}
        for look in (self._ports, self._conntrack, self._memory):
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError, ZeroDivisionError):
                values |= look()
        return values

    def _ports(self) -> dict[str, tuple[float, dict[str, Any]]]:
        first, last = map(int, self._read("/proc/sys/net/ipv4/ip_local_port_range").split())
        lines = self._read("/proc/net/sockstat").splitlines()
        words = next((line for line in lines if line.startswith("TCP:")), "").split()
        counts = dict(zip(words[1::2], map(int, words[2::2]), strict=True))
        closing, size = counts["tw"], last - first + 1
        used = counts["inuse"] + closing
        evidence = {"used": used, "of": size, "time_wait": closing}
        return {
            "ports_used": (used / size, evidence),
            # Of a few ports in use any share is nothing to worry about.
            "time_wait": (closing / used if used > size / 4 else 0.0, evidence),
        }

    def _conntrack(self) -> dict[str, tuple[float, dict[str, Any]]]:
        folder = "/proc/sys/net/netfilter/nf_conntrack_"
        count, most = int(self._read(folder + "count")), int(self._read(folder + "max"))
        return {"conntrack_used": (count / most, {"used": count, "of": most})}

    def _memory(self) -> dict[str, tuple[float, dict[str, Any]]]:
        kilobytes = {
            line.partition(":")[0]: int(line.split()[1])
            for line in self._read("/proc/meminfo").splitlines()
            if line.endswith("kB")
        }
        available = round(kilobytes["MemAvailable"] / 1024)
        values: dict[str, tuple[float, dict[str, Any]]] = {
            "memory_available_mb": (available, {"available_mb": available})
        }
        total = kilobytes["SwapTotal"]
        if total:
            used = total - kilobytes["SwapFree"]
            evidence = {"used_mb": round(used / 1024), "total_mb": round(total / 1024)}
            values["swap_used"] = (used / total, evidence)
        return values


_TEXTS = {
    "ports_used": "{used} of {of} local ports are in use: when none is left, nothing can connect any more.",
    "time_wait": "{time_wait} of {used} local ports in use belong to connections that are closed already.",
    "conntrack_used": "The firewall's table of connections is nearly full: {used} of {of}.",
    "memory_available_mb": "{available_mb} MB of memory are left: Claude Code may be stopped or become slow.",
    "swap_used": "The swap is nearly full: {used_mb} of {total_mb} MB.",
}


def _file(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read(_LIMIT)
