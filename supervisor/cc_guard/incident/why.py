"""When the cause of an incident is asked for, and what the answer changes.

Part of the incident machine, and as pure.
"""

from dataclasses import replace

from cc_guard.incident.events import Diagnose, Diagnosed, Effect, Notify, Record
from cc_guard.incident.record import Cause, Kind, Symptom
from cc_guard.incident.state import State, with_finding

# A blip is over before its cause would be known; what lasts may have changed by the second time.
DIAGNOSE_AFTER_S = (0.5, 60.0)
# When the trouble changes its kind, the cause of before is none any more. No more often than a diagnosis
# takes, and not for ever on a path that comes and goes.
ASK_AGAIN_S = 6.0
MOST_ASKED_AGAIN = 3
_NOBODY_ANSWERS = ("route", "dns", "ipv6", "tcp", "ports", "conntrack")
_BAD_ANSWERS = ("server", "rate")
# The client's first rows say only that a request failed; the answer that it got is known by its cause.
KIND_OF: dict[Cause, Kind] = {
    "server.error": "server_error",
    "server.overloaded": "overloaded",
    "rate.limited": "rate_limit",
}
_ON_THE_WAY = ("connection", "timeout", "tls", "proxy")


def diagnosed(state: State, event: Diagnosed) -> tuple[State, list[Effect]]:
    report = state.report
    if report is None:
        return state, []
    outdated = _contradicts(state.symptom, report.cause) and event.cause != "unknown"
    if outdated or event.confidence >= (report.confidence or 0.0):
        kind = report.kind if report.code is not None else KIND_OF.get(event.cause, report.kind)
        report = replace(report, cause=event.cause, confidence=event.confidence, kind=kind)
    care = replace(state.care, diagnosing=None)
    report = with_finding(report, *event.findings)
    return replace(state, report=report, care=care), [Record(report), Notify(event.summary)]


def ask_why(state: State, effects: list[Effect], now: float) -> tuple[State, list[Effect]]:
    report, symptom = state.report, state.symptom
    if report is None or symptom is None or state.cleared is not None:
        return state, effects
    again = _contradicts(symptom, report.cause) and now - state.asked_at >= ASK_AGAIN_S
    if again and state.asked_again < MOST_ASKED_AGAIN and state.care.diagnosing is None:
        state = replace(state, asked_again=state.asked_again + 1)
    elif state.asked >= len(DIAGNOSE_AFTER_S) or now - report.started < DIAGNOSE_AFTER_S[state.asked]:
        return state, effects
    else:
        state = replace(state, asked=state.asked + 1)
    state = replace(state, asked_at=now, care=replace(state.care, diagnosing=now))
    return state, [*effects, Diagnose(symptom, report.started)]


def _contradicts(symptom: Symptom | None, cause: Cause | None) -> bool:
    """The trouble is not what it was any more: somebody answers where nobody was to be reached, or nobody
    where the answers were bad."""
    if symptom is None or cause is None:
        return False
    area = cause.partition(".")[0]
    if symptom.http_status is not None:
        return area in _NOBODY_ANSWERS
    return symptom.code is not None and symptom.kind in _ON_THE_WAY and area in _BAD_ANSWERS
