"""From opinions to ranked causes: the order of the rules, and what a cause explains."""

from collections.abc import Callable, Mapping

from cc_guard.diagnose.rules import answer, connection, machine, names, url
from cc_guard.diagnose.rules.case import LIKELY, POSSIBLE, SURE, Case, Opinion
from cc_guard.incident.record import Cause

Rule = Callable[[Case], Opinion | None]

RULES: tuple[Rule, ...] = (
    url.base_url_invalid,
    connection.no_route,
    answer.portal,
    names.sinkhole,
    names.stale_name,
    names.resolver_down,
    connection.ports_exhausted,
    connection.conntrack_full,
    connection.vm_overlap,
    url.proxy,
    url.gateway_dead,
    connection.ipv6_broken,
    machine.vpn,
    connection.blocked,
    answer.clock_skew,
    answer.untrusted,
    connection.mtu,
    answer.region,
    answer.service,
    answer.not_the_api,
    answer.sign_in,
    answer.told_by_the_api,
    machine.woke_up,
    machine.memory,
    machine.stuck,
    machine.virtual_machine,
    machine.inside,
    machine.outdated,
)
"""The most upstream first."""

_NO_CONNECTION: frozenset[Cause] = frozenset(
    ("tcp.blocked", "vpn.path", "base_url.dead", "container.network", "wsl.network")
)
_NO_NAME: frozenset[Cause] = frozenset(
    ("dns.resolver_down", "dns.stale", "dns.sinkhole", "container.network", "wsl.network")
)
_EXPLAINS: Mapping[Cause, frozenset[Cause]] = {
    "base_url.invalid": _NO_NAME | _NO_CONNECTION,
    "route.none": _NO_NAME | _NO_CONNECTION | {"proxy.dead"},
    "captive_portal": _NO_NAME | _NO_CONNECTION | {"tls.untrusted_ca"},
    "dns.sinkhole": _NO_NAME | _NO_CONNECTION | {"tls.untrusted_ca"},
    "dns.stale": _NO_CONNECTION | {"tls.untrusted_ca"},
    "dns.resolver_down": frozenset(("container.network", "wsl.network")),
    "ports.exhausted": _NO_CONNECTION | {"proxy.dead"},
    "conntrack.full": _NO_CONNECTION | {"proxy.dead"},
    "vm.interference": _NO_CONNECTION,
    "proxy.dead": _NO_NAME | _NO_CONNECTION,
    "proxy.auth": _NO_CONNECTION,
    "base_url.dead": _NO_CONNECTION,
    "vpn.path": frozenset(("tcp.blocked",)),
}
"""What follows from a cause by itself, and is no second fault."""

_READINGS: frozenset[Cause] = frozenset(
    ("tcp.blocked", "vpn.path", "vm.interference", "container.network", "wsl.network", "process.stuck")
)


def judge(case: Case) -> list[Opinion]:
    """All opinions, the best first: surer before less sure, and of equals the most upstream. Without those
    that the best one explains."""
    opinions = [opinion for rule in RULES if (opinion := rule(case)) is not None]
    best: dict[Cause, Opinion] = {}
    for opinion in opinions:
        if opinion.cause not in best or opinion.confidence > best[opinion.cause].confidence:
            best[opinion.cause] = opinion
    ranked = sorted(best.values(), key=lambda opinion: -_band(opinion.confidence))
    explained = _EXPLAINS.get(ranked[0].cause, frozenset()) if ranked else frozenset()
    return ranked[:1] + [opinion for opinion in ranked[1:] if opinion.cause not in explained]


def is_other_reading(opinion: Opinion) -> bool:
    """Whether it is another possible cause of the same failure, and not a second fault behind it."""
    return opinion.confidence < SURE and opinion.cause in _READINGS


def _band(confidence: float) -> int:
    return 2 if confidence >= LIKELY else 1 if confidence >= POSSIBLE else 0
