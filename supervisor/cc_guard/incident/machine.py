"""The incident machine: `step(state, event, now) -> (state, effects)`.

This file touches the state and nothing else: no I/O, no clock, no threads. `now` is CLOCK_MONOTONIC in
seconds. The driver carries the effects out and feeds what comes of them back as events.

    idle      no incident
    watching  the client retries; the path to the API is being probed
    holding   the relay was asked to stop the client between two frames
    held      the client is stopped; probing goes on
    stalled   the client waits for an answer, nothing comes, and the path does not answer: only looked into
    going     the client goes on after a hold and has not shown progress yet
    down      the client has given up; when the path is good it is told to go on (recovery.py)
    muted     the user ended the hold: hands off until this episode is over
    fading    over, by a hook or the transcript, which are quicker than the screen: its old row may still show

A hold needs all of this: the retry phase (never mid-stream), the attempt from which the settings allow it,
and a path that does not answer. A path that answers while requests fail means that waiting would help
nothing: the client retries, and the incident says so. A hold lives on the reports of probes: without any, or
with a sign that the client has gone on after all, it ends.
"""

from dataclasses import replace

from cc_guard.incident import recovery, why
from cc_guard.incident.events import (
    Answered,
    Ask,
    Checked,
    Configured,
    Diagnose,
    Diagnosed,
    Effect,
    Event,
    Exited,
    Hold,
    HoldEnded,
    HoldStarted,
    Interrupted,
    Noticed,
    Notify,
    Probe,
    Probed,
    Progressed,
    Prompted,
    Ran,
    Record,
    Release,
    Restart,
    Restarted,
    Resumed,
    Retry,
    Run,
    Seen,
    Suspended,
    Tick,
    Type,
    Typed,
    Undo,
)
from cc_guard.incident.moment import Moment
from cc_guard.incident.record import Finding, Outcome, Symptom
from cc_guard.incident.state import (
    FINDINGS_KEPT,
    PATH_MEMORY_S,
    SILENT_PATH_S,
    Policy,
    Question,
    Report,
    State,
    path,
    with_action,
    with_finding,
)

__all__ = [
    "FADING_S",
    "FINDINGS_KEPT",
    "HELD_KINDS",
    "LOST_S",
    "PATH_MEMORY_S",
    "SETTLE_S",
    "SILENT_PATH_S",
    "SYMPTOMS_KEPT",
    "TRIAL_S",
    "Answered",
    "Ask",
    "Checked",
    "Configured",
    "Diagnose",
    "Diagnosed",
    "Effect",
    "Event",
    "Exited",
    "Hold",
    "HoldEnded",
    "HoldStarted",
    "Interrupted",
    "Moment",
    "Noticed",
    "Notify",
    "Policy",
    "Probe",
    "Probed",
    "Progressed",
    "Prompted",
    "Question",
    "Ran",
    "Record",
    "Release",
    "Report",
    "Restart",
    "Restarted",
    "Resumed",
    "Retry",
    "Run",
    "Seen",
    "State",
    "Suspended",
    "Tick",
    "Type",
    "Typed",
    "Undo",
    "step",
]

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
SYMPTOMS_KEPT = 60
# The rest is an answer of the API, or of what stands in for it: a pause would race the client's own waits.
HELD_KINDS = ("connection", "timeout", "stall", "tls", "proxy", "server_error")


def step(state: State, event: Event, now: float) -> tuple[State, list[Effect]]:
    """The next state and what is to be done, in order."""
    match event:
        case Seen(symptom, source, over_in_s):
            return _seen(state, symptom, source, over_in_s, now)
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
            return _end(state, "failed" if state.phase == "down" else "abandoned", now)
        case Diagnosed():
            return why.diagnosed(state, event)
        case Noticed(finding):
            return _noticed(state, finding)
        case Interrupted(source):
            return _interrupted(state, source, now)
        case Configured():
            return _configured(state, event), []
        case Prompted(ago_s):
            return recovery.prompted(state, ago_s, now)
        case Typed():
            return _recorded(state, *recovery.typed(state, event, now))
        case Restarted():
            return _recorded(state, *recovery.restarted(state, event, now))
        case Ran():
            return _recorded(state, *recovery.ran(state, event, now))
        case Answered():
            return _recorded(state, *recovery.answered(state, event, now))
        case Retry():
            return _retry(state, now)
        case Tick(at_rest, moment):
            return _care(*why.ask_why(*_tick(state, at_rest, now), now), moment, now)


def _retry(state: State, now: float) -> tuple[State, list[Effect]]:
    if state.phase in ("holding", "held"):
        attempt = _spent(state.symptom)
        state, effects = _let_go(state, [], now)
        return replace(state, on_trial=attempt), effects
    if state.phase == "down":
        state = replace(state, care=replace(state.care, fresh=True, due=now))
    return state, []


