"""A network that changes while an incident is open: what was found before it did is not believed after."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cc_guard.diagnose.verdict import decide
from cc_guard.guard import headline, prober, status, way
from cc_guard.guard.prober import Prober
from cc_guard.guard.way import PathSeen, Why
from cc_guard.incident import machine as m
from cc_guard.incident import why
from cc_guard.incident.record import Cause, Finding, Kind, Symptom
from cc_guard.incident.state import Care, Question
from cc_guard.probe.path import PathResult
from cc_guard.probe.route import Route
from tests.unit.machine_run import WALL, Run


def test_the_end_of_an_old_wait_says_nothing_about_a_path_that_has_answered_since(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A probe that was sent while packets vanished gives up seconds after they don't any more."""
    waits = [0.3, 0.02, 0.02]

    async def check_path(route: Route, timeout_s: float) -> PathResult:
        wait = waits.pop(0) if waits else 0.02
        await asyncio.sleep(wait)
        return PathResult(wait < 0.1, "http", "HTTP 404" if wait < 0.1 else "no answer", wait * 1000)

    async def scenario() -> list[bool]:
        results: list[bool] = []
        one = Prober(lambda: 0.05, 5.0, (), lambda finding, reachable: results.append(reachable))
        one.start()
        await asyncio.sleep(0.6)
        one.stop()
        return results

    monkeypatch.setattr(prober, "check_path", check_path)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    results = asyncio.run(scenario())
    assert len(results) > 3
    assert False not in results


def diagnosed(run: Run, cause: Cause, confidence: float) -> None:
    run.do(m.Diagnosed(cause, confidence, "why"))


def seen(run: Run, kind: Kind, code: str, status: int | None, attempt: int, after: float = 0.0) -> None:
    symptom = Symptom(WALL + run.now, kind, "retrying", code, status, attempt, 10, 30.0, "row")
    run.do(m.Seen(symptom, "screen"), after)


def asked(run: Run) -> int:
    return sum(isinstance(effect, m.Diagnose) for effect in run.effects)


def test_a_network_fault_that_becomes_the_servers_gets_another_cause() -> None:
    """Also one that is less sure than what was found before."""
    run = Run(m.Policy(trusted=True))
    seen(run, "connection", "EAI_AGAIN", None, 1)
    run.tick(0.6)
    diagnosed(run, "dns.resolver_down", 0.9)
    assert asked(run) == 1
    seen(run, "server_error", "503", 503, 3, after=10)
    run.tick(0.1)
    assert asked(run) == 2, "and not a minute after the start"
    diagnosed(run, "server.error", 0.7)
    assert (run.last.cause, run.last.confidence) == ("server.error", 0.7)
    run.tick(10)
    assert asked(run) == 2


def test_a_path_that_comes_and_goes_is_not_diagnosed_for_ever() -> None:
    run = Run(m.Policy(trusted=True))
    for attempt in range(1, 40):
        if attempt % 2:
            seen(run, "connection", "ECONNRESET", None, attempt, after=10)
            run.tick(0.6)
            diagnosed(run, "tcp.blocked", 0.7)
        else:
            seen(run, "server_error", "503", 503, attempt, after=10)
            run.tick(0.6)
            diagnosed(run, "server.error", 0.7)
    assert asked(run) <= len(why.DIAGNOSE_AFTER_S) + why.MOST_ASKED_AGAIN


def test_a_cause_that_explains_the_answers_stands() -> None:
    run = Run(m.Policy(trusted=True))
    seen(run, "connection", "ECONNRESET", None, 1)
    run.tick(0.6)
    diagnosed(run, "server.error", 0.9)
    diagnosed(run, "unknown", 0.0)
    assert run.last.cause == "server.error"


def test_rows_that_name_nothing_take_their_kind_from_the_cause() -> None:
    """2.1.330 shows `API error` at its first two attempts, whatever it is: no connection has to fail."""
    run = Run(m.Policy(trusted=True))
    run.retrying(1)
    run.tick(0.6)
    diagnosed(run, "rate.limited", 0.9)
    run.retrying(2)
    kinds = [run.last.kind]
    seen(run, "connection", "ECONNRESET", None, 3)
    assert [*kinds, run.last.kind] == ["rate_limit", "connection"]


