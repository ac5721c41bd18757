"""What one run has found, by measure and contestant.  A contestant that failed a measure is not in it."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .idle import Share
from .keys import KeyTimes
from .output import Output


@dataclass(frozen=True)
class Results:
    keys: dict[str, KeyTimes]
    start: dict[str, list[float]]
    output: dict[str, Output]
    idle: dict[str, list[Share]]


def p50(values: Sequence[float]) -> float:
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def over_rounds(rounds: Sequence[Sequence[float]], summary: Callable[[Sequence[float]], float]) -> float:
    """The median over the rounds: one bad round of the machine does not show."""
    return statistics.median(summary(values) for values in rounds)


def paired_ratio(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """The median of the p50 ratios of the same rounds: what slows a whole round cancels out."""
    return statistics.median(p50(a) / p50(b) for a, b in zip(ours, theirs, strict=True))


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a - b for a, b in zip(ours, theirs, strict=True))
