"""The processes of this machine, as far as they can be seen without root.

Linux: /proc/PID/stat and cmdline, proc_pid_stat(5), proc_pid_cmdline(5). macOS: one `ps`, ps(1).
Arguments may hold secrets: they are for finding programs, and never become evidence.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

from cc_guard.diagnose import tools
from cc_guard.diagnose.facts import Facts

_PROC = "/proc"
_MOST_ARGUMENTS = 16384
_PS = ("ps", "-axo", "pid=,ppid=,rss=,args=")
_PS_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Process:
    """`name` is the program's file name without its folder, `mb` the resident memory in MiB."""

    pid: int
    parent: int
    name: str
    arguments: tuple[str, ...]
    mb: float


async def table(facts: Facts) -> list[Process]:
    """All that can be seen, in no order; empty when none can."""
    if facts.system == "linux":
        return _from_proc()
    return parse_ps((await tools.run(*_PS, timeout_s=_PS_TIMEOUT_S)).text)


_once: WeakKeyDictionary[asyncio.AbstractEventLoop, "asyncio.Task[list[Process]]"] = WeakKeyDictionary()


async def once(facts: Facts) -> list[Process]:
    """The same, looked up once for all that ask in one event loop: a diagnosis."""
    loop = asyncio.get_running_loop()
    if loop not in _once:
        _once[loop] = loop.create_task(table(facts))
    return await asyncio.shield(_once[loop])  # one probe's deadline is not the others'


def largest(processes: Iterable[Process], count: int = 5) -> list[dict[str, object]]:
    """The `count` with the most memory, as evidence."""
    ordered = sorted(processes, key=lambda process: -process.mb)[:count]
    return [{"pid": process.pid, "name": process.name, "mb": round(process.mb)} for process in ordered]


def below(processes: Iterable[Process], root: int) -> set[int]:
    """`root` and everything it started, by process id."""
    children: dict[int, list[int]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process.pid)
    found = {root}
    waiting = [root]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def parse_ps(text: str) -> list[Process]:
    """Lines of pid, parent, resident KiB and the arguments, which `ps` joins with blanks."""
    found = []
    for line in text.splitlines():
        parts = line.split(None, 3)
        numbers = [tools.to_int(part) for part in parts[:3]]
        if len(parts) < 4 or None in numbers:
            continue
        pid, parent, kib = (number or 0 for number in numbers)
        found.append(Process(pid, parent, _name(parts[3]), tuple(parts[3].split()), kib / 1024))
    return found


def _name(command: str) -> str:
    """macOS programs have blanks in their paths; the name ends at the first option, or at the end."""
    if not command.startswith("/"):
        return os.path.basename(command.split()[0])
    folder, _, rest = command.partition(".app/Contents/MacOS/")
    path = rest if rest else folder.split(" -", 1)[0].split()[0]
    return os.path.basename(path.split(" -", 1)[0].rstrip())


def _from_proc() -> list[Process]:
    page_mb = os.sysconf("SC_PAGE_SIZE") / 2**20
    found = []
    for entry in _listed(_PROC):
        if not entry.isdigit():
            continue
        process = parse_stat(
            tools.read(f"{_PROC}/{entry}/stat", 4096),
            partial(tools.read, f"{_PROC}/{entry}/cmdline", _MOST_ARGUMENTS),
            page_mb,
        )
        if process is not None:
            found.append(process)
    return found


def parse_stat(stat: str, arguments: Callable[[], str], page_mb: float) -> Process | None:
    """The name stands in brackets and may hold anything; field 4 is the parent, 24 the resident pages."""
    head, _, tail = stat.rpartition(")")
    number, _, name = head.partition("(")
    fields = tail.split()
    pid = tools.to_int(number)
    if pid is None or len(fields) < 22:
        return None
    parent, pages = tools.to_int(fields[1]), tools.to_int(fields[21])
    if parent is None or pages is None:
        return None
    argv = tuple(arguments().rstrip("\0").split("\0")) if pages else ()
    return Process(pid, parent, name, argv, pages * page_mb)


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def holders(inodes: set[int]) -> dict[int, int]:
    """Linux: how many of these sockets each process holds, as far as its files can be seen."""
    found = {}
    for entry in _listed(_PROC):
        held = len(inodes & (socket_inodes(int(entry)) or set())) if entry.isdigit() else 0
        if held:
            found[int(entry)] = held
    return found


def socket_inodes(pid: int) -> set[int] | None:
    """Linux: which sockets a process has open; None when its files can't be seen."""
    folder = f"{_PROC}/{pid}/fd"
    try:
        numbers = os.listdir(folder)
    except OSError:
        return None
    links = (_link(f"{folder}/{number}") for number in numbers)
    inodes = (tools.to_int(link[8:-1]) for link in links if link.startswith("socket:["))
    return {inode for inode in inodes if inode is not None}


def name_of(pid: int) -> str:
    """Linux: the program's name, "" for a process that is gone."""
    return tools.read(f"{_PROC}/{pid}/comm", 64).strip()


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
