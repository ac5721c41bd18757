"""The incident machine: `step(state, event, now) -> (state, effects)`.

This file touches the state and nothing else: no I/O, no clock, no threads. `now` is CLOCK_MONOTONIC in
seconds. The driver carries the effects out and feeds what comes of them back as events.

    idle      no incident
    watching  the client retries; the path to the API is being probed
    holding   the relay was asked to stop the client between two frames
    held      the client is stopped; probing goes on
    going     the client goes on after a hold and has not shown progress yet
    muted     the user ended the hold: hands off until this episode is over
    fading    over, by a hook or the transcript, which are quicker than the screen: its old row may still show

A hold needs all of this: the retry phase (never mid-stream), the attempt from which the settings allow it,
and a path that does not answer. A path that answers while requests fail means that waiting would help
nothing: the client retries, and the incident says so. A hold lives on the reports of probes: without any, or
with a sign that the client has gone on after all, it ends.
"""

from dataclasses import dataclass, field, replace

from cc_guard.incident.record import Action, Cause, Finding, Kind, Outcome, Symptom

# A first probe that is still out after this long counts as no answer: on a path that swallows packets it
# would take its whole deadline, and the client would spend retries meanwhile.
SILENT_PATH_S = 0.4
# How long after a result the path is taken to be as that probe found it.
PATH_MEMORY_S = 3.0
# After its retry row is gone the client is believed to go on, unless a failure is reported within this time.
SETTLE_S = 1.5
# A path that has never answered a probe may be one that only the client can use: an authenticating gateway,
# a proxy by other means. So a hold on it lets one attempt through after this long, then after three times
# as long, and so on.
TRIAL_S = 300.0
# A client that retries shows it at least this often: its waits are shorter, and it gives up on an attempt
# that hangs after ten minutes. Later nobody knows what became of it (a picture that was missed, a key that
# ended it), and probing on would serve nobody.
LOST_S = 900.0
FADING_S = 3.0
# A blip is over before its cause would be known; what lasts may have changed by the second time.
DIAGNOSE_AFTER_S = (0.5, 60.0)
SYMPTOMS_KEPT = 60
FINDINGS_KEPT = 60
# The rest is an answer of the API, or of what stands in for it: a pause would race the client's own waits.
HELD_KINDS = ("connection", "timeout", "stall", "tls", "proxy", "server_error")


# Events


@dataclass(frozen=True)
class Seen:
    """A symptom, and the source that showed it."""

    symptom: Symptom
    source: str


@dataclass(frozen=True)
class Progressed:
    """The client got an answer. `source`: transcript or hook."""

    source: str


@dataclass(frozen=True)
class Checked:
    """A probe made while the client works: whether probes can tell anything about its path."""

    reachable: bool


@dataclass(frozen=True)
class Probed:
    finding: Finding
    reachable: bool


@dataclass(frozen=True)
class HoldStarted:
    pass


@dataclass(frozen=True)
class HoldEnded:
    """`by_user`: the release key, Ctrl-C, Escape, or somebody's SIGCONT."""

    reason: str
    by_user: bool


@dataclass(frozen=True)
class Suspended:
    """The user pressed Ctrl-Z."""


@dataclass(frozen=True)
class Resumed:
    pass


@dataclass(frozen=True)
class Exited:
    """The client is gone, or the session is over for us."""


@dataclass(frozen=True)
class Diagnosed:
    """What the probes make of it: a cause, how sure (0 to 1), and what they found wrong."""

    cause: Cause
    confidence: float
    summary: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Noticed:
    """Something that is not a failure, but may explain one."""

    finding: Finding


@dataclass(frozen=True)
class Interrupted:
    """The user has stopped the client's work: it waits for another prompt."""

    source: str


@dataclass(frozen=True)
class Tick:
    """`at_rest`: the client does nothing, and if it had got an answer we would have been told."""

    at_rest: bool = False


