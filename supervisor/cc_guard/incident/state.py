"""What the incident machine knows, and the small questions that it asks of that."""

from dataclasses import dataclass, field, replace

from cc_guard.incident.ladder import Rung
from cc_guard.incident.record import Action, Cause, Finding, Kind, Outcome, Symptom

FINDINGS_KEPT = 60
# A first probe that is still out after this long counts as no answer: on a path that swallows packets it
# would take its whole deadline, and the client would spend retries meanwhile.
SILENT_PATH_S = 0.4
# How long after a result the path is taken to be as that probe found it.
PATH_MEMORY_S = 3.0


@dataclass(frozen=True)
class Policy:
    """`hold`: whether a hold is allowed at all; `hold_from`: the first attempt at which it is. `trusted`:
    whether probes are known to find the client's path (True), known not to (False), or neither. While probes
    are on, one reports at least every `report_s`. `nudge`, `restart`: whether a client that has given up may
    be told to go on, and started anew. `rungs`: the remedies."""

    hold: bool = True
    hold_from: int = 2
    trusted: bool | None = None
    report_s: float = 30.0
    nudge: bool = False
    restart: bool = False
    rungs: tuple[Rung, ...] = ()

    def rung(self, remedy: str) -> Rung | None:
        return next((rung for rung in self.rungs if rung.id == remedy), None)


@dataclass(frozen=True)
class Question:
    """Whether a remedy may be carried out. `id` is unlike that of any other question of the session, also of
    those that a guard before this one has asked."""

    id: str
    remedy: str
    title: str
    level: int


@dataclass(frozen=True)
class Report:
    """What the history keeps of an incident, with times on the machine's clock."""

    started: float
    kind: Kind
    code: str | None = None
    cause: Cause | None = None
    confidence: float | None = None
    outcome: Outcome = "open"
    ended: float | None = None
    symptoms: tuple[Symptom, ...] = ()
    findings: tuple[Finding, ...] = ()
    actions: tuple[Action, ...] = ()
    sources: tuple[str, ...] = ()
    retries_spent: int = 0
    held_s: float = 0.0
    reachable: float | None = None
    progressed: float | None = None


@dataclass(frozen=True)
class Care:
    """What has been done about the incident besides the hold, and what is under way.

    `fresh`: something has changed since the client gave up, so that another try is worth it. `stale`: this
    process of the client can't know what a remedy has changed. `due`: nothing is typed before. `missed`: how
    often words could not be typed since the client gave up.
    """

    tries: tuple[tuple[str, int], ...] = ()
    told: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    running: str = ""
    began: float = 0.0
    rested: float = 0.0
    question: Question | None = None
    asked_at: float = 0.0
    diagnosing: float | None = None
    fresh: bool = False
    stale: bool = False
    due: float = 0.0
    typing: float | None = None
    missed: int = 0
    nudges: int = 0
    restarting: float | None = None
    restarts: int = 0
    waits_for: str = ""


@dataclass(frozen=True)
class Past:
    """What outlives an incident: those that something was done about, by cause and end; whether the breaker
    is open; what the user has answered for good; and when we last told the client to go on."""

    acted: tuple[tuple[Cause, float], ...] = ()
    tripped: bool = False
    always: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    questions: int = 0
    nudged: float | None = None


@dataclass(frozen=True)
class State:
    """`phase` is one of the words at the top of machine.py."""

    policy: Policy = field(default_factory=Policy)
    phase: str = "idle"
    report: Report | None = None
    symptom: Symptom | None = None
    suspended: bool = False
    probing_since: float | None = None
    answered: float | None = None
    unanswered: float | None = None
    status: int | None = None  # of HTTP, in the last answer to a probe
    proven: bool = False  # the last answer was one; not just nothing to ask
    hold_started: float | None = None
    cleared: float | None = None
    doubted: float | None = None  # when the screen showed a failure that nothing has confirmed yet
    rested: float | None = None  # since when a client that was stalled does nothing any more
    alive: float = 0.0  # when the client last showed that it retries, or was let go
    path_noted: bool = False
    probed: str = ""  # what the last probe's finding said
    asked: int = 0  # how often the cause has been asked for
    asked_at: float = 0.0
    asked_again: int = 0  # because the trouble was another one than before
    trials: int = 0
    on_trial: int | None = None  # the attempt that was let through
    care: Care = field(default_factory=Care)
    past: Past = field(default_factory=Past)


def path(state: State, now: float) -> str:
    """`good`, `bad`, `unknown`, or `unheard`: something is wrong with the probes, not with the path."""
    heard = max(t for t in (state.probing_since, state.answered, state.unanswered, 0.0) if t is not None)
    if now - heard > state.policy.report_s:
        return "unheard"
    if state.answered is not None and state.answered >= (state.unanswered or 0.0):
        return "good" if now - state.answered <= PATH_MEMORY_S else "unknown"
    if state.unanswered is not None:
        return "bad"
    silent = state.probing_since is not None and now - state.probing_since >= SILENT_PATH_S
    return "bad" if silent else "unknown"


def with_finding(report: Report, *findings: Finding) -> Report:
    """The first ones and the latest: a path that comes and goes has thousands."""
    kept = (*report.findings, *findings)
    if len(kept) > FINDINGS_KEPT:
        half = FINDINGS_KEPT // 2
        kept = (*kept[:half], *kept[-half:])
    return replace(report, findings=kept)


def with_action(state: State, remedy: str, status: str, detail: str, started: float, took_s: float) -> State:
    """`started` on the machine's clock."""
    report = state.report
    assert report is not None
    action = Action(remedy, status, detail, _wall(report, started), took_s)
    return replace(state, report=replace(report, actions=(*report.actions, action)))


def _wall(report: Report, monotonic: float) -> float:
    """A time of the machine's clock as epoch seconds, by the first symptom, which has both."""
    return report.symptoms[0].t + (monotonic - report.started) if report.symptoms else monotonic
