"""Each fact that a profile can demand: when it holds, when not, and when nobody knows."""

from dataclasses import replace
from typing import Any

import pytest

from cc_guard.profile.machine import Machine, Unknown, Wanted
from cc_guard.profile.rules import judge, wanted

HERE = Machine(
    os="linux",
    arch="arm64",
    wsl=2,
    wsl_network="mirrored",
    container="docker",
    commands={"docker": True, "tart": False},
    processes=frozenset({"dockerd", "init"}),
)


def only(match: dict[str, Any], here: Machine = HERE) -> tuple[bool, str]:
    (rule,) = judge(match, here)
    return rule.holds, str(rule)


@pytest.mark.parametrize(
    ("match", "holds", "text"),
    [
        ({"os": "linux"}, True, "os: linux"),
        ({"os": "macos"}, False, "os: linux, not macos"),
        ({"os": ["macos", "linux"]}, True, "os: linux"),
        ({"os": ["macos", "other"]}, False, "os: linux, not macos or other"),
        ({"arch": "arm64"}, True, "arch: arm64"),
        ({"arch": "aarch64"}, True, "arch: arm64"),
        ({"arch": "AMD64"}, False, "arch: arm64, not AMD64"),
        ({"wsl": 2}, True, "wsl: 2"),
        ({"wsl": 1}, False, "wsl: 2, not 1"),
        ({"wsl": 0}, False, "wsl: 2, not none"),
        ({"wsl": [1, 2]}, True, "wsl: 2"),
        ({"wsl_network": "mirrored"}, True, "wsl_network: mirrored"),
        ({"wsl_network": ["nat", "bridged"]}, False, "wsl_network: mirrored, not nat or bridged"),
        ({"container": True}, True, "container: docker"),
        ({"container": False}, False, "container: docker, not none"),
        ({"container": "docker"}, True, "container: docker"),
        ({"container": ["lxc", "podman"]}, False, "container: docker, not lxc or podman"),
        ({"commands": ["docker"]}, True, "command docker: on the PATH"),
        ({"commands": "docker"}, True, "command docker: on the PATH"),
        ({"commands": ["tart"]}, False, "command tart: not on the PATH"),
        ({"commands": ["tart|docker"]}, True, "command tart|docker: on the PATH"),
        ({"commands": ["never-asked"]}, False, "command never-asked: not on the PATH"),
        ({"processes": ["dockerd"]}, True, "process dockerd: runs"),
        ({"processes": ["docker"]}, False, "process docker: not seen"),
        ({"processes": ["podman|init"]}, True, "process podman|init: runs"),
    ],
)
def test_a_fact(match: dict[str, Any], holds: bool, text: str) -> None:
    assert only(match) == (holds, text)


@pytest.mark.parametrize(
    ("match", "holds", "text"),
    [
        ({"wsl": 0}, True, "wsl: none"),
        ({"wsl": 2}, False, "wsl: none, not 2"),
        ({"wsl_network": "nat"}, False, "wsl_network: no WSL 2, not nat"),
        ({"container": True}, False, "container: none, not any"),
        ({"container": False}, True, "container: none"),
        ({"container": "docker"}, False, "container: none, not docker"),
    ],
)
def test_a_fact_of_an_ordinary_machine(match: dict[str, Any], holds: bool, text: str) -> None:
    assert only(match, Machine("linux", "x86_64")) == (holds, text)


@pytest.mark.parametrize(
    ("fact", "match", "text"),
    [
        ("arch", {"arch": "arm64"}, "arch: unknown (hung), not arm64"),
        ("wsl_network", {"wsl_network": "nat"}, "wsl_network: unknown (hung), not nat"),
        ("commands", {"commands": ["docker"]}, "command docker: unknown (hung)"),
        ("processes", {"processes": ["init"]}, "process init: unknown (hung)"),
    ],
)
def test_an_unknown_fact_fulfils_nothing_and_says_why(fact: str, match: dict[str, Any], text: str) -> None:
    unknown: dict[str, Any] = {fact: Unknown("hung")}
    assert only(match, replace(HERE, **unknown)) == (False, text)


def test_each_demand_counts_by_itself() -> None:
    rules = judge({"os": "linux", "commands": ["docker", "tart"], "processes": ["init"]}, HERE)
    assert [(rule.fact, rule.holds) for rule in rules] == [
        ("os", True),
        ("command", True),
        ("command", False),
        ("process", True),
    ]
    assert rules[2].to_json() == {
        "fact": "command",
        "wanted": "tart",
        "found": "not on the PATH",
        "holds": False,
    }


@pytest.mark.parametrize("fact", ["os", "arch", "wsl", "wsl_network", "container", "commands", "processes"])
def test_an_empty_list_demands_nothing(fact: str) -> None:
    assert judge({fact: []}, HERE) == []


def test_only_what_is_asked_for_is_looked_at() -> None:
    assert wanted([{"os": "linux", "arch": "arm64"}, {}]) == Wanted()
    assert wanted([{"commands": []}, {"processes": [], "wsl_network": []}]) == Wanted()
    assert wanted([{"commands": ["a|b"]}, {"commands": "c"}]) == Wanted(frozenset("abc"))
    assert wanted([{"processes": "x"}]) == Wanted(processes=True)
    assert wanted([{"wsl_network": "nat"}]) == Wanted(wsl_network=True)
