"""How busy the processors are."""

import os
from typing import Any

from cc_guard.diagnose import cgroup, tools
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

# Four runnable tasks for each processor: every one gets a quarter of it. Together with half of the time lost
# to waiting (where the kernel says), answers of a server are read late enough to look like a slow network.
_PER_CPU = 4.0
_PSI = 50.0


async def _load(context: Context) -> list[Finding]:
    """Evidence: load1 (runnable tasks, mean of a minute: getloadavg(3)), cpus (that may be used), psi_cpu
    (percent of the last 10 s in which some task waited for a processor; None where the kernel is silent)."""
    try:
        load1 = os.getloadavg()[0]
    except OSError:
        return [Finding("load", "na", "the load can't be read")]
    psi = cgroup.pressure(tools.read("/proc/pressure/cpu", 4096)) if context.facts.system == "linux" else None
    cpus = _cpus()
    evidence: dict[str, Any] = {"load1": round(load1, 2), "cpus": cpus, "psi_cpu": psi}
    text = f"load {load1:.1f} on {cpus} processor{'s' if cpus > 1 else ''}"
    busy = load1 >= _PER_CPU * cpus and (psi is None or psi >= _PSI)
    if busy:
        return [Finding("load", "warn", f"the processors are overloaded: {text}", evidence)]
    return [Finding("load", "pass", text, evidence)]


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


PROBES = (Probe("load", "Machine", _load, deadline_s=1.0),)