def test_that_a_probe_is_answered_is_said_only_while_it_is() -> None:
    run = Run(m.Policy(trusted=True))
    run.retrying(2)
    run.probe(True)
    assert "answers to a probe" in headline.of(run.state, observe=False, asks=False)["text"]
    run.do(m.Configured(hold=False, hold_from=2, nudge=False, restart=False))
    run.probe(False, after=1)
    assert run.state.phase == "watching"
    assert "answers to a probe" not in headline.of(run.state, observe=False, asks=False)["text"]


def test_a_question_is_not_put_before_it_is_known_what_would_be_done() -> None:
    """It may turn out that nothing can be done here; people were called for nothing then."""
    run = Run()
    run.retrying(2)
    question = Question("q1", "docker.pause", "Pause a container", 2)
    state = replace(run.state, care=Care(question=question))
    about = status.About("session", 1)
    rows = {"id": "q1", "remedy": "docker.pause", "title": "Pause a container", "level": 2}
    words = [
        status.build(state, about, 0.0, question={**rows, "text": text})["headline"]["word"]
        for text in ("", "docker pause x")
    ]
    assert words == ["RETRYING", "ASKS YOU"]


def test_a_late_answer_counts() -> None:
    """What was asked before the last failure, and answered after it."""
    run = Run(m.Policy(trusted=True))
    run.retrying(2)
    run.probe(False)
    run.do(m.HoldStarted())
    run.do(m.Probed(Finding("api.path", "pass", "HTTP 404"), True), after=1)
    assert run.state.phase == "going"


def test_an_api_that_answers_with_failures_is_not_there_again() -> None:
    """So what the client needs to go on is counted from the first good answer."""
    run = Run(m.Policy(trusted=True))
    run.retrying(2)
    run.probe(False)
    ill = Finding("api.path", "pass", "HTTP 503", {"http_status": 503})
    run.do(m.Probed(ill, True), after=5)
    assert run.state.report is not None
    assert run.state.report.reachable is None
    run.probe(True, after=5)
    assert run.state.report.reachable == run.now


def test_the_way_after_both_families_had_failed() -> None:
    """The doctor's finding is older than the answer: no station stays red while the API answers."""
    broken = (
        Finding("tcp.v4", "fail", "is cut off"),
        Finding("tcp.v6", "fail", "is cut off"),
        Finding("tls", "fail", "is cut off"),
    )
    seen = PathSeen(Finding("api.path", "pass", "https://api: HTTP 404", {"stage": "http"}), at=20.0)
    hops = way.route(seen, Why("", findings=broken, at=10.0))["hops"]
    assert {hop["id"]: hop["state"] for hop in hops} == {
        "dns": "pass",
        "v4": "unknown",
        "v6": "unknown",
        "tls": "pass",
        "api": "pass",
    }


def test_a_network_that_is_gone_is_not_its_name_servers_fault() -> None:
    """WiFi has ended, or changes: there is no way to the name server, and nothing is wrong with it."""
    found = {
        "link.route": [
            Finding("link.route", "na", "no way (IPv4)", {"family": 4, "error": "unreachable"}),
            Finding("link.route", "pass", "a way (IPv6)", {"family": 6, "error": None}),
        ],
        "dns.system": [Finding("dns.system", "fail", "no answer", {"error": "EAI_AGAIN"})],
        "dns.servers": [
            Finding("dns.servers", "fail", "x", {"server": "192.0.2.1", "rcode_v4": "UNREACHABLE"})
        ],
    }
    verdict = decide(found, None)
    assert (verdict.cause, verdict.confidence) == ("route.none", 0.7)
    assert "IPv4" in verdict.summary
    local = Finding("dns.servers", "fail", "x", {"server": "127.0.0.53", "rcode_v4": "UNREACHABLE"})
    assert decide({**found, "dns.servers": [local]}, None).cause == "dns.resolver_down"
    found["link.route"][0] = Finding("link.route", "pass", "a way (IPv4)", {"family": 4, "error": None})
    assert decide(found, None).cause == "dns.resolver_down"
