"""Memory: what is left, what is swapped, what the kernel says about waiting for it, and who has most.

A client that waits for memory answers late or is killed, and what it shows is a stall or a reset.
"""

import asyncio
import re
from typing import Any, Literal

from cc_guard.diagnose import cgroup, processes, tools
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

Level = Literal["ok", "low", "critical"]

# earlyoom(1) ends programs when less than 10 % of memory and of swap are left, and kills at 5 %. On large
# machines that is still plenty; a client needs 0.5 to 1 GB with its tools, so less than that has to be left.
_LOW, _LOW_MB = 0.10, 1024
_CRITICAL, _CRITICAL_MB = 0.05, 512
# systemd-oomd kills at 60 % of time lost to waiting for memory (DefaultMemoryPressureLimit, oomd.conf(5)).
# A tenth of the time lost is felt: requests with a deadline of seconds still make it.
_PSI_CRITICAL, _PSI_LOW = 60.0, 10.0
# kern.memorystatus_vm_pressure_level: 1 normal, 2 warn, 4 critical, as DISPATCH_MEMORYPRESSURE_* in Apple's
# dispatch/source.h.
_MACOS_LEVELS: dict[int, Level] = {1: "ok", 2: "low", 4: "critical"}
_ORDER: tuple[Level, ...] = ("ok", "low", "critical")
_FINE: tuple[Level, str] = ("ok", "")
_TOOL_TIMEOUT_S = 1.0


async def _memory(context: Context) -> list[Finding]:
    """Evidence: available_mb, total_mb, swap_used_mb, swap_total_mb, psi_some_avg10 (percent of the last 10 s
    in which some task waited for memory; Linux), cgroup_limit_mb, cgroup_used_mb, cgroup_psi, cgroup_kills
    (None without a limit), free_percent (macOS), level (ok, low, critical), why (what made the level),
    top ([{pid, name, mb}], of the control group where that made the level). All memory in MiB; None for what
    can't be read.
    """
    limit = cgroup.of(context.client_pid or "self") if context.facts.system == "linux" else None
    evidence, levels = _linux(limit) if context.facts.system != "macos" else await _macos()
    if evidence["total_mb"] is None:
        return [Finding("memory", "na", "the memory of this machine can't be read", evidence)]
    of_group = _of_group(limit) if limit else []
    level = max(*levels, *of_group, _FINE, key=lambda one: _ORDER.index(one[0]))
    evidence["level"], evidence["why"] = level
    table = await processes.once(context.facts)
    if limit and level[0] != "ok" and level in of_group and (inside := cgroup.members(limit.folder)):
        table = [process for process in table if process.pid in inside]
    evidence["top"] = processes.largest(table)
    left = f"{_gb(evidence['available_mb'])} of {_gb(evidence['total_mb'])} of memory available"
    if level[0] != "ok" and level in of_group:
        left = f"the machine itself has {left}"
    if level[0] == "ok":
        return [Finding("memory", "pass", left, evidence)]
    state: Literal["warn", "fail"] = "fail" if level[0] == "critical" else "warn"
    return [Finding("memory", state, f"{level[1]}; {left}", evidence)]


def _gb(mb: float | None) -> str:
    return "an unknown part" if mb is None else f"{mb / 1024:.1f} GB"


def _linux(limit: cgroup.Limit | None) -> tuple[dict[str, Any], list[tuple[Level, str]]]:
    """/proc/meminfo: proc_meminfo(5). MemAvailable is the kernel's own estimate."""
    info = parse_meminfo(tools.read("/proc/meminfo", 65536))
    total, available = info.get("MemTotal"), info.get("MemAvailable")
    swap = info.get("SwapTotal", 0.0)
    psi = cgroup.pressure(tools.read("/proc/pressure/memory", 4096))
    evidence: dict[str, Any] = {
        "available_mb": _rounded(available),
        "total_mb": _rounded(total),
        "swap_used_mb": _rounded(swap - info.get("SwapFree", 0.0)),
        "swap_total_mb": _rounded(swap),
        "psi_some_avg10": psi,
        "cgroup_limit_mb": _rounded(limit.limit_mb if limit else None),
        "cgroup_used_mb": _rounded(limit.used_mb if limit else None),
        "cgroup_psi": limit.pressure if limit else None,
        "cgroup_kills": limit.kills if limit else None,
    }
    levels = [waiting(psi, "this machine")]
    if total and available is not None:
        swap_left = info.get("SwapFree", 0.0) / swap if swap else 0.0
        levels.append(amount(available, total, swap_left, "this machine"))
    return evidence, levels


