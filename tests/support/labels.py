"""What a recording shows, told without the code under test: the labels of the recordings.

A person who knows what was done to the API looks for the client's words on a screen of their own. That is
all there is to it, so it only works where nothing but the client can say these words: who makes a trap
says so, and its label is empty.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyghostty

from tests.support.recorder import Event

Episode = dict[str, Any]

_RETRY = re.compile(
    r"retrying(?:…|\.\.\.|in\d+(?:seconds?|minutes?|s|m)).{0,20}?"
    r"\(?attempt(?P<attempt>\d+)/\d+",
    re.IGNORECASE,
)
_WAITING = re.compile(r"waitingforapiresponse|noresponsefromapi·retryingin", re.IGNORECASE)
_FAILED = re.compile(
    r"[⎿●⏺](?:APIError:(?!Operationaborted)|Pleaserun/login·APIError|RequesttimedOut)", re.IGNORECASE
)
_NO_CAUSE = re.compile(r"(?:apierror·|⎿)$", re.IGNORECASE)  # before `retrying`, when nothing is named
_ANSWER = re.compile(r"^[●⏺] (?!API Error)", re.MULTILINE)
_BEFORE = 700  # letters; the body of an answer can be long
_FRAME_S = 0.005  # a frame that comes in two reads comes within this time


@dataclass(frozen=True)
class Truth:
    """What was done to the client's requests. No kinds: nothing, or nothing that matters to it."""

    kinds: tuple[str, ...] = ()
    http_status: int | None = None
    note: str = ""


@dataclass
class _Sighting:
    """Of one retry row in one frame. Rows of clients up to 1.0 stay on the screen for ever."""

    attempt: int
    before: str  # what stands before it, without blanks


@dataclass
class _Open:
    since: float
    until: float = 0.0
    attempts: list[int] = field(default_factory=list)
    before: str = ""
    status_shown: bool = False
    gone: bool = False


def label(events: list[Event], size: str, truth: Truth, rows_stay: bool) -> dict[str, Any]:
    """`expect`, and what the transcript `told`; `rows_stay`: retry rows are never taken off the screen.

    `unsure`: times in which a detector may say the one or the other. Clients whose rows stay go on retrying,
    and print rows, after the user has pressed Escape.
    """
    facts: dict[str, Any] = {"expect": []}
    if truth.kinds:
        facts["expect"], unsure = _episodes(events, size, truth, rows_stay)
        facts |= {"unsure": unsure} if unsure else {}
    if told := list(_told(events)):
        facts["told"] = told
    if truth.note:
        facts["note"] = truth.note
    return facts


def _told(events: list[Event]) -> Iterator[dict[str, Any]]:
    """Attempts that the transcript tells of, whether they are shown or not."""
    for t, row in _transcript(events):
        if row.get("subtype") == "api_error" and not row.get("isSidechain"):
            yield {"t": round(t, 3), "attempt": row.get("retryAttempt")}


def _transcript(events: list[Event]) -> Iterator[tuple[float, dict[str, Any]]]:
    for t, kind, text in events:
        if kind == "m" and text.startswith("transcript "):
            yield t, json.loads(text.removeprefix("transcript "))


def _frames(events: list[Event], size: str) -> Iterator[tuple[float, str]]:
    """The screen each time that a frame is complete."""
    cols, rows = map(int, size.split("x"))
    terminal = pyghostty.Terminal(cols, rows)
    times = [t for t, kind, _ in events if kind == "o"] + [float("inf")]
    following = iter(times[1:])
    for t, kind, data in events:
        if kind == "r":
            terminal.resize(*map(int, data.split("x")))
        if kind == "o":
            terminal.feed(data.encode("utf-8", "surrogateescape"))
            if next(following) - t > _FRAME_S and not terminal.mode(2026):
                yield t, str(terminal.text())
    terminal.close()


def _episodes(
    events: list[Event], size: str, truth: Truth, rows_stay: bool
) -> tuple[list[Episode], list[list[float]]]:
    end = events[-1][0]
    frames = [(t, text, re.sub(r"[\s│]+", "", text)) for t, text in _frames(events, size)]
    rows = [(t, row) for t, row in _transcript(events) if not row.get("isSidechain")]
    failures = _failures(rows, frames, truth, end)
    endings = sorted([t for t, row in rows if _is_ending(row)] + [failure["since"] for failure in failures])
    found = [*_waits(frames, truth, end), *failures]
    escapes = [t for t, kind, keys in events if kind == "i" and keys == "\x1b"] if rows_stay else []
    unsure = [[t, next((at for at in endings if at > t), end)] for t in escapes]
    found += _retries(frames, sorted(endings + escapes), unsure, truth, rows_stay, end)
    return sorted(found, key=lambda episode: float(episode["since"])), unsure


