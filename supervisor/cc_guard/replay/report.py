"""Recordings that say what is in them, against what detection says: recall, false alarms, delay.

A recording's notes have them under `expect`, a list of episodes: `phase`, `since` and `until` (seconds, while
the screen showed it), the `kinds` that are right for it and the `http_status` that was shown. With an empty
list it is a trap or a healthy session. In the times under `unsure` detection may say the one or the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, get_args

from cc_guard.incident.record import Phase
from cc_guard.replay.player import Told

_SLACK_S = 0.5  # around an episode: the frame that ends it is told when it is complete
_EARLY_S = 20.0  # the transcript of 2.0 to 2.1.160 tells of attempts that the screen does not show yet
_FAILURE_SLACK_S = 2.0  # a row in the transcript may come before the picture, and after it


@dataclass(frozen=True)
class Episode:
    """What a person sees in the recording, from `since` to `until`."""

    phase: Phase | Literal["unsure"]
    since: float
    until: float
    kinds: frozenset[str] = frozenset()
    http_status: int | None = None


@dataclass
class Score:
    """Sums over recordings; `delays` are seconds from the picture to the first symptom, of retry episodes;
    `took_s` is CPU time."""

    recordings: int = 0
    seconds: float = 0.0
    took_s: float = 0.0
    episodes: int = 0
    found: int = 0
    wrong_kind: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false_retrying: list[str] = field(default_factory=list)
    false_failed: list[str] = field(default_factory=list)
    suspicions: int = 0
    delays: list[float] = field(default_factory=list)

    def add(self, other: "Score") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def good(self) -> bool:
        return not (self.missed or self.false_retrying or self.false_failed or self.wrong_kind)


def episodes(notes: dict[str, Any]) -> list[Episode] | None:
    """The labels of a recording; None when it has none. Raises ValueError for labels that are not whole."""
    expected = notes.get("expect")
    if expected is None:
        return None
    try:
        found = [_episode(label) for label in expected]
        spans = [(_seconds(since), _seconds(until)) for since, until in notes.get("unsure", [])]
        return found + [Episode("unsure", since, until) for since, until in spans]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a label is not whole: {error!r:.80}") from None


def _episode(label: dict[str, Any]) -> Episode:
    phase, kinds, status = label["phase"], label["kinds"], label.get("http_status")
    if phase not in get_args(Phase):
        raise ValueError(f"phase {phase!r:.20}")
    if not isinstance(kinds, list) or not (status is None or type(status) is int):
        raise TypeError("kinds or http_status")
    return Episode(phase, _seconds(label["since"]), _seconds(label["until"]), frozenset(kinds), status)


def _seconds(value: float) -> float:
    if not (isinstance(value, (int, float)) and abs(value) < 1e12 and isfinite(value)):
        raise ValueError(f"time {value!r:.20}")
    return float(value)


def score(name: str, expected: Iterable[Episode], told: list[Told]) -> Score:
    """One recording, called `name` in what went wrong."""
    result = Score(recordings=1)
    expected = list(expected)
    for episode in expected:
        if episode.phase not in ("retrying", "failed"):
            continue
        result.episodes += 1
        symptoms = [one for one in told if one.symptom.phase == episode.phase and _within(one, episode)]
        if not symptoms:
            result.missed.append(f"{name}: {episode.phase} from {episode.since:.1f} s")
            continue
        result.found += 1
        if episode.phase == "retrying":
            result.delays.append(symptoms[0].at - episode.since)
        last = symptoms[-1].symptom
        wrong_status = episode.http_status is not None and last.http_status != episode.http_status
        if (episode.kinds and last.kind not in episode.kinds) or wrong_status:
            said = f"{last.kind} {last.http_status}" if wrong_status else last.kind
            result.wrong_kind.append(f"{name}: {said} at {symptoms[-1].at:.1f} s")
    for one in told:
        right = ("unsure", one.symptom.phase)
        if any(episode.phase in right and _within(one, episode) for episode in expected):
            continue
        where = f"{name}: at {one.at:.1f} s: {one.symptom.text[:80]}"
        if one.symptom.phase == "retrying" and one.source != "screen" and expected:
            continue  # the client's own word for attempts that the screen never showed
        if one.symptom.phase == "retrying":
            result.false_retrying.append(where)
        elif one.symptom.phase == "failed" and one.symptom.confirmed:
            result.false_failed.append(where)
        elif one.symptom.phase == "failed":
            result.suspicions += 1
    return result


def _within(one: Told, episode: Episode) -> bool:
    slack = _FAILURE_SLACK_S if episode.phase == "failed" else _SLACK_S
    early = _EARLY_S if episode.phase == "retrying" and one.source != "screen" else slack
    return episode.since - early <= one.at <= episode.until + slack


def table(scores: dict[str, Score]) -> str:
    """One line a version and one for all."""
    total = Score()
    for one in scores.values():
        total.add(one)
    header = (
        *("VERSION", "RECORDINGS", "EPISODES", "RECALL", "FALSE RETRYING", "FALSE FAILED"),
        *("WRONG KIND", "SUSPICIONS", "SLOWEST", "SPEED"),
    )
    rows = [header, *(_row(version, one) for version, one in scores.items()), _row("all", total)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    for title, items in (
        ("Missed", total.missed),
        ("False retrying", total.false_retrying),
        ("False failed", total.false_failed),
        ("Wrong kind", total.wrong_kind),
    ):
        lines += [f"{title}: {item}" for item in items]
    return "\n".join(lines)


def _row(version: str, one: Score) -> tuple[str, ...]:
    return (
        version,
        str(one.recordings),
        str(one.episodes),
        f"{100 * one.found / one.episodes:.0f} %" if one.episodes else "-",
        str(len(one.false_retrying)),
        str(len(one.false_failed)),
        str(len(one.wrong_kind)),
        str(one.suspicions),
        f"{max(one.delays) * 1000:.0f} ms" if one.delays else "-",
        f"{one.seconds / one.took_s:.0f}x" if one.took_s else "-",
    )
