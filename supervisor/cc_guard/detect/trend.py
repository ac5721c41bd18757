"""Early signs: is it getting worse, before it breaks?

A path that runs out of something (ports, memory, a NAT's table) fails a little first: requests need a retry,
then more of them, then every one. So each request of the session counts as one observation: how many retries
it needed, and how long the first part of its answer took to come, by the transcript's own times. The last few
are compared with those before them in the same session; nothing is compared with a constant of the network's
quality.
"""

import statistics
from collections import deque
from dataclasses import dataclass

from cc_guard.incident.record import Symptom

RECENT = 6
"""Requests that are compared with the ones before; fewer say nothing."""
_BASELINE = 24
_LEAST = 6
_SLOWER = 3.0  # times the usual time to the first part of an answer, and
_SLOWER_BY_S = 5.0  # at least this much
_TROUBLED = 2  # of the recent requests needed a retry
_NOT_THE_PATH = ("bad_request", "too_large", "auth", "usage_limit")


@dataclass(frozen=True)
class Sign:
    """`text` is one sentence for people, `evidence` the numbers behind it."""

    text: str
    evidence: dict[str, float | int]


@dataclass(frozen=True)
class _Request:
    retries: int
    first_words_s: float | None


class Trend:
    """Told of each request's fate; `sign()` says whether the last ones fare worse."""

    def __init__(self) -> None:
        self._requests: deque[_Request] = deque(maxlen=RECENT + _BASELINE)
        self._asked: float | None = None
        self._retries = 0

    def asked(self, t: float) -> None:
        """A prompt or a tool's result went to the API."""
        self._asked = t

    def suffered(self, symptom: Symptom) -> None:
        if symptom.phase == "retrying":
            self._retries = max(self._retries, symptom.attempt or 1)
        elif symptom.phase == "failed" and symptom.confirmed:
            if symptom.kind not in _NOT_THE_PATH:
                self._retries = max(self._retries, 1)  # up to 2.0 the first three are not shown
            self._close(None)

    def answered(self, t: float) -> None:
        if self._asked is not None:
            self._close(max(t - self._asked, 0.0))

    def given_up(self) -> None:
        """The user stopped it: that says nothing of the path."""
        self._asked, self._retries = None, 0

    def _close(self, first_words_s: float | None) -> None:
        self._requests.append(_Request(self._retries, first_words_s))
        self._asked, self._retries = None, 0

    def sign(self) -> Sign | None:
        """What is getting worse, if anything is."""
        requests = list(self._requests)
        recent, before = requests[-RECENT:], requests[:-RECENT]
        if len(recent) < RECENT or len(before) < _LEAST:
            return None
        return _more_retries(recent, before) or _slower(recent, before)


def _more_retries(recent: list[_Request], before: list[_Request]) -> Sign | None:
    troubled = sum(request.retries > 0 for request in recent)
    share = sum(request.retries > 0 for request in before) / len(before)
    spent = sum(request.retries for request in recent)
    spent_before = sum(request.retries for request in before) / len(before) * len(recent)
    by_chance = 2 * share * len(recent) + (1.5 if share else 0)  # with one in ten, a sign one time in twenty
    if troubled < max(_TROUBLED, by_chance) or spent <= spent_before:
        return None
    return Sign(
        f"Getting worse: {troubled} of the last {len(recent)} requests needed a retry,"
        f" {round(share * len(recent), 1):g} of {len(recent)} before.",
        {"troubled": troubled, "requests": len(recent), "share_before": round(share, 3), "retries": spent},
    )


def _slower(recent: list[_Request], before: list[_Request]) -> Sign | None:
    """The transcript has the first part of an answer when it is complete, and a long one takes long: so only
    when even the quickest of the last ones was slow."""
    new = [request.first_words_s for request in recent if request.first_words_s is not None]
    old = [request.first_words_s for request in before if request.first_words_s is not None]
    if len(new) < RECENT // 2 or len(old) < _LEAST:
        return None
    now, then = min(new), statistics.median(old)
    if now < _SLOWER * then or now - then < _SLOWER_BY_S:
        return None
    return Sign(
        f"Getting worse: each of the last {len(new)} answers took {now:.0f} s or more to begin,"
        f" {then:.0f} s before.",
        {"first_words_s": round(now, 1), "first_words_before_s": round(then, 1), "requests": len(recent)},
    )
