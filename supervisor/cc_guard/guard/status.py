"""What the guard tells about itself: the state that panels, the title and `cc-guard answer` show. Pure.

Everything that changes by itself, such as a countdown, is told as the time at which it began or ends: so the
state is the same until something has happened, and whoever shows it counts.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cc_guard.diagnose.titles import title
from cc_guard.guard import headline, way
from cc_guard.guard.way import PathSeen, Why
from cc_guard.incident import recovery
from cc_guard.incident.record import Action, Finding, iso
from cc_guard.incident.state import Report, State

__all__ = ["About", "Notices", "PathSeen", "Wall", "Why", "build"]

_FINDINGS, _ACTIONS, _NOTICES, _STEPS = 20, 20, 40, 12
_LONGEST = 600  # characters of one text
_STABLE_S = 0.5  # the two clocks drift apart by less, unless somebody sets one or the machine sleeps

_RULES = {
    "hold.wait": "Pause Claude Code until the API answers",
    "client.nudge": "Tell Claude Code to go on",
    "client.restart": "Start Claude Code again with its session",
}


@dataclass(frozen=True)
class About:
    """The session, as long as it lasts. `relay` is its process id, `release_key` its name (`Ctrl-]`)."""

    session: str
    relay: int
    cwd: str = ""
    client_version: str = ""
    profile: str = "generic"
    profile_why: str = ""
    release_key: str = ""


class Wall:
    """From the machine's clock to the time of day: the same offset while nobody sets a clock."""

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()

    def offset(self) -> float:
        """Seconds to add to CLOCK_MONOTONIC to get seconds since the epoch."""
        now = self._wall() - self._monotonic()
        if abs(now - self._offset) > _STABLE_S:
            self._offset = now
        return self._offset


class Notices:
    """What was told to people, the latest last."""

    def __init__(self) -> None:
        self._rows: deque[dict[str, str]] = deque(maxlen=_NOTICES)

    def add(self, text: str, t: float) -> None:
        """`t` in seconds since the epoch."""
        if text:
            self._rows.append({"t": iso(t), "text": text[:_LONGEST]})

    def to_json(self) -> list[dict[str, str]]:
        return list(self._rows)


def build(
    state: State,
    about: About,
    wall: float,
    *,
    observe: bool = False,
    question: Mapping[str, Any] | None = None,
    why: Why | None = None,
    path: PathSeen | None = None,
    running_since: float | None = None,
    notices: Notices | None = None,
    vitals: Mapping[str, Any] | None = None,
    sign_in: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The published state. `wall` is `Wall.offset()`; `question` what is asked, as `cc-guard answer` shows
    it; `why` the doctor's last word on this incident; `path` the last probe of the way to the API;
    `running_since` when the remedy that runs was begun, on the machine's clock."""
    rows = notices.to_json() if notices else []
    warning = str(vitals.get("warning") or "") if vitals else ""
    return {
        "session": about.session,
        "relay": about.relay,
        "cwd": about.cwd,
        "client_version": about.client_version,
        "profile": {"name": about.profile, "why": about.profile_why},
        "release_key": about.release_key,
        "observe": observe,
        "breaker": state.past.tripped,
        "suspended": state.suspended,
        "phase": state.phase,
        "headline": headline.of(state, observe, bool(question and question.get("text")), warning),
        "route": way.route(path, why),
        "incident": _incident(state, why, wall) if state.report is not None else None,
        "doing": [*_signing_in(sign_in), *_doing(state, about, wall, running_since)],
        "question": _question(state, question, wall),
        "sign_in": sign_in,
        "may": {
            "release": state.phase in ("holding", "held"),
            "retry": state.phase in ("holding", "held", "down"),
            "observe": True,
        },
        "waits_for": state.care.waits_for,
        "notices": rows,
        "notice": rows[-1]["text"] if rows else "",
        "vitals": vitals,
    }


def _incident(state: State, why: Why | None, wall: float) -> dict[str, Any]:
    report, symptom = state.report, state.symptom
    assert report is not None
    next_try = None
    if symptom is not None and symptom.phase == "retrying" and symptom.retry_in_s is not None:
        next_try = symptom.t + symptom.retry_in_s
    return {
        "kind": report.kind,
        "code": report.code,
        "cause": report.cause,
        "confidence": report.confidence,
        "summary": why.summary[:_LONGEST] if why else "",
        "fix": [step[:_LONGEST] for step in why.fix[:_STEPS]] if why else [],
        "symptom": symptom.to_json() if symptom else None,
        "started_at": iso(_began(report, wall)),
        "held_since": _iso(state.hold_started, wall),
        "held_s": round(report.held_s, 1),
        "retries_spent": report.retries_spent,
        "next_try_at": iso(next_try) if next_try is not None else None,
        "findings": [_finding(finding) for finding in _told(report)[-_FINDINGS:]],
        "actions": [_action(action, state) for action in report.actions[-_ACTIONS:]],
    }


def _told(report: Report) -> list[Finding]:
    """Without those of the path probe: `route` has the latest, and the others are over."""
    return [finding for finding in report.findings if finding.probe != "api.path"]


def _began(report: Report, wall: float) -> float:
    return report.symptoms[0].t if report.symptoms else report.started + wall


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "probe": finding.probe,
        "title": title(finding.probe),
        "state": finding.state,
        "summary": finding.summary[:_LONGEST],
        "ms": round(finding.ms),
    }


