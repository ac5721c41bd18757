"""A profile's `[match]` against a machine: each fact that is demanded, and what was found instead."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cc_guard.profile.machine import Machine, Unknown, Wanted, architecture

_ANY = "|"  # `dockerd|podman`: one of these


@dataclass(frozen=True)
class Rule:
    """One demand. `found` and `wanted` are words for people."""

    fact: str
    wanted: str
    found: str
    holds: bool

    def __str__(self) -> str:
        if self.fact in ("command", "process"):
            return f"{self.fact} {self.wanted}: {self.found}"
        return f"{self.fact}: {self.found}" + ("" if self.holds else f", not {self.wanted}")

    def to_json(self) -> dict[str, object]:
        return {"fact": self.fact, "wanted": self.wanted, "found": self.found, "holds": self.holds}


def listed(value: Any) -> list[Any]:
    """A single value is a list of one."""
    return value if isinstance(value, list) else [value]


def wanted(matches: Iterable[Mapping[str, Any]]) -> Wanted:
    """What has to be looked at for these."""
    commands: set[str] = set()
    running = network = False
    for match in matches:
        for word in listed(match.get("commands", [])):
            commands.update(word.split(_ANY))
        running = running or bool(listed(match.get("processes", [])))
        network = network or bool(listed(match.get("wsl_network", [])))
    return Wanted(frozenset(commands - {""}), running, network)


def judge(match: Mapping[str, Any], machine: Machine) -> list[Rule]:
    """Each demand of `match`; an unknown fact fulfils none, and an empty list demands nothing."""
    rules = []
    facts = {
        "os": machine.os,
        "arch": machine.arch,
        "wsl": machine.wsl,
        "wsl_network": machine.wsl_network,
        "container": machine.container,
    }
    for fact, value in facts.items():
        values = listed(match.get(fact, []))
        if values:
            holds = any(_is(fact, value, one) for one in values)
            words = " or ".join(_word(fact, one) for one in values)
            rules.append(Rule(fact, words, _found(fact, value), holds))
    for word in listed(match.get("commands", [])):
        rules.append(_command(word, machine.commands))
    for word in listed(match.get("processes", [])):
        rules.append(_process(word, machine.processes))
    return rules


def _is(fact: str, value: object, one: object) -> bool:
    if fact == "container" and isinstance(one, bool):
        return bool(value) == one
    if fact == "arch":
        return value == architecture(str(one))
    return value == one


def _word(fact: str, value: object) -> str:
    if fact == "container" and isinstance(value, bool):
        return "any" if value else "none"
    return str(value) if value or fact == "wsl_network" else "none"


def _found(fact: str, value: object) -> str:
    if isinstance(value, Unknown):
        return f"unknown ({value.why})"
    if fact == "wsl_network" and not value:
        return "no WSL 2"
    return _word(fact, value)


def _command(word: str, commands: Mapping[str, bool] | Unknown) -> Rule:
    if isinstance(commands, Unknown):
        return Rule("command", word, f"unknown ({commands.why})", False)
    holds = any(commands.get(one, False) for one in word.split(_ANY))
    return Rule("command", word, "on the PATH" if holds else "not on the PATH", holds)


def _process(word: str, processes: frozenset[str] | Unknown) -> Rule:
    if isinstance(processes, Unknown):
        return Rule("process", word, f"unknown ({processes.why})", False)
    holds = not processes.isdisjoint(word.split(_ANY))
    return Rule("process", word, "runs" if holds else "not seen", holds)
