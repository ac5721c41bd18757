"""What is done for a client that retries in vain or has given up: remedies, a nudge, a new process.

Part of the incident machine, and as pure. Everything here happens at a tick, which brings the moment: what
the client and its user are at. One thing at a time, each at most as often as the constants say; when nothing
is left to try, the incident ends as failed and people are told.
"""

from collections.abc import Callable
from dataclasses import replace

from cc_guard.incident import events as e
from cc_guard.incident.ladder import Rung, next_rung, to_tell
from cc_guard.incident.moment import Moment, against_restart, against_typing
from cc_guard.incident.record import Cause, Kind, Outcome
from cc_guard.incident.state import Care, Question, Report, State, path, with_action

NUDGE = "continue"
MOST_NUDGES = 2  # DESIGN, section 5: "two nudges without progress, end all automatic action"
MOST_SAME = 3  # "three incidents of one cause in ten minutes"
SAME_WITHIN_S = 600.0
# Transcript and hook tell of one failure within this.
TOLD_TWICE_S = 1.0
# Without an outage seen, a server that resets needs a moment.
UNSEEN_S = 5.0
# How long after it gave up a client is told to go on, where the API itself was the trouble. Its own ten
# retries have taken three minutes already; `retry-after` is seconds to a minute as a rule.
_LATER_S: dict[Kind, float] = {"server_error": 30.0, "overloaded": 120.0, "rate_limit": 120.0}
# What the path's probe, one small request of its own, meets nothing of.
_NOT_ON_THE_PATH: tuple[Cause, ...] = ("process.stuck", "mtu.blackhole")
PATH_KINDS: tuple[Kind, ...] = ("connection", "timeout", "stall", "proxy")
NUDGED_KINDS: tuple[Kind, ...] = (
    *PATH_KINDS,
    "server_error",
    "overloaded",
    "rate_limit",
    "usage_limit",
    "auth",
)
# The server may lag behind its own clock, and everybody comes back at the full hour.
_LIMIT_OVER_S = 60.0
# The effect of a remedy shows within this, or it had none.
EFFECT_S = 8.0
QUESTION_S = 300.0  # no answer by then is a no
DIAGNOSIS_S = 20.0
# Typing and starting anew take seconds; a driver that has not told by then never will.
DRIVER_S = 60.0
# Words that do not come to stand in the input box after so many tries go where nobody knows.
MOST_MISSES = 5
DOWN_MOST_S = 24 * 3600.0
# A client that fails this long while the path is good does so by itself.
STUCK_S = 10.0

End = Callable[[State, Outcome, float], tuple[State, list[e.Effect]]]


def can_help(state: State, over_in_s: float | None) -> bool:
    """Whether the incident goes on after the client has given up: there is something that can be done."""
    report, policy = state.report, state.policy
    if report is not None and report.kind == "usage_limit" and over_in_s is None:
        return False
    if report is None or state.past.tripped or report.kind not in NUDGED_KINDS or not policy.nudge:
        return False
    return report.kind != "auth" or policy.restart or any("auth.expired" in r.causes for r in policy.rungs)


def down(state: State, over_in_s: float | None, now: float) -> tuple[State, list[e.Effect]]:
    """The client has given up."""
    report, care = state.report, state.care
    assert report is not None
    if state.phase == "down":
        return state, []
    seen = state.unanswered is not None
    later = _LATER_S.get(report.kind, TOLD_TWICE_S if seen or report.kind == "auth" else UNSEEN_S)
    if over_in_s is not None:
        later = max(over_in_s, 0.0) + _LIMIT_OVER_S
    again = care.nudges > 0
    fresh = not again and report.kind != "auth"
    care = replace(care, due=now + later, fresh=fresh, typing=None, missed=0)
    effects: list[e.Effect] = []
    if state.probing_since is None:
        effects.append(e.Probe(True))
        state = replace(state, probing_since=now)
    if again:
        state = replace(state, asked=0)
    return replace(state, phase="down", care=care, cleared=None, doubted=None, alive=now), effects


