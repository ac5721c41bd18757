"""What one run has found, by measure and contestant.  A contestant that failed a measure is not in it."""

import statistics
from collections.abc import Sequence
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


def p50_of_rounds(rounds: Sequence[Sequence[float]]) -> float:
    """The median of the rounds' medians: a bad moment of the machine does not show."""
    return p50([p50(values) for values in rounds])


def p99_of_rounds(rounds: Sequence[Sequence[float]]) -> float:
    """Over all rounds together: a bad moment does show, and one round is too short for a p99."""
    values = [value for round_ in rounds for value in round_]
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def paired_ratios(
    ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]
) -> tuple[float, float, float]:
    """The quartiles of the p50 ratios of the same rounds: what slows a whole round cancels out."""
    ratios = [p50(a) / p50(b) for a, b in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return low, middle, high


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a - b for a, b in zip(ours, theirs, strict=True))