def _seen(
    state: State, symptom: Symptom, source: str, over_in_s: float | None, now: float
) -> tuple[State, list[Effect]]:
    match symptom.phase:
        case "retrying":
            return _retrying(state, symptom, source, now)
        case "failed":
            return _failed(state, symptom, source, over_in_s, now)
        case "cleared":
            return _cleared(state, source, now)
        case _ if symptom.confirmed:
            return _stalled(state, symptom, source, now)
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
    elif state.phase == "stalled":
        state = replace(state, phase="watching", rested=None)
    elif state.phase == "going" and _spent(symptom) > _spent(state.symptom):
        state = replace(state, phase="watching")  # the attempt after the hold failed too
    state = replace(state, symptom=symptom, cleared=None, doubted=None, alive=now)
    state, changed = _note(state, symptom, source)
    if changed:
        effects.append(_record(state))
    return _decide(state, effects, now)


def _stalled(state: State, symptom: Symptom, source: str, now: float) -> tuple[State, list[Effect]]:
    """A request is under way, so there is nothing to hold, and nothing to type."""
    if state.report is not None or state.phase != "idle":
        return state, []
    state = _open(state, symptom, now)
    state = replace(state, phase="stalled", symptom=symptom, alive=now)
    state = replace(state, probing_since=now, answered=None, unanswered=now)
    state, _ = _note(state, symptom, source)
    note = Notify("Claude Code waits for an answer, and the API can't be reached.")
    return state, [Probe(True), _record(state), note]


def _failed(
    state: State, symptom: Symptom, source: str, over_in_s: float | None, now: float
) -> tuple[State, list[Effect]]:
    if state.phase == "muted":
        return replace(state, phase="idle"), []
    if state.report is None:
        if not symptom.confirmed:
            return state, []  # the model may have written it
        state = _open(state, symptom, now)
    if (state.phase == "down" or _is_being_restarted(state)) and not symptom.confirmed:
        return state, []
    state, _ = _note(state, symptom, source)
    if symptom.confirmed:
        return _give_up(state, symptom, over_in_s, now)
    return _decide(replace(state, doubted=now, cleared=None), [_record(state)], now)


def _give_up(
    state: State, symptom: Symptom, over_in_s: float | None, now: float
) -> tuple[State, list[Effect]]:
    """The client has stopped trying."""
    report = state.report
    if not recovery.can_help(state, over_in_s):
        state, effects = _end(state, "failed", now)
        if report is not None and report.cause is None:
            effects = [*effects, Diagnose(symptom, report.started)]
        return state, effects
    state, effects = _stop_holding(state, now)
    state, more = recovery.down(replace(state, symptom=symptom), over_in_s, now)
    return state, [*effects, *more, _record(state)]


def _cleared(state: State, source: str, now: float) -> tuple[State, list[Effect]]:
    if state.phase in ("muted", "fading"):
        return replace(state, phase="idle", cleared=None, symptom=None), []
    if state.report is None or state.phase == "down" or _is_being_restarted(state):
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
        report = with_finding(report, finding)
        state = replace(state, probed=finding.state)
    if reachable:
        state = _answer(state, finding, now)
        was_gone = state.unanswered is not None or state.phase in ("holding", "held")
        if _is_ill(finding):
            report = replace(report, reachable=None)  # somebody is there, and can't serve the client either
        elif was_gone and report.reachable is None:
            report = replace(report, reachable=now)
    else:
        state = replace(state, unanswered=now)
        report = replace(report, reachable=None)
    state = replace(state, report=report)
    effects: list[Effect] = [_record(state)] if changed else []
    return _decide(state, effects, now)


def _answer(state: State, finding: Finding, now: float) -> State:
    """The path answers. For a client that has given up it makes a difference when it did not before, but for
    one that waits for the end of a limit: of that the path tells nothing."""
    status = finding.evidence.get("http_status")
    was_gone = state.unanswered is not None and state.unanswered > (state.answered or 0.0)
    was_ill = (state.status or 0) >= 500
    ill = _is_ill(finding)
    kind = state.report.kind if state.report is not None else None
    helps = was_ill if kind == "overloaded" else was_gone or was_ill
    if state.phase == "down" and helps and not ill and kind not in ("usage_limit", "rate_limit"):
        due = min(state.care.due, max(now, state.alive + recovery.TOLD_TWICE_S))
        state = replace(state, care=replace(state.care, fresh=True, due=due))
    return replace(
        state,
        answered=now,
        proven=finding.state == "pass",
        status=status if isinstance(status, int) else None,
        policy=replace(state.policy, trusted=True),
    )


def _is_ill(finding: Finding) -> bool:
    """The answer is itself a failure of the server."""
    status = finding.evidence.get("http_status")
    return isinstance(status, int) and status >= 500


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