def step(state: State, moment: Moment, now: float, end: End) -> tuple[State, list[e.Effect]]:
    """The next thing that helps, if this is the moment for it."""
    report, care = state.report, state.care
    if report is None or state.past.tripped:
        return (state, []) if report is None or state.phase != "down" else end(state, "failed", now)
    state = replace(state, care=_without_silent_driver(care, now))
    care = state.care
    effects: list[e.Effect] = []
    state, effects = _tell(state, effects)
    state, effects = _remedy(state, effects, now)
    if state.phase == "down":
        if not state.policy.nudge and _idle(state.care):  # somebody has switched it off since
            return _with(effects, *end(state, "failed", now))
        if now - max(state.alive, care.due) > DOWN_MOST_S:
            return _with(effects, *end(state, "failed", now))
        return _with(effects, *_go_on(state, moment, now, end))
    # Without its row the client may be at an answer.
    in_vain = state.phase == "watching" and state.cleared is None and state.doubted is None
    if in_vain and _stuck(state) and _idle(state.care):
        steady = state.proven and path(state, now) == "good" and now - report.started >= STUCK_S
        if steady and state.policy.restart and not care.restarts and now >= care.due:
            return _with(effects, *_restart(state, moment, now, retrying=True))
    return state, effects


def typed(state: State, event: e.Typed, now: float) -> tuple[State, list[e.Effect]]:
    care = state.care
    if state.report is None or care.typing is None:
        return state, []
    if not event.ok:
        missed = care.missed + 1
        fresh = care.fresh and missed < MOST_MISSES
        care = replace(care, typing=None, missed=missed, fresh=fresh, due=now + 2.0 ** (missed - 1))
        return _waiting(replace(state, care=care), event.why)
    care = replace(care, typing=None, nudges=care.nudges + 1, fresh=False, waits_for="")
    state = replace(state, care=care, past=replace(state.past, nudged=now))
    state = with_action(state, "client.nudge", "ok", f"typed {NUDGE!r}", now, 0.0)
    return replace(state, phase="going", alive=now), []


def restarted(state: State, event: e.Restarted, now: float) -> tuple[State, list[e.Effect]]:
    care = state.care
    if state.report is None or care.restarting is None:
        return state, []
    began, missed = care.restarting, care.missed + 1
    if event.later and missed < MOST_MISSES:
        care = replace(care, restarting=None, missed=missed, due=now + 2.0 ** (missed - 1))
        return _waiting(replace(state, care=care), event.why)
    status = "ok" if event.ok else "failed"
    state = with_action(state, "client.restart", status, event.why, began, now - began)
    care = replace(care, restarting=None, restarts=care.restarts + 1, fresh=event.ok, stale=False, due=now)
    if not event.ok and state.phase == "watching":
        return replace(state, care=care), []  # it retries as before
    return replace(state, care=care, phase="down", cleared=None, doubted=None, alive=now), []


def ran(state: State, event: e.Ran, now: float) -> tuple[State, list[e.Effect]]:
    care = state.care
    if state.report is None:
        return state, []
    if event.status == "unfit" and care.question is not None and care.question.remedy == event.remedy:
        # Found out while the user was asked: there is nothing to say yes to.
        care = replace(care, question=None, refused=(*care.refused, event.remedy))
        return replace(state, care=care), [e.Ask(None)]
    if event.remedy != care.running and event.status != "suggested":
        return state, []  # of an incident before, which has it already; or nothing that could be told
    state = with_action(state, event.remedy, event.status, event.detail, now - event.took_s, event.took_s)
    if event.status == "suggested":
        return state, [e.Notify(event.detail)]
    tries = dict(care.tries)
    tries[event.remedy] = tries.get(event.remedy, 0) + 1
    ok = event.status == "ok"
    care = replace(
        care,
        tries=tuple(tries.items()),
        running="" if care.running == event.remedy else care.running,
        rested=now,
        refused=(*care.refused, event.remedy) if event.status in ("unfit", "refused") else care.refused,
        fresh=care.fresh or ok,
        stale=care.stale or (ok and event.remedy in ("auth.login", "client.env")),
    )
    return replace(state, care=care), [e.Notify(event.detail)] if event.detail else []


