"""All remedies. Importing them costs little: what they need, they import when they plan."""

import importlib
from functools import cache

from cc_guard.incident.record import Cause
from cc_guard.remedies.knob import Knob
from cc_guard.remedies.remedy import Remedy

_MODULES = (
    *("client", "dns", "ipv6", "ports", "mtu", "clock", "portal", "tart", "containers"),
    *("login", "ca", "advice", "memory"),
)


@cache
def all_remedies() -> tuple[Remedy, ...]:
    found: list[Remedy] = []
    for name in _MODULES:
        module = importlib.import_module(f"cc_guard.remedies.fixes.{name}")
        found += getattr(module, "REMEDIES", None) or (module.REMEDY,)
    return tuple(found)


def remedy(id_: str) -> Remedy | None:
    return next((one for one in all_remedies() if one.id == id_), None)


def for_cause(cause: Cause) -> list[Remedy]:
    """Those that serve a cause."""
    return [one for one in all_remedies() if cause in one.causes]


@cache
def knobs() -> dict[str, type[Knob]]:
    """What can be changed, by the kind under which the journal has it."""
    modules = [importlib.import_module(f"cc_guard.remedies.fixes.{name}") for name in _MODULES]
    return {kind.kind: kind for module in modules for kind in getattr(module, "KNOBS", ())}
