"""Idle: the CPU time that each process of a wrapper uses while nothing happens, in percent of one core.

All contestants idle at the same time: none of them is in another's way, and the accounts are separate.
"""

import time
from dataclasses import dataclass

from .lab import Lab
from .plan import Plan


@dataclass(frozen=True)
class Share:
    role: str
    pid: int
    percent: float


def measure(lab: Lab, plan: Plan) -> dict[str, list[Share]]:
    with lab.sessions("keys") as sessions:
        begun = time.perf_counter()
        before = {name: session.usage() for name, session in sessions.items()}
        while (left := begun + plan.idle_seconds - time.perf_counter()) > 0:
            time.sleep(min(1.0, left))
            for session in sessions.values():
                session.pump(0.001)
        seconds = time.perf_counter() - begun
        shares: dict[str, list[Share]] = {}
        for name, session in sessions.items():
            spent = {usage.pid: usage.cpu for usage in before[name]}
            # A process that is new since then counts from its start.
            shares[name] = [
                Share(usage.role, usage.pid, (usage.cpu - spent.get(usage.pid, 0.0)) / seconds * 100)
                for usage in session.usage()
            ]
    return shares