def _noticed(state: State, finding: Finding) -> tuple[State, list[Effect]]:
    if state.report is None:
        return state, [Notify(finding.summary)]
    state = replace(state, report=with_finding(state.report, finding))
    return state, [_record(state)]


def _is_being_restarted(state: State) -> bool:
    """What the screen of a client says that is being ended says nothing about the incident."""
    return state.care.restarting is not None


def _interrupted(state: State, source: str, now: float) -> tuple[State, list[Effect]]:
    if state.phase == "muted":
        return replace(state, phase="idle"), []
    if state.report is None or _is_being_restarted(state):
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
    if state.phase in ("watching", "holding", "going", "stalled") and now - state.alive >= LOST_S:
        return _end(state, "abandoned", now)
    if state.phase == "stalled" and at_rest != (state.rested is not None):
        state = replace(state, rested=now if at_rest else None)
    if state.phase == "stalled" and state.rested is not None and now - state.rested >= SETTLE_S:
        return _end(state, "abandoned", now)  # Escape before any answer is told by nothing else
    if state.phase == "fading" and state.cleared is not None and now - state.cleared >= FADING_S:
        return replace(state, phase="idle", cleared=None, symptom=None), []
    return _decide(state, [], now)


def _configured(state: State, event: Configured) -> State:
    policy = replace(
        state.policy,
        hold=event.hold,
        hold_from=event.hold_from,
        nudge=event.nudge,
        restart=event.restart,
        rungs=event.rungs,
    )
    return replace(state, policy=policy)


def _care(state: State, effects: list[Effect], moment: Moment, now: float) -> tuple[State, list[Effect]]:
    after, more = _recorded(state, *recovery.step(state, moment, now, _end))
    return after, [*effects, *more]


def _recorded(before: State, state: State, effects: list[Effect]) -> tuple[State, list[Effect]]:
    changed = state.report is not None and state.report is not before.report
    return state, [*effects, _record(state)] if changed else effects


def _decide(state: State, effects: list[Effect], now: float) -> tuple[State, list[Effect]]:
    """Hold, let go, or leave it: after every event, from the state alone."""
    way = path(state, now)
    if state.phase in ("holding", "held"):
        if way in ("good", "unheard") or not _holdable(state):
            state, effects = _let_go(state, effects, now)
        elif _trial_due(state, now):
            attempt = _spent(state.symptom)
            state, effects = _let_go(state, effects, now)
            state = replace(state, trials=state.trials + 1, on_trial=attempt)
    elif state.phase in ("watching", "going") and _holdable(state):
        if way == "bad":
            return replace(state, phase="holding"), [*effects, Hold()]
        if way == "good" and state.phase == "watching" and not state.path_noted:
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
        and not state.past.tripped
        and not _is_being_restarted(state)
        and state.cleared is None
        and state.doubted is None
        and symptom is not None
        and symptom.phase == "retrying"
        and symptom.kind in HELD_KINDS
        and _spent(symptom) >= state.policy.hold_from
    )


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
    status = "ok" if status == "ended" else status
    state = with_action(state, "hold.wait", status, "", started, now - started)
    report = state.report
    assert report is not None
    return replace(state, report=replace(report, held_s=report.held_s + now - started), hold_started=None)


def _end(state: State, outcome: Outcome, now: float) -> tuple[State, list[Effect]]:
    """Close the incident: nothing is held and nothing is probed after this, whatever was before."""
    if state.report is None:
        return replace(state, phase="idle"), []
    state, effects = _stop_holding(state, now)
    report = state.report
    assert report is not None
    state = replace(state, report=replace(report, outcome=outcome, ended=now))
    state, more = recovery.close(state, now)
    effects = [*effects, *more, Probe(False), _record(state)]
    fresh = State(policy=state.policy, suspended=state.suspended, past=state.past)
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
    unknown = report.code is None and report.cause not in why.KIND_OF
    report = replace(
        report,
        symptoms=symptoms,
        kind=symptom.kind if specific or unknown else report.kind,
        code=symptom.code or report.code,
        retries_spent=max(report.retries_spent, _spent(symptom)),
    )
    return replace(state, report=report), True


def _said(symptom: Symptom) -> tuple[object, ...]:
    return symptom.kind, symptom.phase, symptom.code, symptom.http_status, symptom.attempt, symptom.confirmed


def _spent(symptom: Symptom | None) -> int:
    return (symptom.attempt or 0) if symptom is not None else 0


def _with_source(report: Report, source: str) -> Report:
    return report if source in report.sources else replace(report, sources=(*report.sources, source))


def _earlier(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)


def _record(state: State) -> Record:
    assert state.report is not None
    return Record(state.report)