def answered(state: State, event: e.Answered, now: float) -> tuple[State, list[e.Effect]]:
    care, past = state.care, state.past
    question = care.question
    if state.report is None or question is None or event.id != question.id:
        return state, []
    if event.answer == "always":
        past = replace(past, always=(*past.always, question.remedy))
    elif event.answer == "never":
        past = replace(past, never=(*past.never, question.remedy))
    state = replace(state, past=past)
    if state.policy.rung(question.remedy) is None:
        return _refuse(state, question, "refused", "it is not allowed any more", now)
    if event.answer in ("yes", "always"):
        care = replace(care, question=None, running=question.remedy, began=now)
        return replace(state, care=care), [e.Ask(None), e.Run(question.remedy, apply=True)]
    return _refuse(state, question, "refused", "you said no", now)


def prompted(state: State, ago_s: float, now: float) -> tuple[State, list[e.Effect]]:
    """The user speaks: the breaker closes, and what the client does now is the user's doing. Transcripts may
    tell of a prompt when it has failed already, and of ours as of any other."""
    said, nudged = now - ago_s, state.past.nudged
    if nudged is not None and said - nudged < TOLD_TWICE_S * 5:
        return state, []  # those were our words, or others before them
    state = replace(state, past=replace(state.past, tripped=False, acted=()))
    if state.phase != "down" or said < state.alive:
        return state, []
    return replace(state, phase="going", alive=now, care=replace(state.care, nudges=0, waits_for="")), []


def close(state: State, now: float) -> tuple[State, list[e.Effect]]:
    """At the end of the incident: what must not outlive it."""
    state = _with_unfinished(state, now)
    report, care, past = state.report, state.care, state.past
    assert report is not None
    effects: list[e.Effect] = []
    if care.question is not None:
        effects.append(e.Ask(None))
    if care.tries or care.running:  # one that failed may have changed something, too
        effects.append(e.Undo())
    if report.actions and report.cause not in (None, "unknown"):
        recent = [one for one in past.acted if now - one[1] <= SAME_WITHIN_S]
        past = replace(past, acted=(*recent, (report.cause, now)))
        if sum(cause == report.cause for cause, _ in past.acted) >= MOST_SAME and not past.tripped:
            past = replace(past, tripped=True)
            effects.append(e.Notify(f"{report.cause} comes back again and again: hands off until you speak."))
    if care.nudges >= MOST_NUDGES and report.progressed is None and not past.tripped:
        past = replace(past, tripped=True)
        effects.append(e.Notify("Told twice to go on, and it did not: hands off until you speak."))
    return replace(state, past=past), effects


def _without_silent_driver(care: Care, now: float) -> Care:
    """What a driver never told of may have been done: it is not done again for that."""
    if care.typing is not None and now - care.typing > DRIVER_S:
        return replace(care, typing=None, nudges=care.nudges + 1, fresh=False, due=now)
    if care.restarting is not None and now - care.restarting > DRIVER_S:
        return replace(care, restarting=None, restarts=care.restarts + 1, fresh=False, stale=False, due=now)
    return care


def _with_unfinished(state: State, now: float) -> State:
    """A change takes effect before it is proven: the client may go on in between."""
    care, report = state.care, state.report
    if not care.running or report is None:
        return state
    went_on = report.progressed is not None
    why = "Claude Code went on while this was done" if went_on else "the incident ended while this was done"
    status = "ok" if went_on else "failed"
    return with_action(state, care.running, status, why, care.began, now - care.began)


def _tell(state: State, effects: list[e.Effect]) -> tuple[State, list[e.Effect]]:
    report, care = state.report, state.care
    assert report is not None
    for rung in to_tell(state.policy.rungs, report.cause, report.confidence or 0.0):
        if rung.id not in care.told:
            care = replace(care, told=(*care.told, rung.id))
            effects = [*effects, e.Run(rung.id, apply=False)]
    return replace(state, care=care), effects


def _remedy(state: State, effects: list[e.Effect], now: float) -> tuple[State, list[e.Effect]]:
    report, care, past = state.report, state.care, state.past
    assert report is not None
    if care.question is not None:
        if now - care.asked_at >= QUESTION_S:
            return _with(effects, *_refuse(state, care.question, "unanswered", "nobody answered", now))
        if _healed(state, now):
            effects = [*effects, e.Ask(None)]
            return replace(state, care=replace(care, question=None)), effects
        return state, effects
    if not _idle(care) or _healed(state, now) or now - care.rested < EFFECT_S:
        return state, effects
    rung = _next(state)
    if rung is None or (rung.id == "auth.login" and not _fresh_process_failed(state)):
        return state, effects
    if rung.allowed == "auto" or rung.id in past.always:
        return replace(state, care=replace(care, running=rung.id, began=now)), [
            *effects,
            e.Run(rung.id, apply=True),
        ]
    question = Question(f"q{past.questions + 1}-{now:.0f}", rung.id, rung.title, rung.level)
    care = replace(care, question=question, asked_at=now)
    state = replace(state, care=care, past=replace(past, questions=past.questions + 1))
    return state, [*effects, e.Ask(question)]


