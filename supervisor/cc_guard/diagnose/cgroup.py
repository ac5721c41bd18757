"""The memory limit that this process lives under: cgroups(7), the kernel's cgroup-v2 and cgroup-v1/memory.

Containers, systemd units and CI runners set one, and neither /proc/meminfo nor most programs show it.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cc_guard.diagnose import tools

_MEMBERSHIP = "/proc/{pid}/cgroup"
_MOUNTS = "/proc/self/mountinfo"
# Version 1 says "no limit" with the largest number that is a multiple of the page size.
_NO_LIMIT = 2**60
_MB = 2**20


@dataclass(frozen=True)
class Limit:
    """In MiB. `used` is without file cache that can be dropped at once; `kills` by the kernel for want of
    memory; `pressure` is the share of time, in percent of the last 10 s, in which some task waited for
    memory, None where the kernel does not say. `folder` is the group's."""

    limit_mb: float
    used_mb: float
    kills: int
    pressure: float | None
    folder: str = field(default="", compare=False)


def of(pid: int | str = "self") -> Limit | None:
    """The tightest limit, of the process's own group or one above it; None when there is none."""
    limits = [limit for folder, version in _folders(pid) if (limit := _limit(folder, version))]
    return min(limits, key=lambda limit: limit.limit_mb - limit.used_mb, default=None)


def members(folder: str) -> set[int]:
    """The processes of the group and of all below it; empty when they can't be seen."""
    try:
        folders = [inner for inner, _, _ in os.walk(folder)]
    except ValueError:  # of what can't be a path
        return set()
    texts = (tools.read(os.path.join(inner, "cgroup.procs")) for inner in folders)
    return {pid for text in texts for pid in map(tools.to_int, text.split()) if pid}


def pressure(text: str) -> float | None:
    """`some avg10=1.23 …` of a pressure file: the kernel's accounting/psi."""
    match = re.search(r"^some avg10=(\d{1,3}\.\d{1,4})\b", text, re.MULTILINE | re.ASCII)
    return float(match[1]) if match else None


def _folders(pid: int | str) -> Iterator[tuple[str, int]]:
    """The folders of the group and of all above it, with the version of cgroups."""
    mounts = list(parse_mounts(tools.read(_MOUNTS, 1024 * 1024)))
    for version, path in parse_membership(tools.read(_MEMBERSHIP.format(pid=pid), 65536)):
        for mounted, root, point in mounts:
            if mounted != version:
                continue
            below = path.removeprefix(root) if root != "/" else path
            parts = [part for part in below.split("/") if part and part != ".."]
            for length in range(len(parts), -1, -1):
                yield "/".join([point, *parts[:length]]), version


def parse_membership(text: str) -> Iterator[tuple[int, str]]:
    """`0::/user.slice` is version 2, `4:memory:/docker/…` version 1."""
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield 2, path
        elif "memory" in controllers.split(","):
            yield 1, path


def parse_mounts(text: str) -> Iterator[tuple[int, str, str]]:
    """Version, root and mount point of each hierarchy that may limit memory: proc_pid_mountinfo(5)."""
    for line in text.splitlines():
        place, _, rest = line.partition(" - ")
        fields, kind = place.split(" "), rest.split(" ")
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            yield 2, fields[3], fields[4]
        elif kind[0] == "cgroup" and "memory" in kind[2].split(","):
            yield 1, fields[3], fields[4]


@dataclass(frozen=True)
class _Files:
    """Above `high` programs are not ended, but made to wait: systemd's MemoryHigh=."""

    limits: tuple[str, ...]
    used: str
    cache: str
    kills: str


_FILES = {
    2: _Files(("memory.max", "memory.high"), "memory.current", "inactive_file", "memory.events"),
    1: _Files(
        ("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file", "memory.oom_control"
    ),
}


def _limit(folder: str, version: int) -> Limit | None:
    files = _FILES[version]
    limits = [number for name in files.limits if (number := tools.read_int(os.path.join(folder, name)))]
    limit, used = min(limits, default=_NO_LIMIT), tools.read_int(os.path.join(folder, files.used))
    if used is None or limit >= _NO_LIMIT:
        return None
    cache = _entry(os.path.join(folder, "memory.stat"), files.cache)
    return Limit(
        limit / _MB,
        max(0, used - cache) / _MB,
        _entry(os.path.join(folder, files.kills), "oom_kill"),
        pressure(tools.read(os.path.join(folder, "memory.pressure"), 4096)),
        folder,
    )


def _entry(path: str, name: str) -> int:
    """A number of a file of `name number` lines; 0 when it is not there."""
    match = re.search(rf"^{name} (\d{{1,19}})$", tools.read(path, 65536), re.MULTILINE | re.ASCII)
    return int(match[1]) if match else 0