Event = (
    Seen
    | Progressed
    | Noticed
    | Diagnosed
    | Interrupted
    | Checked
    | Probed
    | HoldStarted
    | HoldEnded
    | Suspended
    | Resumed
    | Exited
    | Tick
)


# Effects


@dataclass(frozen=True)
class Probe:
    """Start or stop probing the path."""

    on: bool


@dataclass(frozen=True)
class Hold:
    pass


@dataclass(frozen=True)
class Release:
    pass


@dataclass(frozen=True)
class Diagnose:
    """Find out why: once when an incident has opened, and once more when it goes on for long."""

    symptom: Symptom


@dataclass(frozen=True)
class Record:
    """The incident as it is now. `outcome` is `open` until the last record of an incident."""

    report: "Report"


@dataclass(frozen=True)
class Notify:
    """One sentence for people."""

    text: str


Effect = Probe | Hold | Release | Diagnose | Record | Notify


# State


@dataclass(frozen=True)
class Policy:
    """`hold`: whether a hold is allowed at all; `hold_from`: the first attempt at which it is. `trusted`:
    whether probes are known to find the client's path (True), known not to (False), or neither. While probes
    are on, one reports at least every `report_s`."""

    hold: bool = True
    hold_from: int = 2
    trusted: bool | None = None
    report_s: float = 30.0


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
class State:
    """`phase` is one of the words at the top of this file."""

    policy: Policy = field(default_factory=Policy)
    phase: str = "idle"
    report: Report | None = None
    symptom: Symptom | None = None
    suspended: bool = False
    probing_since: float | None = None
    answered: float | None = None
    unanswered: float | None = None
    hold_started: float | None = None
    cleared: float | None = None
    doubted: float | None = None  # when the screen showed a failure that nothing has confirmed yet
    alive: float = 0.0  # when the client last showed that it retries, or was let go
    path_noted: bool = False
    probed: str = ""  # what the last probe's finding said
    asked: int = 0  # how often the cause has been asked for
    trials: int = 0
    on_trial: int | None = None  # the attempt that was let through


def step(state: State, event: Event, now: float) -> tuple[State, list[Effect]]:
    """The next state and what is to be done, in order."""
    match event:
        case Seen(symptom, source):
            return _seen(state, symptom, source, now)
        case Progressed(source):
            return _progressed(state, source, now)
        case Checked(reachable):
            return _checked(state, reachable)
        case Probed(finding, reachable):
            return _probed(state, finding, reachable, now)
        case HoldStarted():
            return _hold_started(state, now)
        case HoldEnded(reason, by_user):
            return _hold_ended(state, reason, by_user, now)
        case Suspended():
            return _decide(*_stop_holding(replace(state, suspended=True), now), now)
        case Resumed():
            return _decide(replace(state, suspended=False), [], now)
        case Exited():
            return _end(state, "abandoned", now)
        case Diagnosed():
            return _diagnosed(state, event)
        case Noticed(finding):
            return _noticed(state, finding)
        case Interrupted(source):
            return _interrupted(state, source, now)
        case Tick(at_rest):
            return _ask_why(*_tick(state, at_rest, now), now)


def _seen(state: State, symptom: Symptom, source: str, now: float) -> tuple[State, list[Effect]]:
    match symptom.phase:
        case "retrying":
            return _retrying(state, symptom, source, now)
        case "failed":
            return _failed(state, symptom, source, now)
        case "cleared":
            return _cleared(state, source, now)
        case _:
            return state, []  # waiting is slow, not failed


def _retrying(state: State, symptom: Symptom, source: str, now: float) -> tuple[State, list[Effect]]:
    effects: list[Effect] = []
    if state.report is None:
        same_row = state.phase == "fading" and _spent(symptom) == _spent(state.symptom)
        if state.phase == "muted" or same_row:
            return state, []
        state = _open(state, symptom, now)
        state = replace(state, phase="watching", probing_since=now, answered=None, unanswered=None)
        effects.append(Probe(True))
    elif state.phase == "going" and _spent(symptom) > _spent(state.symptom):
        state = replace(state, phase="watching")  # the attempt after the hold failed too
    state = replace(state, symptom=symptom, cleared=None, doubted=None, alive=now)
    state, changed = _note(state, symptom, source)
    if changed:
        effects.append(_record(state))
    return _decide(state, effects, now)