def _action(action: Action, state: State) -> dict[str, Any]:
    return {**action.to_json(), "detail": action.detail[:_LONGEST], "title": _title(action.remedy, state)}


def _title(remedy: str, state: State) -> str:
    rung = state.policy.rung(remedy)
    return rung.title if rung is not None and rung.title else _RULES.get(remedy, remedy)


def _doing(state: State, about: About, wall: float, running_since: float | None) -> list[dict[str, Any]]:
    """What is under way. `rule` is the remedy, and what allows it."""
    care = state.care
    by_profile = f"profile {about.profile}"

    def row(what: str, rule: str, since: float | None, until: float | None = None) -> dict[str, Any]:
        return {"what": what, "rule": rule, "since": _iso(since, wall), "until": _iso(until, wall)}

    rows = []
    if state.phase == "held":
        rows.append(row("Claude Code is paused", f"hold.wait, {by_profile}", state.hold_started))
    if state.probing_since is not None and state.phase in ("watching", "holding", "held", "stalled", "down"):
        rows.append(row("Asking the API whether it answers", "probe", state.probing_since))
    if care.diagnosing is not None:
        rows.append(row("Looking for the cause", "doctor", care.diagnosing))
    if care.running:
        rung = state.policy.rung(care.running)
        allowed = by_profile
        if rung is not None and rung.allowed == "ask":
            allowed = "you said always" if care.running in state.past.always else "you said yes"
        rows.append(row(_title(care.running, state), f"{care.running}, {allowed}", running_since))
    if care.typing is not None:
        rows.append(row(f"Typing “{recovery.NUDGE}”", f"client.nudge, {by_profile}", care.typing))
    if care.restarting is not None:
        rows.append(row(_RULES["client.restart"], f"client.restart, {by_profile}", care.restarting))
    if state.phase == "down" and care.typing is None and care.restarting is None:
        if care.waits_for:
            rows.append(row(f"Waiting, because {care.waits_for}", "client.nudge", None))
        elif care.due > state.alive + recovery.TOLD_TWICE_S:
            rows.append(row("Waiting before Claude Code is told to go on", "client.nudge", None, care.due))
    return rows


def _signing_in(sign_in: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if sign_in is None:
        return []
    steps = [f"Visit {sign_in['url']}"] if sign_in["url"] else []
    if sign_in["wants_code"]:
        steps.append("Paste the code into: cc-guard answer --code")
    return [{"what": step, "rule": "auth.login", "since": None, "until": None} for step in steps]


def _question(state: State, question: Mapping[str, Any] | None, wall: float) -> dict[str, Any] | None:
    if question is None:
        return None
    asked_at = state.care.asked_at
    return {
        **question,
        "asked_at": _iso(asked_at, wall),
        "until": _iso(asked_at + recovery.QUESTION_S, wall),
    }


def _iso(monotonic: float | None, wall: float) -> str | None:
    return None if monotonic is None else iso(monotonic + wall)
