"""The few words in which an incident is told, the same in the table, the story and the statistics."""

import time

from cc_guard.incident.record import Incident, Symptom

_REMEDIES = {"hold.wait": "pause", "client.nudge": "nudge", "client.restart": "restart"}

COLOURS = {
    "recovered": "32",
    "pass": "32",
    "failed": "31",
    "fail": "31",
    "released": "33",
    "abandoned": "33",
    "warn": "33",
    "open": "36",
}
"""SGR numbers of outcomes and of findings."""


def what(kind: str, code: str | None) -> str:
    return f"{kind} {code}" if code else kind


def remedy(name: str) -> str:
    """The client's own remedies in a word; another by its name, which profiles and settings use."""
    return _REMEDIES.get(name, name)


def helped(incident: Incident) -> list[str]:
    """What was done and worked, before the client recovered; nothing when it has not recovered."""
    if incident.outcome != "recovered":
        return []
    return list(dict.fromkeys(remedy(one.remedy) for one in incident.actions if one.status == "ok"))


def symptom(one: Symptom) -> str:
    status = f" HTTP {one.http_status}" if one.http_status is not None else ""
    attempt = f", attempt {one.attempt}/{one.max_attempts or '?'}" if one.attempt is not None else ""
    doubt = "" if one.confirmed else " (on the screen only)"
    return f"{one.phase}: {what(one.kind, one.code)}{status}{attempt}{doubt} {one.text}".rstrip()


def span(seconds: float | None) -> str:
    """A duration: `0.3s`, `41s`, `2m05s`, `1h03m`; `-` when unknown."""
    if seconds is None:
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def day(t: float) -> str:
    """Local date and time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(t))


def clock(t: float) -> str:
    """Local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(t))


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
