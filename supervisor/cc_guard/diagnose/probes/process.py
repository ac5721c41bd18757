"""Claude Code's processes: the client of this incident, and other sessions at work on this machine."""

import fcntl
import os
import time
from contextlib import suppress
from typing import Any

from cc_guard import paths
from cc_guard.diagnose import processes, sockets, tools
from cc_guard.diagnose.facts import Facts
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.processes import Process
from cc_guard.incident.record import Finding

# What users report as "too many at once" starts with half a dozen sessions: each has its own connections and
# tools, and they share one account's limits. Half of all memory leaves too little for what they start.
_MANY = 6
_MEMORY_SHARE = 0.5
_PACKAGE = "@anthropic-ai/claude-code"


async def _sessions(context: Context) -> list[Finding]:
    """Other Claude Code processes than the client. Evidence: count, mb (resident, with all that they
    started), others ([{pid, cwd (the folder's name alone; None when unknown), mb}], the largest first),
    guarded (sessions of cc-guard that are held now, this one too)."""
    running = await processes.once(context.facts)
    own = processes.below(running, context.client_pid) if context.client_pid else set()
    found = [process for process in roots(running) if process.pid not in own]
    sizes = {process.pid: _size(running, process.pid) for process in found}
    found.sort(key=lambda process: -sizes[process.pid])
    mb = sum(sizes.values())
    evidence: dict[str, Any] = {
        "count": len(found),
        "mb": round(mb),
        "others": [
            {"pid": one.pid, "cwd": _folder(one.pid, context.facts), "mb": round(sizes[one.pid])}
            for one in found[:10]
        ],
        "guarded": _guarded(),
    }
    if not found:
        return [Finding("sessions", "pass", "no other Claude Code is running", evidence)]
    other = "other " if context.client_pid else ""
    plural = "s" if len(found) > 1 else ""
    text = f"{len(found)} {other}Claude Code session{plural}, {mb / 1024:.1f} GB of memory"
    total = _total_mb()
    many = len(found) >= _MANY or (total is not None and mb >= total * _MEMORY_SHARE)
    if many:
        text += ": they share this machine, and the limits of an account"
        return [Finding("sessions", "warn", text, evidence)]
    return [Finding("sessions", "pass", text, evidence)]


def roots(running: list[Process]) -> list[Process]:
    """Claude Code's processes that no other of them started."""
    clients = {process.pid: process for process in running if is_client(process)}
    parents = {process.pid: process.parent for process in running}
    return [process for process in clients.values() if not _started_by(process.parent, parents, clients)]


def _started_by(pid: int, parents: dict[int, int], clients: dict[int, Process]) -> bool:
    seen: set[int] = set()
    while pid in parents and pid not in seen:
        if pid in clients:
            return True
        seen.add(pid)
        pid = parents[pid]
    return False


def is_client(process: Process) -> bool:
    """The native build is a program called claude; the Node builds call themselves so, or are Node with the
    package's cli.js (measured on 1.0.120, 2.0.60 and 2.1.330)."""
    if not process.arguments:
        return False
    first = os.path.basename(process.arguments[0])
    if first in ("claude", "claude.exe"):
        return True
    return first in ("node", "bun") and any(_PACKAGE in word for word in process.arguments[1:3])


def _size(running: list[Process], root: int) -> float:
    below = processes.below(running, root)
    return sum(process.mb for process in running if process.pid in below)


def _folder(pid: int, facts: Facts) -> str | None:
    if facts.system != "linux":
        return None
    with suppress(OSError):
        return os.path.basename(os.readlink(f"/proc/{pid}/cwd")) or "/"
    return None


def _total_mb() -> float | None:
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    return None


