"""All probes, in an order in which each stands behind what it needs."""

import importlib

from cc_guard.diagnose.probe import Probe

MODULES = (  # `http` brings the upload and the clock, which live on its answers
    "configuration",
    "link",
    "dns",
    "tcp",
    "tls",
    "http",
    "proxy",
    "gateway",
    "portal",
    "service",
    "ports",
    "conntrack",
    "memory",
    "load",
    "sleep",
    "vms",
    "wsl",
    "signin",
    "client",
    "process",
)


def probes() -> list[Probe]:
    """Sorted so that no probe stands before one that it needs. Raises ValueError for a circle."""
    found = [
        probe
        for name in MODULES
        for probe in importlib.import_module(f"cc_guard.diagnose.probes.{name}").PROBES
    ]
    names = {probe.name for probe in found}
    placed: list[Probe] = []
    known: set[str] = set()
    while found:
        ready = [p for p in found if {n.removesuffix("?") for n in p.needs} & names <= known]
        if not ready:
            raise ValueError(f"probes that need each other: {', '.join(p.name for p in found)}")
        placed += ready
        known |= {probe.name for probe in ready}
        found = [probe for probe in found if probe not in ready]
    return placed
