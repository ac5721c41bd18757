"""Which policy a remedy may have on which machines: DESIGN, section 7."""

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cc_guard.diagnose.facts import Facts, System
from cc_guard.profile.machine import Machine, Unknown
from cc_guard.profile.resolved import POLICIES, Policy
from cc_guard.profile.rules import judge

if TYPE_CHECKING:
    from cc_guard.remedies.remedy import Remedy

_BY_LEVEL: dict[int, tuple[Policy, ...]] = {
    0: ("auto", "suggest", "off"),
    1: POLICIES,
    2: POLICIES,
    3: ("ask", "suggest", "off"),
    4: ("suggest", "off"),
}
_WHY = {
    0: "it changes nothing, so there is nothing to ask",
    3: "it needs root",
    4: "it is done outside of this system",
}
_WHY_AT_MOST = {"ask": "it is never done without a question", "suggest": "it is never done, only told"}

_SYSTEMS: tuple[System, ...] = ("linux", "macos", "other")
_USER = 1000  # levels do not depend on who asks


def remedies() -> "dict[str, Remedy]":
    """All that there are, by id."""
    from cc_guard.remedies.registry import all_remedies

    return {remedy.id: remedy for remedy in all_remedies()}


def machines(match: Mapping[str, Any]) -> Iterator[Facts]:
    """The kinds of machines that a profile can be for, as far as the level of a remedy depends on them."""
    network = bool(match.get("wsl_network"))
    rules = {fact: match[fact] for fact in ("os", "wsl", "container") if fact in match}
    for system, wsl, container in itertools.product(_SYSTEMS, (0, 1, 2), ("", "docker")):
        possible = (system == "linux" or not (wsl or container)) and (wsl == 2 or not network)
        # A rule for one kind of container is as good as one for any.
        kind = _kind(match) if container else ""
        made_up = Machine(system, Unknown("any"), wsl=wsl, container=kind)
        if possible and all(rule.holds for rule in judge(rules, made_up)):
            yield Facts(system, wsl, container, "", _USER)


def _kind(match: Mapping[str, Any]) -> str:
    demanded = match.get("container", True)
    demanded = demanded if isinstance(demanded, list) else [demanded]
    return next((kind for kind in demanded if isinstance(kind, str)), "docker")


def allowed(remedy: "Remedy", facts: Facts) -> tuple[Policy, ...]:
    """What a profile may say of it on such a machine."""
    level = remedy.level(facts)
    by_level = _BY_LEVEL[level]
    if level in (0, 4):
        return by_level
    return tuple(policy for policy in by_level if POLICIES.index(policy) >= POLICIES.index(remedy.policy))


def refusal(remedy: "Remedy", policy: Policy, match: Mapping[str, Any]) -> tuple[str, str]:
    """Why no machine of this `[match]` can have this policy, and what it could have; empty when one can."""
    known = list(machines(match))
    if not known or any(policy in allowed(remedy, facts) for facts in known):
        return "", ""
    level = remedy.level(known[0])
    by_level = policy not in _BY_LEVEL[level]
    why = f"{_WHY[level]} (level {level})" if by_level else _WHY_AT_MOST[remedy.policy]
    possible = [one for one in POLICIES if any(one in allowed(remedy, facts) for facts in known)]
    return f"{remedy.id} can't be {policy}: {why}", f"It can be {one_of(possible)}."


def one_of(words: list[Policy]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