def _failed(state: State, symptom: Symptom, source: str, now: float) -> tuple[State, list[Effect]]:
    if state.phase == "muted":
        return replace(state, phase="idle"), []
    if state.report is None:
        if not symptom.confirmed:
            return state, []  # the model may have written it
        state = _open(state, symptom, now)
    state, _ = _note(state, symptom, source)
    if symptom.confirmed:
        return _end(state, "failed", now)
    return _decide(replace(state, doubted=now, cleared=None), [_record(state)], now)


def _cleared(state: State, source: str, now: float) -> tuple[State, list[Effect]]:
    if state.phase in ("muted", "fading"):
        return replace(state, phase="idle", cleared=None, symptom=None), []
    if state.report is None:
        return state, []
    return _decide(replace(state, cleared=now, report=_with_source(state.report, source)), [], now)


def _progressed(state: State, source: str, now: float) -> tuple[State, list[Effect]]:
    if state.phase == "muted":
        return replace(state, phase="idle"), []
    if state.report is None:
        return state, []
    report = replace(_with_source(state.report, source), progressed=_earlier(state.cleared, now))
    return _end(replace(state, report=report), "recovered", now)


def _checked(state: State, reachable: bool) -> tuple[State, list[Effect]]:
    if state.report is not None:
        return state, []  # the probe may have met the trouble itself
    state = replace(state, policy=replace(state.policy, trusted=reachable))
    if reachable:
        return state, []
    return state, [Notify("Claude Code works, but cc-guard can't reach its API: nothing will be paused.")]


def _probed(state: State, finding: Finding, reachable: bool, now: float) -> tuple[State, list[Effect]]:
    report = state.report
    if report is None:
        return state, []
    changed = state.probed != finding.state
    if changed:
        report = _with_finding(report, finding)
        state = replace(state, probed=finding.state)
    if reachable:
        state = replace(state, answered=now, policy=replace(state.policy, trusted=True))
        was_gone = state.unanswered is not None or state.phase in ("holding", "held")
        if was_gone and report.reachable is None:
            report = replace(report, reachable=now)
    else:
        state = replace(state, unanswered=now)
        report = replace(report, reachable=None)
    state = replace(state, report=report)
    effects: list[Effect] = [_record(state)] if changed else []
    return _decide(state, effects, now)


def _hold_started(state: State, now: float) -> tuple[State, list[Effect]]:
    if state.phase != "holding":
        return state, [Release()]  # asked for earlier; no longer wanted
    state = replace(state, phase="held", hold_started=now)
    effects: list[Effect] = [
        _record(state),
        Notify("The API does not answer; Claude Code is paused until it does."),
    ]
    return _decide(state, effects, now)


def _hold_ended(state: State, reason: str, by_user: bool, now: float) -> tuple[State, list[Effect]]:
    if state.hold_started is None and state.phase != "holding":
        return state, []
    state = _close_hold(state, "ended" if reason == "guard" else reason, now)
    if by_user:
        return _end(state, "released", now)
    phase = "watching" if state.phase in ("holding", "held") else state.phase
    return _decide(replace(state, phase=phase, alive=now), [_record(state)], now)


def _diagnosed(state: State, event: Diagnosed) -> tuple[State, list[Effect]]:
    report = state.report
    if report is None:
        return state, []
    if event.confidence >= (report.confidence or 0.0):
        report = replace(report, cause=event.cause, confidence=event.confidence)
    state = replace(state, report=_with_finding(report, *event.findings))
    return state, [_record(state), Notify(event.summary)]


