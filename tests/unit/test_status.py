"""What the guard publishes: what it says at each phase, and that it stands still while nothing happens."""

import json
from dataclasses import replace
from typing import Any

import pytest

from cc_guard.guard import headline, way
from cc_guard.guard.status import About, Notices, PathSeen, Wall, Why, build
from cc_guard.incident.ladder import Rung
from cc_guard.incident.record import Action, Finding, Kind, Symptom
from cc_guard.incident.state import Care, Past, Policy, Question, Report, State

WALL = 1_790_000_000.0
ABOUT = About("0b7c", 4711, "/home/u/app", "2.1.330", "generic", "nothing else fits", "Ctrl-]")
RETRY = Symptom(
    WALL + 90, "connection", "retrying", "ECONNREFUSED", attempt=3, max_attempts=10, retry_in_s=8.0, text="no"
)
REPORT = Report(started=80.0, kind="connection", symptoms=(replace(RETRY, t=WALL + 80),), retries_spent=3)
RUNG = Rung("ports.widen", 3, "ask", ("ports.exhausted",), "Widen the range")


def at(phase: str, kind: Kind = "connection", **other: Any) -> State:
    return State(phase=phase, report=replace(REPORT, kind=kind), symptom=RETRY, **other)


def test_calm() -> None:
    told = build(State(), ABOUT, WALL)
    assert (told["headline"]["word"], told["headline"]["tone"]) == ("OK", "ok")
    assert told["incident"] is None
    assert told["doing"] == []
    assert told["may"] == {"release": False, "retry": False, "observe": True}
    assert {hop["state"] for hop in told["route"]["hops"]} == {"unknown"}
    json.dumps(told)


def test_an_incident_is_told_by_times_and_not_by_ages() -> None:
    state = at("held", hold_started=95.0, probing_since=81.0)
    told = build(state, ABOUT, WALL)
    incident = told["incident"]
    assert incident["started_at"] == "2026-09-21T14:14:40.000Z"
    assert incident["held_since"] == "2026-09-21T14:14:55.000Z"
    assert incident["next_try_at"] == "2026-09-21T14:14:58.000Z"
    assert told == build(state, ABOUT, WALL), "nothing in it goes by the clock"
    assert told["may"] == {"release": True, "retry": True, "observe": True}


@pytest.mark.parametrize(
    ("state", "word", "says"),
    [
        (at("watching"), "RETRYING", "tries again by itself"),
        (at("watching", path_noted=True), "RETRYING", "answers to a probe"),
        (at("watching", "overloaded"), "API BUSY", "overloaded"),
        (at("watching", "rate_limit"), "RATE LIMIT", "Too many"),
        (at("watching", "server_error"), "API ERROR", "of its own"),
        (at("holding"), "PAUSING", "about to be paused"),
        (at("held"), "PAUSED", "goes on by itself"),
        (at("going"), "GOING ON", "goes on"),
        (at("down"), "GAVE UP", "tells it to go on"),
        (at("down", "auth"), "SIGNED OUT", "sign-in"),
        (at("down", "usage_limit"), "LIMIT REACHED", "when it is over"),
        (at("down", care=Care(waits_for="you are typing")), "WAITING", "you are typing"),
        (at("held", suspended=True), "SUSPENDED", "fg"),
        (State(phase="muted"), "HANDS OFF", "only watches"),
        (State(phase="fading"), "RECOVERED", "again"),
        (State(past=Past(tripped=True)), "HANDS OFF", "helps again when"),
    ],
)
def test_the_word_for_how_it_stands(state: State, word: str, says: str) -> None:
    told = headline.of(state, False, False)
    assert told["word"] == word
    assert says in told["text"]
    assert told["tone"] in ("ok", "busy", "warn", "bad", "ask", "off")


def test_a_question_and_observing_are_said() -> None:
    assert headline.of(at("held"), False, True)["word"] == "ASKS YOU"
    assert "paused meanwhile" in headline.of(at("held"), False, True)["text"]
    assert "paused" not in headline.of(at("down"), False, True)["text"]
    assert headline.of(State(), True, False)["word"] == "OBSERVING"
    assert headline.of(at("watching"), True, False)["text"].endswith("cc-guard only observes.")


