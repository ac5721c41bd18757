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
WIDEN = Rung("ports.widen", 3, "ask", ("ports.exhausted",), "Widen the range of local ports", "session")
_ROUTE = "https://api.anthropic.com:443"
_SYMPTOM = Symptom(
    CLOCK - 3.0,
    "connection",
    "retrying",
    code="ENOTFOUND",
    attempt=4,
    max_attempts=10,
    retry_in_s=8.0,
    text="API Error (Connection error.) · Retrying in 8 seconds… (attempt 4/10)",
)


def path(state: str, stage: str, said: str, ms: float = 212.0, status: int | None = None) -> PathSeen:
    evidence = {"route": _ROUTE, "stage": stage, "http_status": status}
    return PathSeen(Finding("api.path", state, f"{_ROUTE}: {said}", evidence, ms), CLOCK - 0.2)  # type: ignore[arg-type]


_NAME = Finding("dns.system", "pass", "api.anthropic.com is 160.79.104.10 (12 ms)", {"ms": 12}, 12)
NAMES = Why(
    "No nameserver answers, so the name api.anthropic.com can't be looked up.",
    (
        "Take another nameserver. sudo resolvectl dns eth0 1.1.1.1   (undo: sudo resolvectl revert eth0)",
        "Restart the router, or ask whoever runs the network why its nameserver is silent.",
    ),
    (
        Finding("dns.system", "fail", "this machine's look-up of the name gets no answer", {}, 2500),
        Finding("dns.servers", "fail", "192.168.1.1 gives no answer in 1.8 s", {}, 1800),
        Finding("tcp.v4", "skip", "needs dns.system", {}, 0),
        Finding("tcp.v6", "na", "no IPv6 here", {}, 0),
        Finding("tls", "skip", "needs tcp", {}, 0),
        Finding("http.api", "skip", "needs tls", {}, 0),
    ),
    CLOCK - 20,
)
PORTS = Why(
    "All local ports are in use: no further connection to api.anthropic.com can be opened.",
    ("Close what holds them: docker-proxy (process 812, 27,904).",),
    (
        _NAME,
        Finding("tcp.v4", "fail", "160.79.104.10: no local port is free", {"ms": None}, 1),
        Finding("tcp.v6", "na", "no IPv6 here", {}, 0),
        Finding("ports.use", "fail", "28221 of 28232 local ports in use", {}, 30),
    ),
    CLOCK - 20,
)
IPV6 = Why(
    "IPv6 to api.anthropic.com is broken: connections over it get no answer, while IPv4 works.",
    ("Restart the router, or ask your provider why IPv6 gets no answer.",),
    (
        _NAME,
        Finding("tcp.v4", "pass", "160.79.104.10 answers in 24 ms", {"ms": 24}, 24),
        Finding("tcp.v6", "fail", "no answer from 2607:6bc0::10 in 1.5 s", {"ms": None}, 1500),
        Finding("tls", "pass", "trusted by this system", {}, 48),
        Finding("http.api", "pass", "HTTP 404", {"ms": 210}, 210),
    ),
    CLOCK - 20,
)


def report(why: Why, cause: str, **other: Any) -> Report:
    bad = tuple(one for one in why.findings if one.state in ("warn", "fail"))
    return Report(
        started=916.0,
        kind="connection",
        code="ENOTFOUND",
        cause=cause,  # type: ignore[arg-type]
        confidence=0.9,
        symptoms=(replace(_SYMPTOM, t=CLOCK - 84.0, attempt=1),),
        findings=(Finding("api.path", "fail", f"{_ROUTE}: {_SAID[cause][1]}", {}, 5000), *bad),
        retries_spent=4,
        **other,
    )


_SAID = {
    "dns.resolver_down": ("resolve", "Temporary failure in name resolution"),
    "ports.exhausted": ("connect", "Cannot assign requested address"),
    "ipv6.broken": ("connect", "Connection timed out"),
}
_NO_PORTS = replace(_SYMPTOM, code="EADDRNOTAVAIL")


def failing(cause: str) -> PathSeen:
    return path("fail", *_SAID[cause])


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
    first = Report(started=996.0, kind="connection", code="ENOTFOUND", symptoms=(_SYMPTOM,), retries_spent=4)
    state = State(
        phase="watching",
        report=first,
        symptom=_SYMPTOM,
        probing_since=997.0,
        care=Care(diagnosing=998.0),
    )
    return build(state, ABOUT, WALL, vitals=dict(VITALS))


def held() -> dict[str, Any]:
    state = State(
        phase="held",
        report=report(NAMES, "dns.resolver_down"),
        symptom=_SYMPTOM,
        probing_since=918.0,
        hold_started=953.0,
    )
    told = notices("No nameserver answers.")
    seen = failing("dns.resolver_down")
    return build(state, ABOUT, WALL, why=NAMES, path=seen, notices=told, vitals=dict(VITALS))


def asking() -> dict[str, Any]:
    state = State(
        policy=Policy(rungs=(WIDEN,)),
        phase="held",
        report=replace(report(PORTS, "ports.exhausted"), code="EADDRNOTAVAIL"),
        symptom=_NO_PORTS,
        probing_since=918.0,
        hold_started=953.0,
        care=Care(question=Question("q1", WIDEN.id, WIDEN.title, WIDEN.level), asked_at=988.0),
    )
    asked = {
        "id": "q1",
        "remedy": WIDEN.id,
        "title": WIDEN.title,
        "level": 3,
        "text": "More local ports, so that new connections can be opened.\n"
        "  sudo -n sysctl -w net.ipv4.ip_local_port_range='15000 60999'\n"
        "To undo: sudo -n sysctl -w net.ipv4.ip_local_port_range='32768 60999'",
    }
    seen = failing("ports.exhausted")
    vitals = {**VITALS, "ports": 28221}
    return build(state, ABOUT, WALL, question=asked, why=PORTS, path=seen, vitals=vitals)


def working() -> dict[str, Any]:
    """A remedy runs, after one that did not help."""
    tried = Action("ports.free", "failed", "done, and it did not help", CLOCK - 40, 2.1)
    state = State(
        policy=Policy(rungs=(WIDEN,)),
        phase="held",
        report=replace(report(PORTS, "ports.exhausted", actions=(tried,)), code="EADDRNOTAVAIL"),
        symptom=_NO_PORTS,
        probing_since=918.0,
        hold_started=953.0,
        care=Care(running=WIDEN.id),
        past=Past(questions=1),
    )
    seen = failing("ports.exhausted")
    return build(state, ABOUT, WALL, why=PORTS, path=seen, running_since=994.0, vitals=dict(VITALS))


def down() -> dict[str, Any]:
    """The client has given up; the path is good, and the user has a draft in the box."""
    failed = replace(_SYMPTOM, phase="failed", attempt=None, retry_in_s=None, text="API Error: timed out")
    state = State(
        phase="down",
        report=replace(report(IPV6, "ipv6.broken"), code="ETIMEDOUT"),
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
