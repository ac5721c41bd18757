"""What a guard publishes at the moments that matter, made by the product's own `status.build` from states of
the incident machine. Times are those of `CLOCK`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cc_guard.guard.status import About, Notices, PathSeen, Why, build
from cc_guard.incident.ladder import Rung
from cc_guard.incident.record import Action, Finding, Symptom
from cc_guard.incident.state import Care, Past, Policy, Question, Report, State

CLOCK = 1_790_000_000.0
"""Epoch seconds of "now"."""
WALL = CLOCK - 1000.0  # so that now is 1000.0 on the machine's clock
RELAY = 4711

ABOUT = About(
    session="0b7c3d52-6a0e-4f0a-9c58-1f2f6a1f8f7e",
    relay=RELAY,
    cwd="/home/u/projects/weather-app",
    client_version="2.1.330",
    profile="linux-docker",
    profile_why="docker runs on this Linux machine",
    release_key="Ctrl-]",
)
VITALS: Mapping[str, Any] = {
    "first_words_s": [1.2, 1.4, 0.9, 1.1, 2.0, 1.3, 1.5, 1.2, 3.1, 1.4, 1.1, 1.6, 1.3, 1.2, 2.2, 1.4],
    "request_s": [4.1, 8.0, 3.2, 6.6, 12.0, 5.1, 7.3, 4.4, 19.5, 6.0, 5.2, 8.1, 4.9, 5.5, 11.0, 6.2],
    "client_mb": 410,
    "available_mb": 9800,
    "total_mb": 15900,
    "ports": 310,
    "ports_of": 28232,
    "machines": [],
    "warning": "",
}
HELPS = Rung("ipv6.prefer-v4", 3, "ask", ("ipv6.broken",), "Prefer IPv4 until IPv6 works again", "incident")
WIDEN = Rung("ports.widen", 3, "ask", ("ports.exhausted",), "Widen the range of local ports", "session")
_ROUTE = "https://api.anthropic.com:443"
_SYMPTOM = Symptom(
    CLOCK - 3.0,
    "connection",
    "retrying",
    code="ETIMEDOUT",
    attempt=4,
    max_attempts=10,
    retry_in_s=8.0,
    text="API Error (Connection error.) · Retrying in 8 seconds… (attempt 4/10)",
)


def path(state: str, stage: str, said: str, ms: float = 212.0, status: int | None = None) -> PathSeen:
    evidence = {"route": _ROUTE, "stage": stage, "http_status": status}
    return PathSeen(Finding("api.path", state, f"{_ROUTE}: {said}", evidence, ms), CLOCK - 0.2)  # type: ignore[arg-type]


IPV6 = Why(
    "IPv6 to api.anthropic.com is broken: connections over it get no answer, while IPv4 works.",
    (
        "Turn IPv6 off until it is mended. sudo sysctl -w net.ipv6.conf.all.disable_ipv6=1"
        "   (undo: sudo sysctl -w net.ipv6.conf.all.disable_ipv6=0)",
        "Restart the router, or ask your provider why IPv6 gets no answer.",
    ),
    (
        Finding("dns.system", "pass", "api.anthropic.com is 160.79.104.10 (12 ms)", {"ms": 12}, 12),
        Finding("tcp.v4", "pass", "160.79.104.10 answers in 24 ms", {"ms": 24}, 24),
        Finding("tcp.v6", "fail", "no answer from 2607:6bc0::10 in 1.5 s", {"ms": None}, 1500),
        Finding("tls", "pass", "trusted by this system", {}, 48),
        Finding("http.api", "pass", "HTTP 404", {"ms": 210}, 210),
    ),
    CLOCK - 20,
)
_BAD = tuple(one for one in IPV6.findings if one.state != "pass")
REPORT = Report(
    started=916.0,
    kind="connection",
    code="ETIMEDOUT",
    symptoms=(replace(_SYMPTOM, t=CLOCK - 84.0, attempt=1),),
    findings=(
        Finding("api.path", "fail", f"{_ROUTE}: Connection timed out", {}, 5000),
        *_BAD,
    ),
    retries_spent=4,
)


def notices(*texts: str) -> Notices:
    told = Notices()
    for number, text in enumerate(texts):
        told.add(text, CLOCK - 60 + 12 * number)
    return told


def calm() -> dict[str, Any]:
    return build(State(), ABOUT, WALL, path=path("pass", "http", "HTTP 404", status=404), vitals=dict(VITALS))


def worsening() -> dict[str, Any]:
    text = "Getting worse: 3 of the last 6 requests needed a retry, 0.5 of 6 before."
    seen = path("pass", "http", "HTTP 404", 1240.0, 404)
    return build(State(), ABOUT, WALL, path=seen, vitals={**VITALS, "warning": text}, notices=notices(text))


def retrying() -> dict[str, Any]:
    state = State(
        phase="watching",
        report=replace(REPORT, started=996.0, findings=(), symptoms=(_SYMPTOM,)),
        symptom=_SYMPTOM,
        probing_since=997.0,
        care=Care(diagnosing=998.0),
    )
    return build(state, ABOUT, WALL, vitals=dict(VITALS))


def held() -> dict[str, Any]:
    state = State(
        phase="held",
        report=replace(REPORT, cause="ipv6.broken", confidence=0.9),
        symptom=_SYMPTOM,
        probing_since=918.0,
        hold_started=953.0,
    )
    told = notices("IPv6 to api.anthropic.com is broken, IPv4 works.")
    seen = path("fail", "connect", "Connection timed out")
    return build(state, ABOUT, WALL, why=IPV6, path=seen, notices=told, vitals=dict(VITALS))


def asking() -> dict[str, Any]:
    question = Question("q1", HELPS.id, HELPS.title, HELPS.level)
    state = State(
        policy=Policy(rungs=(HELPS,)),
        phase="held",
        report=replace(REPORT, cause="ipv6.broken", confidence=0.9),
        symptom=_SYMPTOM,
        probing_since=918.0,
        hold_started=953.0,
        care=Care(question=question, asked_at=988.0),
    )
    asked = {
        "id": "q1",
        "remedy": HELPS.id,
        "title": HELPS.title,
        "level": 3,
        "text": "Connections over IPv6 get no answer; new ones are to go over IPv4.\n"
        "  sudo -n sysctl -w net.ipv6.conf.all.disable_ipv6=1\n"
        "To undo: sudo -n sysctl -w net.ipv6.conf.all.disable_ipv6=0",
    }
    seen = path("fail", "connect", "Connection timed out")
    return build(state, ABOUT, WALL, question=asked, why=IPV6, path=seen, vitals=dict(VITALS))


def working() -> dict[str, Any]:
    """A remedy runs, after one that did not help."""
    tried = Action("dns.flush", "failed", "done, and it did not help", CLOCK - 40, 2.1)
    state = State(
        policy=Policy(rungs=(HELPS,)),
        phase="held",
        report=replace(REPORT, cause="ipv6.broken", confidence=0.9, actions=(tried,)),
        symptom=_SYMPTOM,
        probing_since=918.0,
        hold_started=953.0,
        care=Care(running=HELPS.id),
        past=Past(questions=1),
    )
    seen = path("fail", "connect", "Connection timed out")
    return build(state, ABOUT, WALL, why=IPV6, path=seen, running_since=994.0, vitals=dict(VITALS))


def down() -> dict[str, Any]:
    """The client has given up; the path is good, and the user has a draft in the box."""
    failed = replace(_SYMPTOM, phase="failed", attempt=None, retry_in_s=None, text="API Error: timed out")
    state = State(
        phase="down",
        report=replace(REPORT, cause="ipv6.broken", confidence=0.9),
        symptom=failed,
        probing_since=918.0,
        alive=970.0,
        care=Care(waits_for="there is a draft in the input box", due=975.0),
    )
    seen = path("pass", "http", "HTTP 404", status=404)
    return build(state, ABOUT, WALL, why=IPV6, path=seen, vitals=dict(VITALS))


def recovered() -> dict[str, Any]:
    told = notices(
        "IPv6 to api.anthropic.com is broken, IPv4 works.", "net.ipv6.conf.all.disable_ipv6: 1, was 0"
    )
    seen = path("pass", "http", "HTTP 404", status=404)
    return build(State(phase="fading"), ABOUT, WALL, path=seen, notices=told, vitals=dict(VITALS))


SCENES = {
    scene.__name__: scene for scene in (calm, worsening, retrying, held, asking, working, down, recovered)
}