def _refuse(
    state: State, question: Question, status: str, detail: str, now: float
) -> tuple[State, list[e.Effect]]:
    care = state.care
    state = with_action(state, question.remedy, status, detail, now, 0.0)
    care = replace(care, question=None, refused=(*care.refused, question.remedy))
    return replace(state, care=care), [e.Ask(None)]


def _go_on(state: State, moment: Moment, now: float, end: End) -> tuple[State, list[e.Effect]]:
    report, care = state.report, state.care
    assert report is not None
    if not _idle(care) or care.question is not None:
        return state, []
    if care.nudges >= MOST_NUDGES:
        return end(state, "failed", now)
    if now < care.due or not _ready(state, now):
        return state, []
    if state.policy.restart and _wants_restart(state):
        return _restart(state, moment, now, retrying=False)
    if not care.fresh:
        asking = care.diagnosing is not None and now - care.diagnosing < DIAGNOSIS_S
        if asking or _next(state) is not None:
            return state, []
        return end(state, "failed", now)
    why_not = "Claude Code is suspended" if state.suspended else against_typing(moment)
    if why_not:
        return _waiting(state, why_not)
    return replace(state, care=replace(care, typing=now, waits_for="")), [e.Type(NUDGE)]


def _restart(state: State, moment: Moment, now: float, retrying: bool) -> tuple[State, list[e.Effect]]:
    why_not = "Claude Code is suspended" if state.suspended else against_restart(moment, retrying)
    if why_not:
        return _waiting(state, why_not)
    return replace(state, care=replace(state.care, restarting=now, waits_for="")), [e.Restart()]


def _wants_restart(state: State) -> bool:
    report, care = state.report, state.care
    assert report is not None
    if care.stale:
        return True
    if care.restarts:
        return False
    failed_again = care.nudges > 0 and report.kind in PATH_KINDS and not _answered_badly(report)
    return _stuck(state) or failed_again or (report.kind == "auth" and not care.fresh)


def _answered_badly(report: Report) -> bool:
    """Whoever answered does so to a new process as well."""
    cause = report.cause or ""
    return cause in ("captive_portal", "region.refused") or cause.startswith(("server.", "rate."))


def _next(state: State) -> Rung | None:
    report, care = state.report, state.care
    assert report is not None
    refused = (*care.refused, *state.past.never)
    return next_rung(state.policy.rungs, report.cause, report.confidence or 0.0, dict(care.tries), refused)


def _fresh_process_failed(state: State) -> bool:
    """The network first, then one fresh process, and only then the login: a stale token in the
    memory of the old one looks the same."""
    return not state.policy.restart or (state.care.restarts > 0 and state.care.nudges > 0)


def _stuck(state: State) -> bool:
    return state.report is not None and state.report.cause == "process.stuck"


def _ready(state: State, now: float) -> bool:
    """The path has just been proven good, by an answer that is not itself a failure of the server."""
    ill = state.status is not None and state.status >= 500
    return path(state, now) == "good" and state.proven and not ill


def _healed(state: State, now: float) -> bool:
    """Nothing is left to be remedied, as far as a probe can tell."""
    assert state.report is not None
    on_the_path = state.report.cause not in _NOT_ON_THE_PATH
    return state.report.kind in PATH_KINDS and on_the_path and _ready(state, now)


def _idle(care: Care) -> bool:
    return not care.running and care.typing is None and care.restarting is None


def _waiting(state: State, why: str) -> tuple[State, list[e.Effect]]:
    if not why or why == state.care.waits_for:
        return state, []
    care = replace(state.care, waits_for=why)
    return replace(state, care=care), [e.Notify(f"The API answers again; waiting, because {why}.")]


def _with(before: list[e.Effect], state: State, after: list[e.Effect]) -> tuple[State, list[e.Effect]]:
    return state, [*before, *after]
