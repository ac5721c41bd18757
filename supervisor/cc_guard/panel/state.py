"""What the guard has told, as plain data. What is missing or odd in it becomes a default: a panel that shows
less is better than none, and guards of other versions say more or less.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

T = TypeVar("T")
Row = Mapping[str, Any]

_LONGEST = 4000  # characters of one text
_MOST = 60  # rows of one list


@dataclass(frozen=True)
class Headline:
    """`tone`: ok, busy, warn, bad, ask or off."""

    word: str = "…"
    tone: str = "off"
    text: str = ""


@dataclass(frozen=True)
class Hop:
    """A station on the way to the API. `state`: pass, warn, fail, skip, na or unknown. Stations with the same
    `step` are side by side."""

    title: str
    step: int
    state: str
    ms: float | None
    text: str


@dataclass(frozen=True)
class Evidence:
    title: str
    state: str
    summary: str


@dataclass(frozen=True)
class Deed:
    """Something that was done. `status`: ok, failed, refused, unfit, suggested or unanswered."""

    title: str
    status: str
    detail: str
    duration_s: float


@dataclass(frozen=True)
class Doing:
    """Something that is under way. Times in epoch seconds."""

    what: str
    rule: str
    since: float | None
    until: float | None


@dataclass(frozen=True)
class Question:
    """`text` is what would be done, to the exact command; it comes a moment after the question."""

    id: str
    title: str
    remedy: str
    level: int
    text: str
    until: float | None


@dataclass(frozen=True)
class Incident:
    kind: str
    code: str
    cause: str
    confidence: float
    summary: str
    fix: tuple[str, ...]
    attempt: int | None
    attempts: int | None
    error: str
    started_at: float | None
    held_since: float | None
    next_try_at: float | None
    findings: tuple[Evidence, ...]
    deeds: tuple[Deed, ...]


@dataclass(frozen=True)
class Vitals:
    """Latencies in seconds, the latest last; memory in MiB."""

    first_words_s: tuple[float, ...] = ()
    request_s: tuple[float, ...] = ()
    client_mb: float | None = None
    available_mb: float | None = None
    total_mb: float | None = None
    ports: int | None = None
    ports_of: int | None = None
    machines: tuple[str, ...] = ()
    warning: str = ""


@dataclass(frozen=True)
class Notice:
    t: float | None
    text: str


@dataclass(frozen=True)
class Snapshot:
    """All of it at one moment. `may` has the switches that do something now: release, retry, observe."""

    session: str = ""
    relay: int = 0
    cwd: str = ""
    client_version: str = ""
    profile: str = ""
    profile_why: str = ""
    release_key: str = ""
    observe: bool = False
    phase: str = ""
    headline: Headline = Headline()
    target: str = ""
    hops: tuple[Hop, ...] = ()
    incident: Incident | None = None
    doing: tuple[Doing, ...] = ()
    question: Question | None = None
    may: frozenset[str] = frozenset()
    notices: tuple[Notice, ...] = ()
    vitals: Vitals = field(default_factory=Vitals)

    @property
    def counts(self) -> bool:
        """Whether something in it goes by the clock."""
        times = [one for row in self.doing for one in (row.since, row.until)]
        return self.incident is not None or self.question is not None or any(t is not None for t in times)


def read(message: Row) -> Snapshot:
    """A message of type `state`. Never raises."""
    profile, route, may = _row(message, "profile"), _row(message, "route"), _row(message, "may")
    phase = _text(message, "phase")
    incident = message.get("incident")
    return Snapshot(
        session=_text(message, "session"),
        relay=_int(message, "relay") or 0,
        cwd=_text(message, "cwd"),
        client_version=_text(message, "client_version"),
        profile=_text(profile, "name"),
        profile_why=_text(profile, "why"),
        release_key=_text(message, "release_key"),
        observe=message.get("observe") is True,
        phase=phase,
        headline=_headline(_row(message, "headline"), phase),
        target=_text(route, "target"),
        hops=_rows(route, "hops", _hop),
        incident=_incident(incident) if isinstance(incident, dict) else None,
        doing=_rows(message, "doing", _doing),
        question=_question(message.get("question")),
        may=frozenset(name for name in ("release", "retry", "observe") if may.get(name) is True),
        notices=_rows(message, "notices", lambda row: Notice(_time(row, "t"), _text(row, "text"))),
        vitals=_vitals(_row(message, "vitals")),
    )


def _headline(row: Row, phase: str) -> Headline:
    word = _text(row, "word") or phase.upper() or "…"
    return Headline(word, _text(row, "tone") or "off", _text(row, "text"))


def _hop(row: Row) -> Hop:
    return Hop(
        _text(row, "title"),
        _int(row, "step") or 0,
        _text(row, "state"),
        _float(row, "ms"),
        _text(row, "text"),
    )


def _incident(row: Row) -> Incident:
    symptom = _row(row, "symptom")
    return Incident(
        kind=_text(row, "kind"),
        code=_text(row, "code"),
        cause=_text(row, "cause"),
        confidence=_float(row, "confidence") or 0.0,
        summary=_text(row, "summary"),
        fix=tuple(_texts(row, "fix")),
        attempt=_int(symptom, "attempt"),
        attempts=_int(symptom, "max_attempts"),
        error=_text(symptom, "text"),
        started_at=_time(row, "started_at"),
        held_since=_time(row, "held_since"),
        next_try_at=_time(row, "next_try_at"),
        findings=_rows(row, "findings", _evidence),
        deeds=_rows(row, "actions", _deed),
    )


def _evidence(row: Row) -> Evidence:
    return Evidence(_text(row, "title") or _text(row, "probe"), _text(row, "state"), _text(row, "summary"))


def _deed(row: Row) -> Deed:
    title = _text(row, "title") or _text(row, "remedy")
    return Deed(title, _text(row, "status"), _text(row, "detail"), _float(row, "duration_s") or 0.0)


def _doing(row: Row) -> Doing:
    return Doing(_text(row, "what"), _text(row, "rule"), _time(row, "since"), _time(row, "until"))


def _question(row: Any) -> Question | None:
    if not isinstance(row, dict) or not _text(row, "id"):
        return None
    return Question(
        _text(row, "id"),
        _text(row, "title"),
        _text(row, "remedy"),
        _int(row, "level") or 0,
        _text(row, "text"),
        _time(row, "until"),
    )


def _vitals(row: Row) -> Vitals:
    return Vitals(
        first_words_s=tuple(_floats(row, "first_words_s")),
        request_s=tuple(_floats(row, "request_s")),
        client_mb=_float(row, "client_mb"),
        available_mb=_float(row, "available_mb"),
        total_mb=_float(row, "total_mb"),
        ports=_int(row, "ports"),
        ports_of=_int(row, "ports_of"),
        machines=tuple(_texts(row, "machines")),
        warning=_text(row, "warning"),
    )


def _row(row: Row, key: str) -> Row:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _rows(row: Row, key: str, of: Callable[[Row], T]) -> tuple[T, ...]:
    value = row.get(key)
    rows = value[-_MOST:] if isinstance(value, list) else []
    return tuple(of(one) for one in rows if isinstance(one, dict))


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return clean(value) if isinstance(value, str) else ""


def _texts(row: Row, key: str) -> list[str]:
    value = row.get(key)
    rows = value[:_MOST] if isinstance(value, list) else []
    return [clean(one) for one in rows if isinstance(one, str)]


def clean(text: str) -> str:
    """Without control characters, which could steer the terminal; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text[:_LONGEST])


def _float(row: Row, key: str) -> float | None:
    return _number(row.get(key))


def _floats(row: Row, key: str) -> list[float]:
    value = row.get(key)
    numbers = map(_number, value[-_MOST:]) if isinstance(value, list) else []
    return [number for number in numbers if number is not None]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None  # which no number here is, nor NaN


def _int(row: Row, key: str) -> int | None:
    number = _float(row, key)
    return None if number is None else int(number)


def _time(row: Row, key: str) -> float | None:
    """ISO 8601 as epoch seconds."""
    try:
        return datetime.fromisoformat(row[key]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError, OSError):
        return None