def test_what_gets_worse_is_said_while_all_is_well() -> None:
    vitals = {"warning": "Getting worse: slow."}
    assert build(State(), ABOUT, WALL, vitals=vitals)["headline"]["text"] == "Slow."
    assert build(at("held"), ABOUT, WALL, vitals=vitals)["headline"]["word"] == "PAUSED"


def test_what_is_done_by_which_rule_and_since_when() -> None:
    care = Care(running="ports.widen", diagnosing=84.0)
    state = at("held", hold_started=95.0, probing_since=81.0, care=care, policy=Policy(rungs=(RUNG,)))
    rows = {row["what"]: row for row in build(state, ABOUT, WALL, running_since=98.0)["doing"]}
    assert rows["Claude Code is paused"]["rule"] == "hold.wait, profile generic"
    assert rows["Widen the range"]["rule"] == "ports.widen, you said yes"
    assert rows["Widen the range"]["since"] == "2026-09-21T14:14:58.000Z"
    assert rows["Looking for the cause"]["since"] == "2026-09-21T14:14:44.000Z"
    always = replace(state, past=Past(always=("ports.widen",)))
    assert "you said always" in [row["rule"] for row in build(always, ABOUT, WALL)["doing"]][-1]
    by_itself = replace(state, policy=Policy(rungs=(replace(RUNG, level=2, policy="auto"),)))
    assert build(by_itself, ABOUT, WALL)["doing"][-1]["rule"] == "ports.widen, profile generic"


def test_going_on_typing_restarting_and_waiting() -> None:
    def whats(care: Care) -> list[str]:
        return [row["what"] for row in build(at("down", alive=90.0, care=care), ABOUT, WALL)["doing"]]

    assert whats(Care(typing=99.0)) == ["Typing “continue”"]
    assert whats(Care(restarting=99.0)) == ["Start Claude Code again with its session"]
    assert whats(Care(waits_for="a tool is running")) == ["Waiting, because a tool is running"]
    assert whats(Care(due=210.0)) == ["Waiting before Claude Code is told to go on"]
    assert whats(Care(due=91.0)) == [], "a second is no wait"
    down = build(at("down", alive=90.0, care=Care(due=210.0)), ABOUT, WALL)
    assert down["doing"][0]["until"] == "2026-09-21T14:16:50.000Z"


def test_the_verdict_its_evidence_and_the_steps() -> None:
    findings = (Finding("api.path", "fail", "https://x:443: refused"), Finding("tcp.v6", "fail", "no answer"))
    deeds = (Action("ports.widen", "ok", "done", WALL + 90, 1.5), Action("hold.wait", "ok", "", WALL, 3.0))
    report = replace(REPORT, findings=findings, actions=deeds, cause="ipv6.broken", confidence=0.9)
    state = replace(at("held"), report=report, policy=Policy(rungs=(RUNG,)))
    incident = build(state, ABOUT, WALL, why=Why("IPv6 is broken.", ("Turn it off.",), (), 1.0))["incident"]
    assert (incident["summary"], incident["fix"]) == ("IPv6 is broken.", ["Turn it off."])
    assert [(one["title"], one["summary"]) for one in incident["findings"]] == [
        ("connection over IPv6", "no answer")
    ], "what the path probe found is in the route"
    titles = [one["title"] for one in incident["actions"]]
    assert titles == ["Widen the range", "Pause Claude Code until the API answers"]


def test_a_question_has_its_end() -> None:
    asked = {"id": "q1", "remedy": RUNG.id, "title": RUNG.title, "level": 3, "text": "sudo -n sysctl"}
    state = at("held", care=Care(question=Question("q1", RUNG.id, RUNG.title, 3), asked_at=100.0))
    question = build(state, ABOUT, WALL, question=asked)["question"]
    assert question["text"] == "sudo -n sysctl"
    assert question["until"] == "2026-09-21T14:20:00.000Z"


def test_texts_and_lists_have_an_end() -> None:
    many = tuple(Finding("tls", "fail", "x" * 9000) for _ in range(60))
    state = replace(at("held"), report=replace(REPORT, findings=many))
    told = build(state, ABOUT, WALL, why=Why("y" * 9000, ("z" * 9000,) * 99))
    assert len(json.dumps(told)) < 40_000