def _of_group(limit: cgroup.Limit) -> list[tuple[Level, str]]:
    left = limit.limit_mb - limit.used_mb
    where = "this container or service (control group)"
    return [waiting(limit.pressure, where), amount(left, limit.limit_mb, 0.0, where)]


def amount(left_mb: float, total_mb: float, swap_left: float, where: str) -> tuple[Level, str]:
    """Judges what is left of memory (MiB) and of swap (0 to 1; 0 for none)."""
    text = f"{where} has only {max(0.0, left_mb):.0f} MB of {total_mb:.0f} MB of memory left"
    if left_mb < total_mb * _CRITICAL and left_mb < _CRITICAL_MB and swap_left < _CRITICAL:
        return "critical", text
    if left_mb < total_mb * _LOW and left_mb < _LOW_MB and swap_left < _LOW:
        return "low", text
    return "ok", ""


def waiting(psi: float | None, where: str) -> tuple[Level, str]:
    """Judges the percentage of time in which some task of `where` waited for memory."""
    level: Level = "ok"
    if psi is not None and psi >= _PSI_LOW:
        level = "critical" if psi >= _PSI_CRITICAL else "low"
    return level, f"programs on {where} spend {psi:.0f} % of their time waiting for memory" if psi else ""


def parse_meminfo(text: str) -> dict[str, float]:
    """`MemAvailable:  22030952 kB` and so on, in MiB."""
    lines = re.findall(r"^(\w+):\s+(\d{1,18}) kB$", text, re.MULTILINE | re.ASCII)
    return {name: int(kib) / 1024 for name, kib in lines}


def _rounded(mb: float | None) -> int | None:
    return None if mb is None else round(mb)


async def _macos() -> tuple[dict[str, Any], list[tuple[Level, str]]]:
    """sysctl(8): hw.memsize in bytes, vm.swapusage, the kernel's pressure level; `memory_pressure -Q` ends
    with "System-wide memory free percentage: 62%", memory_pressure(1)."""
    names = ("hw.memsize", "kern.memorystatus_vm_pressure_level", "vm.swapusage")
    commands = (*(("sysctl", "-n", name) for name in names), ("memory_pressure", "-Q"))
    ran = await asyncio.gather(*(tools.run(*argv, timeout_s=_TOOL_TIMEOUT_S) for argv in commands))
    size, number = tools.to_int(ran[0].text), tools.to_int(ran[1].text)
    total = None if size is None else size / 2**20
    percent = parse_free(ran[3].text)
    used, swap = parse_swapusage(ran[2].text)
    level: Level = _MACOS_LEVELS.get(number or 1, "ok")
    evidence: dict[str, Any] = {
        "available_mb": None if total is None or percent is None else round(total * percent / 100),
        "total_mb": _rounded(total),
        "swap_used_mb": _rounded(used),
        "swap_total_mb": _rounded(swap),
        "psi_some_avg10": None,
        "cgroup_limit_mb": None,
        "cgroup_used_mb": None,
        "cgroup_psi": None,
        "cgroup_kills": None,
        "free_percent": percent,
    }
    return evidence, [(level, f"macOS says that memory is {'short' if level == 'low' else 'very short'}")]


def parse_free(text: str) -> int | None:
    match = re.search(r"free percentage:\s*(\d{1,3})%", text, re.ASCII)
    return int(match[1]) if match and int(match[1]) <= 100 else None


_UNITS = {"K": 1 / 1024, "M": 1.0, "G": 1024.0}


def parse_swapusage(text: str) -> tuple[float | None, float | None]:
    """`total = 2048.00M  used = 1024.50M  free = 1023.50M  (encrypted)`: used and total in MiB. Some
    languages write a decimal comma."""
    found: dict[str, float] = {}
    for name, number, unit in re.findall(r"(total|used) = (\d{1,9}[.,]\d{1,4})([KMG])", text, re.ASCII):
        found[name] = float(number.replace(",", ".")) * _UNITS[unit]
    return found.get("used"), found.get("total")


PROBES = (Probe("memory", "Machine", _memory, deadline_s=2.5, later=True),)
