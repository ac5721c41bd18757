"""Rules on findings that are made up. Real faults are judged in tests/netns."""

from typing import Any

import pytest

from cc_guard.diagnose.verdict import Verdict, decide
from cc_guard.incident.record import Finding, Kind, ProbeState, Symptom

REACHED = Finding("http.api", "pass", "answers", {"status": 401, "outcome": "answered"})
CUT = Finding("http.api", "fail", "does not", {"status": None, "outcome": "reset_after_connect"})


def symptom(kind: Kind = "connection", attempt: int = 1) -> Symptom:
    return Symptom(0.0, kind, "retrying", None, None, attempt, 10)


def finding(probe: str, state: ProbeState, **evidence: Any) -> Finding:
    return Finding(probe, state, probe, evidence)


def judged(*found: Finding, suffers: Symptom | None = None) -> Verdict:
    by_probe: dict[str, list[Finding]] = {}
    for one in found:
        by_probe.setdefault(one.probe, []).append(one)
    return decide(by_probe, suffers)


# Sleep


def slept(ago: float | None = None, since: float | None = None) -> Finding:
    return finding("sleep", "warn", last_wake_s_ago=ago, asleep_s_since_start=since)


@pytest.mark.parametrize(
    ("ago", "since", "jump", "cause", "confidence"),
    [
        (30, None, None, "sleep.wake", 0.7),
        (30, 900, 0, "sleep.wake", 0.7),
        (None, 900, 0, "sleep.wake", 0.5),
        (None, 0.0, 3600, "sleep.wake", 0.5),  # a virtual machine that was paused
        (None, 0.0, -3600, None, 0),
        (7200, 900, 0, None, 0),  # long ago
        (30, 0.0, 0, None, 0),  # before this session
        (None, None, None, None, 0),
        (None, 0.0, 0, None, 0),
    ],
)
def test_sleep(
    ago: float | None, since: float | None, jump: float | None, cause: str | None, confidence: float
) -> None:
    found = judged(REACHED, slept(ago, since), finding("clock.jump", "pass", jump_s=jump), suffers=symptom())
    assert (found.cause, found.confidence) == (cause, confidence)


def test_sleep_is_no_fault_by_itself() -> None:
    assert judged(REACHED, slept(30, 900)).cause is None


@pytest.mark.parametrize("kind", ["auth", "rate_limit", "overloaded", "bad_request"])
def test_what_no_sleep_explains(kind: Kind) -> None:
    found = judged(REACHED, slept(30, 900), suffers=symptom(kind))
    assert "sleep.wake" not in {found.cause, *(other.cause for other in found.others)}


@pytest.mark.parametrize(
    ("harder", "cause"),
    [
        ((CUT, finding("http.v4", "fail", outcome="reset_after_connect")), "tcp.blocked"),
        ((finding("http.api", "fail", status=503),), "server.error"),
        ((REACHED, finding("clock", "fail", skew_s=7200.0)), "clock.skew"),
        (
            (REACHED, finding("http.v4", "pass"), finding("http.v6", "fail", outcome="reset_after_connect")),
            "ipv6.broken",
        ),
        (
            (REACHED, finding("http.v4", "pass"), finding("upload", "fail", outcome="timeout")),
            "mtu.blackhole",
        ),
    ],
)
def test_sleep_masks_nothing(harder: tuple[Finding, ...], cause: str) -> None:
    assert judged(*harder, slept(30, 900), suffers=symptom()).cause == cause


# Names


def test_a_name_server_of_a_vpn_is_not_one_that_is_dead() -> None:
    good = finding("dns.servers", "pass", server="192.168.1.1", scope="")
    of_vpn = finding("dns.servers", "na", server="10.8.0.1", scope="corp.example", rcode_v4="REFUSED")
    assert judged(REACHED, good, of_vpn).cause is None
    dead = finding("dns.servers", "fail", server="10.8.0.1", scope="", rcode_v4="REFUSED")
    assert judged(REACHED, good, dead).cause == "dns.resolver_down"


# Local ports


BIND, USE = finding("ports.bind", "fail"), finding("ports.use", "fail", share=0.99)
UPTIME = finding("macos.uptime", "fail", time_wait_stuck=True)


def connecting(outcome: str) -> Finding:
    return finding(
        "tcp.v4", "pass" if outcome == "connected" else "fail", outcomes={"160.79.104.10": outcome}
    )


@pytest.mark.parametrize(
    ("found", "cause", "confidence"),
    [
        ((connecting("no_local_port"), BIND, USE), "ports.exhausted", 0.9),
        ((connecting("no_local_port"),), "ports.exhausted", 0.7),
        ((connecting("connected"), REACHED, BIND), None, 0),
        ((connecting("connected"), REACHED, USE), "ports.exhausted", 0.5),
        ((connecting("connected"), REACHED, UPTIME), "ports.exhausted", 0.7),
        ((connecting("timeout"), BIND), "tcp.blocked", 0.7),
        ((BIND, USE), "ports.exhausted", 0.7),
        ((BIND,), "ports.exhausted", 0.3),  # nothing else is known
        ((connecting("connected"), REACHED, finding("ports.use", "warn", share=0.9)), None, 0),
    ],
)
def test_ports(found: tuple[Finding, ...], cause: str | None, confidence: float) -> None:
    """That no port can be bound says little where a connection comes about."""
    verdict = judged(*found)
    assert (verdict.cause, verdict.confidence) == (cause, confidence)


# Memory


@pytest.mark.parametrize(
    ("level", "suffers", "cause"),
    [
        ("critical", None, "memory.pressure"),
        ("low", None, None),
        ("low", symptom("stall"), "memory.pressure"),
        ("ok", symptom("stall"), None),
    ],
)
def test_a_warning_alone_decides_nothing(level: str, suffers: Symptom | None, cause: str | None) -> None:
    state: ProbeState = "fail" if level == "critical" else "warn"
    memory = finding("memory", state, level=level, why="little is left")
    assert judged(REACHED, memory, suffers=suffers).cause == cause


# A process that is stuck


CLIENT = finding("client.process", "pass", established=1, close_wait=1)


@pytest.mark.parametrize(
    ("found", "suffers", "cause"),
    [
        ((REACHED, CLIENT), symptom(attempt=3), "process.stuck"),
        ((REACHED, CLIENT), symptom(attempt=2), None),
        ((REACHED,), symptom(attempt=3), None),
        ((CUT, CLIENT, finding("http.v4", "fail", outcome="closed")), symptom(attempt=9), "tcp.blocked"),
        ((REACHED, CLIENT), symptom("overloaded", 9), None),
    ],
)
def test_a_fresh_connection_works(found: tuple[Finding, ...], suffers: Symptom, cause: str | None) -> None:
    assert judged(*found, suffers=suffers).cause == cause