def test_notices_are_kept_in_order_and_not_for_ever() -> None:
    notices = Notices()
    for number in range(100):
        notices.add(f"n{number}", WALL + number)
    notices.add("", WALL)
    told = build(State(), ABOUT, WALL, notices=notices)
    assert (len(told["notices"]), told["notice"]) == (40, "n99")


def test_the_clocks_difference_is_steady_until_somebody_sets_one() -> None:
    times = {"wall": 1000.0, "mono": 10.0}
    wall = Wall(lambda: times["wall"], lambda: times["mono"])
    times.update(wall=1001.2, mono=11.0)
    assert wall.offset() == 990.0
    times.update(wall=5000.0, mono=12.0)
    assert wall.offset() == 4988.0


# The way to the API


def seen(state: str, stage: str, status: int | None = None, at: float = 20.0, route: str = "") -> PathSeen:
    route = route or "https://api.anthropic.com:443"
    evidence = {"route": route, "stage": stage, "http_status": status}
    return PathSeen(Finding("api.path", state, f"{route}: said", evidence, 210.4), at)  # type: ignore[arg-type]


DOCTOR = Why(
    "",
    (),
    (
        Finding("dns.system", "pass", "an address", {"ms": 12.2}, 12),
        Finding("tcp.v4", "pass", "answers", {"ms": 24}, 24),
        Finding("tcp.v6", "fail", "no answer in 1.5 s", {"ms": None}, 1500),
        Finding("tls", "pass", "trusted", {}, 48),
        Finding("http.api", "pass", "HTTP 404", {"ms": 200}, 200),
    ),
    10.0,
)


def hops(path: PathSeen | None, why: Why | None) -> dict[str, str]:
    return {hop["id"]: hop["state"] for hop in way.route(path, why)["hops"]}


@pytest.mark.parametrize(
    ("stage", "states"),
    [
        ("resolve", "fail skip skip skip"),
        ("connect", "pass fail skip skip"),
        ("tls", "pass pass fail skip"),
        ("http", "pass pass pass fail"),
    ],
)
def test_how_far_a_probe_got(stage: str, states: str) -> None:
    assert " ".join(hops(seen("fail", stage), None).values()) == states


def test_a_probe_that_is_answered_proves_the_whole_way() -> None:
    route = way.route(seen("pass", "http", 404), None)
    assert {hop["state"] for hop in route["hops"]} == {"pass"}
    assert route["hops"][-1]["ms"] == 210
    assert route["target"] == "api.anthropic.com"
    assert hops(seen("pass", "http", 529), None)["api"] == "warn", "an answer, and an error of the server"


def test_one_family_stays_broken_while_the_way_is_good() -> None:
    assert hops(seen("pass", "http", 404), DOCTOR) == {
        "dns": "pass",
        "v4": "pass",
        "v6": "fail",
        "tls": "pass",
        "api": "pass",
    }


def test_the_later_word_counts() -> None:
    assert hops(seen("fail", "resolve", at=20.0), DOCTOR)["dns"] == "fail"
    assert hops(seen("fail", "resolve", at=5.0), DOCTOR)["dns"] == "pass"
    broken = replace(DOCTOR, findings=(Finding("dns.system", "fail", "no answer"),))
    assert hops(seen("pass", "http", 404, at=20.0), broken)["dns"] == "pass", "it is over"


def test_a_proxy_is_a_station_and_plain_http_has_no_tls() -> None:
    told = way.route(seen("fail", "proxy", route="http://10.0.0.1:8080 via proxy p.corp:3128"), None)
    assert [(hop["id"], hop["state"]) for hop in told["hops"]] == [
        ("dns", "pass"),
        ("tcp", "pass"),
        ("proxy", "fail"),
        ("api", "skip"),
    ]
    assert told["target"] == "10.0.0.1:8080"


def test_the_slower_or_worse_of_two_probes_counts() -> None:
    both = replace(DOCTOR, findings=(*DOCTOR.findings, Finding("http.v4", "fail", "closed", {}, 9)))
    assert hops(None, both)["v4"] == "fail"
