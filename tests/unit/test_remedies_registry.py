"""Which remedies there are, and what each is allowed."""

import re
from pathlib import Path
from typing import get_args

import pytest

import cc_guard.remedies as package
from cc_guard.diagnose.facts import Facts
from cc_guard.incident.record import Cause
from cc_guard.remedies.registry import all_remedies, for_cause, knobs, remedy
from cc_guard.remedies.remedy import Remedy

LINUX = Facts("linux", 0, "", "x86_64", 1000)
MACOS = Facts("macos", 0, "", "arm64", 501)
WSL = Facts("linux", 2, "", "x86_64", 1000)

WANTED = """
hold.wait client.nudge client.restart client.env auth.login tart.suspend tart.stop docker.pause orbstack.pause
colima.pause dns.flush wsl.dns ipv6.prefer_v4 ports.widen mtu.lower clock.sync ca.trust proxy.advise
baseurl.advise memory.relieve server.wait portal.open client.update client.reinstall
"""


def test_all_of_them() -> None:
    assert sorted(one.id for one in all_remedies()) == sorted(WANTED.split())


@pytest.mark.parametrize("one", all_remedies(), ids=lambda one: str(one.id))
def test_what_each_says(one: Remedy) -> None:
    assert one.title
    assert one.text.endswith(".")
    assert one.causes
    assert set(one.causes) <= set(get_args(Cause))
    assert one.by_guard or one.plan is not None


@pytest.mark.parametrize("facts", [LINUX, MACOS, WSL])
def test_what_a_level_allows(facts: Facts) -> None:
    """Root never without a question, what is outside this system never, advice never more than that."""
    for one in all_remedies():
        level = one.level(facts)
        if level in (0, 4):
            assert one.most(facts) == "suggest"
        if level == 3:
            assert one.most(facts) in ("ask", "suggest")


@pytest.mark.parametrize("id_", ["tart.stop", "portal.open", "auth.login", "client.env", "client.update"])
def test_what_needs_a_yes_everywhere(id_: str) -> None:
    found = remedy(id_)
    assert found is not None
    assert {found.most(facts) for facts in (LINUX, MACOS, WSL)} == {"ask"}


def test_what_only_windows_can_do_is_only_told() -> None:
    found = remedy("ports.widen")
    assert found is not None
    assert [found.most(facts) for facts in (LINUX, MACOS, WSL)] == ["ask", "ask", "suggest"]


def test_a_change_has_an_end() -> None:
    """Those whose files hold knobs say when it is undone; the others leave nothing."""
    changing = {"ports.widen", "mtu.lower", "ipv6.prefer_v4", "clock.sync", "tart.suspend", "tart.stop"}
    changing |= {"docker.pause", "orbstack.pause", "colima.pause"}
    assert {one.id for one in all_remedies() if one.until} == changing


def test_knobs_have_names_of_their_own() -> None:
    """A kind that two had would be undone by the wrong one."""
    assert len(knobs()) == 8


def test_by_cause() -> None:
    ids = [one.id for one in for_cause("ports.exhausted")]
    assert "ports.widen" in ids
    assert "tart.suspend" in ids
    assert remedy("no.such") is None


def test_every_cause_has_an_answer() -> None:
    """But for what no remedy can do anything about."""
    without = {cause for cause in get_args(Cause) if not for_cause(cause)}
    assert without == {"region.refused", "request.invalid", "request.too_large"}


# CAUSES, section 3: never automated. Words that would do it must not stand in what is run by us.
NEVER = re.compile(
    r"NODE_TLS_REJECT_UNAUTHORIZED|winsock|int ip reset|taskkill|pkill|\brm\b|\"stop\"|shell=True|os\.system"
)


def test_nothing_that_must_never_be_done() -> None:
    for path in Path(str(package.__file__)).parent.rglob("*.py"):
        assert not NEVER.search(path.read_text()), path
