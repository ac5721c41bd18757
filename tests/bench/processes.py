"""The processes of one session: which there are, what they weigh, what they use.

A session's processes are found by a mark in their environment, not by descent: a tmux server and a helper
that detaches itself belong to the wrapper too.  The child program is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from .contestants import Contestant

MARK = "BENCH_SESSION"


@dataclass(frozen=True)
class Usage:
    """One process at one moment.  Memory in bytes, CPU in seconds since its start.

    `uss` is what the process alone holds, `pss` adds its share of the pages it has in common with others:
    a forked shim shows the whole RSS of the relay but owns next to nothing.  Where the system has no PSS
    it is None.
    """

    pid: int
    role: str
    rss: int
    uss: int
    pss: int | None
    cpu: float


def find(mark: str, root: int) -> list[psutil.Process]:
    """Everything that carries the mark, and everything below the process the harness started."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.add(process)
        except psutil.Error:
            continue  # gone, or somebody else's
    try:
        top = psutil.Process(root)
        found |= {top, *top.children(recursive=True)}
    except psutil.NoSuchProcess:
        pass
    return sorted(found, key=lambda process: int(process.pid))


def wrapper_usage(contestant: Contestant, mark: str, root: int, program: str) -> list[Usage]:
    """The wrapper's own processes: those of the session that are not the child program."""
    usage = []
    root_command: list[str] = []
    for process in find(mark, root):
        try:
            command: list[str] = process.cmdline()
            if process.pid == root:
                root_command = command
            if program in command[:2]:  # [1] for a script: its interpreter comes first
                continue
            role = _role(contestant, process.name(), command, process.pid == root, command == root_command)
            memory = process.memory_full_info()
            times = process.cpu_times()
            usage.append(
                Usage(
                    process.pid,
                    role,
                    memory.rss,
                    memory.uss,
                    getattr(memory, "pss", None),
                    times.user + times.system,
                )
            )
        except psutil.NoSuchProcess:
            continue
    return usage


def _role(contestant: Contestant, name: str, command: list[str], root: bool, fork_of_root: bool) -> str:
    for piece, role in contestant.roles:
        if piece in name or piece in " ".join(command):
            return role
    if root:
        return contestant.root_role
    return "shim" if fork_of_root else name


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run.  A zombie does not: not every container has an init that reaps it."""
    running = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
        except psutil.NoSuchProcess:
            continue
    return running


def end(processes: Iterable[psutil.Process]) -> list[str]:
    """Ends by pid what is left of a session: TERM, two seconds later KILL.  Returns what was done."""
    names = []
    left = alive(processes)
    for act in (psutil.Process.terminate, psutil.Process.kill):
        for process in left:
            try:
                names.append(f"{act.__name__} {' '.join(process.cmdline())[:60]}")
                act(process)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=2)
        left = alive(left)
    return names