def _guarded() -> int:
    """A session's folder is locked as long as its cc-guard lives (cc_guard.launch.session). Looking for the
    folder must not make it."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    state = os.environ.get("XDG_STATE_HOME", "") or os.path.expanduser("~/.local/state")
    folders = (os.path.join(base, "cc-guard"), os.path.join(state, "cc-guard", "run"))
    return sum(_is_locked(path) for folder in folders if os.path.isabs(folder) for path in _locks(folder))


def _locks(folder: str) -> list[str]:
    with suppress(OSError):
        names = [name for name in os.listdir(folder) if name.startswith("session-")]
        return [os.path.join(folder, name, paths.LOCK) for name in names]
    return []


def _is_locked(path: str) -> bool:
    try:
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


async def _client(context: Context) -> list[Finding]:
    """Evidence: pid, established, syn_sent, close_wait (the process's TCP sockets in these states), by_state,
    to_api (those towards the API's or the proxy's port), rss_mb, age_s, stopped (bool). None for what can't
    be seen; cc-guard's own pause stops the process, too."""
    pid = context.client_pid or 0
    look = _linux_client if context.facts.system == "linux" else _psutil_client
    seen = look(pid)
    if seen is None:
        return [Finding("client.process", "fail", "the client has ended", {"pid": pid})]
    held, evidence = seen
    route = context.configuration.route
    hop = route and (route.proxy or route)
    states = sockets.by_state(held or [])
    evidence |= {
        "pid": pid,
        "established": None if held is None else states.get("ESTABLISHED", 0),
        "syn_sent": None if held is None else states.get("SYN_SENT", 0),
        "close_wait": None if held is None else states.get("CLOSE_WAIT", 0),
        "by_state": None if held is None else states,
        "to_api": None if held is None or not hop else sum(one.remote_port == hop.port for one in held),
    }
    memory = "" if evidence["rss_mb"] is None else f", {evidence['rss_mb']} MB"
    total = _total_mb()
    huge = total is not None and (evidence["rss_mb"] or 0) >= total * _MEMORY_SHARE
    if huge:
        text = (
            f"the client has {evidence['rss_mb'] / 1024:.1f} GB of this machine's memory, half of it or more"
        )
        return [Finding("client.process", "warn", text, evidence)]
    if held is None:
        return [Finding("client.process", "pass", f"runs{memory}; its sockets can't be seen", evidence)]
    text = f"runs{memory}, {evidence['established']} open connections"
    waiting = f", {evidence['syn_sent']} without an answer yet" if evidence["syn_sent"] else ""
    half = f", {evidence['close_wait']} closed by the other side" if evidence["close_wait"] else ""
    return [Finding("client.process", "pass", f"{text}{waiting}{half}", evidence)]


def _linux_client(pid: int) -> tuple[list[sockets.Socket] | None, dict[str, Any]] | None:
    stat = tools.read(f"/proc/{pid}/stat", 4096)
    process = processes.parse_stat(stat, lambda: "", os.sysconf("SC_PAGE_SIZE") / 2**20)
    fields = stat.rpartition(")")[2].split()
    if process is None or fields[0] in ("Z", "X"):
        return None
    # Field 22 is the start, in clock ticks since the boot: proc_pid_stat(5).
    started = (tools.to_int(fields[19]) or 0) / os.sysconf("SC_CLK_TCK")
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - started
    evidence = {
        "rss_mb": round(process.mb),
        "age_s": round(max(0.0, age)),
        "stopped": fields[0] in ("T", "t"),
    }
    inodes = processes.socket_inodes(pid)
    if inodes is None:
        return None if process is None else (None, evidence)
    return [one for one in sockets.of_namespace(pid) if one.inode in inodes], evidence


def _psutil_client(pid: int) -> tuple[list[sockets.Socket] | None, dict[str, Any]] | None:
    import psutil

    try:
        process = psutil.Process(pid)
        evidence = {
            "rss_mb": round(process.memory_info().rss / 2**20),
            "age_s": round(max(0.0, time.time() - process.create_time())),
            "stopped": process.status() == psutil.STATUS_STOPPED,
        }
    except psutil.NoSuchProcess:
        return None
    except (psutil.Error, OSError):
        return None, {"rss_mb": None, "age_s": None, "stopped": None}
    try:
        held = process.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None, evidence
    return [_socket(one) for one in held], evidence


def _socket(one: Any) -> sockets.Socket:
    remote = one.raddr or ("", 0)
    return sockets.Socket(one.laddr[1] if one.laddr else 0, remote[0], remote[1], one.status)


def _no_client(context: Context) -> str:
    return "" if context.client_pid else "no session of cc-guard is looked at"


PROBES = (
    Probe("sessions", "Claude Code", _sessions, deadline_s=2.0, later=True),
    Probe("client.process", "Claude Code", _client, absent=_no_client, deadline_s=2.0),
)