def _noticed(state: State, finding: Finding) -> tuple[State, list[Effect]]:
    if state.report is None:
        return state, [Notify(finding.summary)]
    state = replace(state, report=_with_finding(state.report, finding))
    return state, [_record(state)]


def _interrupted(state: State, source: str, now: float) -> tuple[State, list[Effect]]:
    if state.phase == "muted":
        return replace(state, phase="idle"), []
    if state.report is None:
        return state, []
    return _end(replace(state, report=_with_source(state.report, source)), "abandoned", now)


def _tick(state: State, at_rest: bool, now: float) -> tuple[State, list[Effect]]:
    if state.report is not None and state.doubted is not None and now - state.doubted >= SETTLE_S:
        return _end(state, "failed", now)
    if state.report is not None and state.cleared is not None and now - state.cleared >= SETTLE_S:
        if at_rest:
            return _end(state, "abandoned", now)  # Escape takes the row away as well
        report = replace(state.report, progressed=state.cleared)
        return _end(replace(state, report=report), "recovered", now)
    if state.phase in ("watching", "holding", "going") and now - state.alive >= LOST_S:
        return _end(state, "abandoned", now)
    if state.phase == "fading" and state.cleared is not None and now - state.cleared >= FADING_S:
        return replace(state, phase="idle", cleared=None, symptom=None), []
    return _decide(state, [], now)


def _ask_why(state: State, effects: list[Effect], now: float) -> tuple[State, list[Effect]]:
    report, symptom = state.report, state.symptom
    if report is None or symptom is None or state.cleared is not None:
        return state, effects
    if state.asked >= len(DIAGNOSE_AFTER_S) or now - report.started < DIAGNOSE_AFTER_S[state.asked]:
        return state, effects
    return replace(state, asked=state.asked + 1), [*effects, Diagnose(symptom)]


def _decide(state: State, effects: list[Effect], now: float) -> tuple[State, list[Effect]]:
    """Hold, let go, or leave it: after every event, from the state alone."""
    path = _path(state, now)
    if state.phase in ("holding", "held"):
        if path in ("good", "unheard") or not _holdable(state):
            state, effects = _let_go(state, effects, now)
        elif _trial_due(state, now):
            attempt = _spent(state.symptom)
            state, effects = _let_go(state, effects, now)
            state = replace(state, trials=state.trials + 1, on_trial=attempt)
    elif state.phase in ("watching", "going") and _holdable(state):
        if path == "bad":
            return replace(state, phase="holding"), [*effects, Hold()]
        if path == "good" and state.phase == "watching" and not state.path_noted:
            note = Notify(
                "The API answers while requests fail: no pause would help, Claude Code retries by itself."
            )
            return replace(state, path_noted=True), [*effects, note]
    return state, effects


def _trial_due(state: State, now: float) -> bool:
    if state.hold_started is None or state.policy.trusted:
        return False
    return now - state.hold_started >= TRIAL_S * float(3**state.trials)


def _holdable(state: State) -> bool:
    symptom = state.symptom
    return (
        state.policy.hold
        and state.policy.trusted is not False
        and (state.on_trial is None or _spent(symptom) > state.on_trial)
        and not state.suspended
        and state.cleared is None
        and state.doubted is None
        and symptom is not None
        and symptom.phase == "retrying"
        and symptom.kind in HELD_KINDS
        and _spent(symptom) >= state.policy.hold_from
    )


def _path(state: State, now: float) -> str:
    heard = max(t for t in (state.probing_since, state.answered, state.unanswered, 0.0) if t is not None)
    if now - heard > state.policy.report_s:
        return "unheard"  # something is wrong with the probes, not with the path
    if state.answered is not None and state.answered >= (state.unanswered or 0.0):
        return "good" if now - state.answered <= PATH_MEMORY_S else "unknown"
    if state.unanswered is not None:
        return "bad"
    silent = state.probing_since is not None and now - state.probing_since >= SILENT_PATH_S
    return "bad" if silent else "unknown"