def _is_ending(row: dict[str, Any]) -> bool:
    """An answer, a failure, or the user has interrupted: what was retried before is over."""
    return row.get("type") == "assistant" or "[Request interrupted" in json.dumps(row.get("message") or "")


def _failures(
    rows: list[tuple[float, dict[str, Any]]],
    frames: list[tuple[float, str, str]],
    truth: Truth,
    end: float,
) -> list[Episode]:
    found = []
    for at, (t, row) in enumerate(rows):
        text = json.dumps(row.get("message"))
        # 1.0.120 writes such a row when the user presses Escape, too.
        if row.get("isApiErrorMessage") is True and "Operation aborted" not in text:
            later = (after for after, next_row in rows[at + 1 :] if _is_talk(next_row))
            found.append(_episode("failed", t, next(later, end), truth, str(truth.http_status) in text))
    if not found:
        # No transcript, or none that says so.
        seen = next((frame for frame in frames if _FAILED.search(frame[2])), None)
        if seen:
            found.append(_episode("failed", seen[0], end, truth, str(truth.http_status) in seen[2]))
    return found


def _is_talk(row: dict[str, Any]) -> bool:
    return row.get("type") in ("user", "assistant") and not row.get("isMeta")


def _waits(frames: list[tuple[float, str, str]], truth: Truth, end: float) -> Iterator[Episode]:
    since: float | None = None
    for t, _, solid in frames:
        if _WAITING.search(solid):
            since = t if since is None else since
        elif since is not None:
            yield _episode("waiting", since, t, truth, False) | {"kinds": ["stall", "timeout"]}
            since = None
    if since is not None:
        yield _episode("waiting", since, end, truth, False) | {"kinds": ["stall", "timeout"]}


def _retries(
    frames: list[tuple[float, str, str]],
    endings: list[float],
    unsure: list[list[float]],
    truth: Truth,
    rows_stay: bool,
    end: float,
) -> Iterator[Episode]:
    """From the first row until the request has come to an end; between two attempts it may be away."""
    now: _Open | None = None
    stale = 0  # rows on the screen that belong to what is over
    answers = 0
    for t, text, solid in frames:
        seen = list(_sightings(solid))
        over = next((at for at in endings if now is not None and now.since < at <= t), None)
        if now is not None and over is not None and (rows_stay or now.gone):
            yield _retrying(now, over if rows_stay else now.until, truth)
            now, stale = None, len(seen) if rows_stay else 0
            endings = [at for at in endings if at > over]
        if now is not None and rows_stay and len(_ANSWER.findall(text)) > answers:
            yield _retrying(now, t, truth)
            now, stale = None, len(seen)
        stale = min(stale, len(seen))
        if any(first <= t <= last for first, last in unsure):
            stale = len(seen)
        if len(seen) > stale:
            if now is None:
                endings = [at for at in endings if at > t]
                now, answers = _Open(t), len(_ANSWER.findall(text))
            now.until, now.gone, now.before = t, False, seen[-1].before
            for sighting in seen[stale:]:
                if sighting.attempt not in now.attempts:
                    now.attempts.append(sighting.attempt)
                now.status_shown |= _code(truth).search(sighting.before) is not None
        elif now is not None and not now.gone:
            now.until, now.gone = t, True
    if now is not None:
        yield _retrying(now, now.until if now.gone else end, truth)


def _code(truth: Truth) -> re.Pattern[str]:
    return re.compile(rf"(?<!\d){truth.http_status}(?!\d)")


def _sightings(solid: str) -> Iterator[_Sighting]:
    at = 0
    for match in _RETRY.finditer(solid):
        yield _Sighting(int(match["attempt"]), solid[max(at, match.start() - _BEFORE) : match.start()])
        at = match.end()


def _retrying(now: _Open, until: float, truth: Truth) -> Episode:
    episode = _episode("retrying", now.since, until, truth, now.status_shown)
    if _NO_CAUSE.search(now.before):
        episode["kinds"] = sorted({*truth.kinds, "connection"})
    return episode | {"attempts": now.attempts}


def _episode(phase: str, since: float, until: float, truth: Truth, status_shown: bool) -> Episode:
    return {
        "phase": phase,
        "since": round(since, 3),
        "until": round(until, 3),
        "kinds": list(truth.kinds),
        "http_status": truth.http_status if status_shown else None,
    }
