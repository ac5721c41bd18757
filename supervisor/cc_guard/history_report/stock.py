"""What the client alone, without cc-guard, would have made of an outage: by its known back-off, nothing else.

Measured on 1.0.120 to 2.1.330, with a loopback API that fails on demand: ten retries, with waits that do not
depend on the fault. So with one retry row, which has a number and a countdown, all later retries have a time.
An outage that is over before the last of them costs the stock client the wait for its next retry; a longer
one ends its work until somebody types again, and no number of minutes can be given for that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cc_guard.incident.record import Incident, Kind, Symptom

WAITS_S = (0.5, 1.0, 2.0, 4.0, 9.0, 19.0, 35.0)
"""Seconds before retry 1, 2, …; before all later ones as before the last."""
RETRIES = 10
"""Where the client does not say how many."""
SLACK_S = 8.0
"""The ten waits add up to 175.5 s, and the client gives up after 177 s (2.1.330) to 183 s (1.0.120): within
this long after its last retry nobody can tell."""

_ROUNDED_S = 1.0  # the countdown has whole seconds

# A request fails at once in these. In a timeout or a stall each retry takes a time that nobody knows, and a
# TLS error is not retried by all versions.
_PROMPT: tuple[Kind, ...] = ("connection", "proxy", "server_error")
_MOST = 1000  # retries, against nonsense on a screen
_REVIVED = ("client.nudge", "client.restart")

Fate = Literal["next_retry", "ended", "alone", "unknown", "lost"]


@dataclass(frozen=True)
class Stock:
    """`fate`: what would have become of the client without cc-guard.

    next_retry  its next retry would have worked; `sooner_s` is how much sooner than that the client went on
                with cc-guard. Negative: later. The answer, which that retry needs time for as well, is not
                counted, so this errs against cc-guard.
    ended       it would have given up, or did, and cc-guard made it go on
    alone       it has recovered by itself: cc-guard did nothing
    unknown     nobody can tell
    lost        it has not recovered with cc-guard either, or not yet
    `retries_saved`: retries that it would have spent besides those that it did spend; None when unknown.
    """

    fate: Fate
    sooner_s: float | None = None
    retries_saved: int | None = None


def compare(incident: Incident) -> Stock:
    """The same outage with the client alone."""
    if incident.outcome != "recovered" or incident.ended_at is None:
        return Stock("lost")
    if _was_revived(incident):
        return Stock("ended", None, _left(incident))
    if not any(action.remedy == "hold.wait" for action in incident.actions):
        mended = any(action.status == "ok" for action in incident.actions)
        return Stock("unknown") if mended else Stock("alone", None, 0)
    anchor = _anchor(incident)
    if anchor is None or incident.recovery_s is None or incident.kind not in _PROMPT:
        return Stock("unknown")
    reachable = incident.ended_at - incident.recovery_s
    last = anchor.t
    for number, t in retries(anchor):
        if t >= reachable:
            saved = max(0, number - incident.retries_spent)
            return Stock("next_retry", t - incident.ended_at, saved)
        last = t
    if reachable - last <= SLACK_S:
        return Stock("unknown")
    return Stock("ended", None, _left(incident))


def retries(row: Symptom) -> Iterator[tuple[int, float]]:
    """Number and time of each retry that a client has left which shows `row`, while they fail."""
    t, first = row.t, max(1, row.attempt or 1)
    for number in range(first, min(_most(row), _MOST) + 1):
        t += _shown(row, wait_s(number)) if number == first else wait_s(number)
        yield number, t


def _shown(row: Symptom, usual: float) -> float:
    """The wait of this row: where the countdown only rounds the usual one up, that one."""
    shown = row.retry_in_s
    return usual if shown is None or abs(shown - usual) <= _ROUNDED_S else shown


def wait_s(number: int) -> float:
    """Seconds before the retry of this number, from 1 on."""
    return WAITS_S[min(number, len(WAITS_S)) - 1]


def _anchor(incident: Incident) -> Symptom | None:
    """The last retry row before the first hold: what came later, cc-guard has changed."""
    held_from = min(action.started_at for action in incident.actions if action.remedy == "hold.wait")
    rows = [one for one in incident.symptoms if one.phase == "retrying" and one.attempt]
    return max((one for one in rows if one.t <= held_from), key=lambda one: one.t, default=None)


def _was_revived(incident: Incident) -> bool:
    """It had given up, and cc-guard made it go on."""
    given_up = [one.t for one in incident.symptoms if one.phase == "failed" and one.confirmed]
    revived = [one.started_at for one in incident.actions if one.remedy in _REVIVED and one.status == "ok"]
    return bool(given_up and revived and max(revived) >= min(given_up))


def _left(incident: Incident) -> int:
    """Retries that a client which gives up has spent, and this one has not."""
    rows = [one for one in incident.symptoms if one.phase == "retrying"]
    gave_up = any(one.phase == "failed" and one.confirmed for one in incident.symptoms)
    if gave_up or not rows:
        return 0
    return max(0, _most(rows[-1]) - incident.retries_spent)


def _most(row: Symptom) -> int:
    return row.max_attempts or RETRIES