def _let_go(state: State, effects: list[Effect], now: float) -> tuple[State, list[Effect]]:
    state, more = _stop_holding(state, now)
    if state.phase != "watching":
        return state, [*effects, *more]
    return replace(state, phase="going"), [*effects, *more, _record(state)]


def _stop_holding(state: State, now: float) -> tuple[State, list[Effect]]:
    if state.phase not in ("holding", "held"):
        return state, []
    return replace(_close_hold(state, "ended", now), phase="watching", alive=now), [Release()]


def _close_hold(state: State, status: str, now: float) -> State:
    started, report = state.hold_started, state.report
    if started is None or report is None:
        return state
    wall = _wall(report, started)
    action = Action("hold.wait", "ok" if status == "ended" else status, "", wall, now - started)
    report = replace(report, actions=(*report.actions, action), held_s=report.held_s + now - started)
    return replace(state, report=report, hold_started=None)


def _end(state: State, outcome: Outcome, now: float) -> tuple[State, list[Effect]]:
    """Close the incident: nothing is held and nothing is probed after this, whatever was before."""
    if state.report is None:
        return replace(state, phase="idle"), []
    state, effects = _stop_holding(state, now)
    report = state.report
    assert report is not None
    state = replace(state, report=replace(report, outcome=outcome, ended=now))
    effects = [*effects, Probe(False), _record(state)]
    fresh = State(policy=state.policy, suspended=state.suspended)
    if outcome == "released":
        fresh = replace(fresh, phase="muted")
    elif outcome == "recovered" and state.cleared is None:
        fresh = replace(fresh, phase="fading", symptom=state.symptom, cleared=now)
    return fresh, effects


def _open(state: State, symptom: Symptom, now: float) -> State:
    return replace(
        state, report=Report(started=now, kind=symptom.kind, code=symptom.code), path_noted=False, probed=""
    )


def _note(state: State, symptom: Symptom, source: str) -> tuple[State, bool]:
    """Add a symptom that says something new; False when only its countdown moved."""
    report = state.report
    assert report is not None
    report = _with_source(report, source)
    last = report.symptoms[-1] if report.symptoms else None
    if last is not None and _said(last) == _said(symptom):
        return replace(state, report=report), False
    symptoms = report.symptoms if len(report.symptoms) >= SYMPTOMS_KEPT else (*report.symptoms, symptom)
    specific = symptom.code or symptom.http_status
    report = replace(
        report,
        symptoms=symptoms,
        kind=symptom.kind if specific or report.code is None else report.kind,
        code=symptom.code or report.code,
        retries_spent=max(report.retries_spent, _spent(symptom)),
    )
    return replace(state, report=report), True


def _with_finding(report: Report, *findings: Finding) -> Report:
    """The first ones and the latest: a path that comes and goes has thousands."""
    kept = (*report.findings, *findings)
    if len(kept) > FINDINGS_KEPT:
        half = FINDINGS_KEPT // 2
        kept = (*kept[:half], *kept[-half:])
    return replace(report, findings=kept)


def _said(symptom: Symptom) -> tuple[object, ...]:
    return symptom.kind, symptom.phase, symptom.code, symptom.http_status, symptom.attempt, symptom.confirmed


def _spent(symptom: Symptom | None) -> int:
    return (symptom.attempt or 0) if symptom is not None else 0


def _with_source(report: Report, source: str) -> Report:
    return report if source in report.sources else replace(report, sources=(*report.sources, source))


def _wall(report: Report, monotonic: float) -> float:
    """A time of the machine's clock as epoch seconds, by the first symptom, which has both."""
    return report.symptoms[0].t + (monotonic - report.started) if report.symptoms else monotonic


def _earlier(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)


def _record(state: State) -> Record:
    assert state.report is not None
    return Record(state.report)
