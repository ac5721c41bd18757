"""The tables that a run prints."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from .budgets import MEMORY_MIB, MIB, Verdict, rss_of
from .keys import LOADS
from .plan import Plan
from .processes import Usage
from .results import Results, p50, p50_of_rounds, p99_of_rounds, paired_difference

MISSING = "–"
WORDS = {True: "met", False: "MISSED", None: MISSING}

Cell = Callable[[Results, str], str]
"""What a contestant's column shows; KeyError when it has no part in the measure."""


def comparison(
    results: Results, plan: Plan, names: Sequence[str], verdicts: Mapping[str, Verdict]
) -> list[str]:
    """One row per measure, one column per contestant, then the budget and the verdict on cc-guard."""
    table = [["", "unit", *names, "budget", "seen", "verdict"]]
    for label, unit, cell in _rows(plan):
        cells = []
        for name in names:
            try:
                cells.append(cell(results, name))
            except KeyError:
                cells.append(MISSING)
        verdict = verdicts.get(label)
        told = [verdict.budget, verdict.seen, WORDS[verdict.met]] if verdict else ["", "", ""]
        table.append([label, unit, *cells, *told])
    return _aligned(table)


def per_process(results: Results, names: Sequence[str]) -> list[str]:
    """What each wrapper process weighs and uses.

    Memory and idle CPU are of two sessions: their processes are matched by role.
    """
    table = [["process", "RSS MiB, start → end", "USS", "PSS", "idle CPU %"]]
    for name in names:
        if name not in results.output:
            continue
        output = results.output[name]
        before = {usage.pid: usage.rss for usage in output.before}
        shares = {share.role: f"{share.percent:.2f}" for share in results.idle.get(name, [])}
        for usage in output.after:
            rss = f"{_mib(before.get(usage.pid))} → {_mib(usage.rss)}"
            share = shares.get(usage.role, MISSING)
            table.append([f"{name}: {usage.role}", rss, _mib(usage.uss), _mib(usage.pss), share])
    return _aligned(table)


def _rows(plan: Plan) -> Iterator[tuple[str, str, Cell]]:
    """Label, unit and cell of every row; the labels of judged rows are those of `budgets.judge`."""
    for load in LOADS:
        yield f"key p50, {load}", "ms", partial(_key, load, p50_of_rounds)
        yield f"key p99, {load}", "ms", partial(_key, load, p99_of_rounds)
    yield "start", "ms", _start
    yield "throughput", "MB/s", lambda results, name: f"{p50(results.output[name].rates):.0f}"
    yield "bytes identical", "", _identity
    yield f"RSS, start → {plan.megabytes} MB", "MiB", _rss
    for role in MEMORY_MIB:
        yield f"{role} RSS", "MiB", partial(_role_rss, role)
    yield "idle CPU", "% core", _idle


def _key(
    load: str, summary: Callable[[Sequence[Sequence[float]]], float], results: Results, name: str
) -> str:
    return f"{summary(results.keys[name][load]):.3f}"


def _start(results: Results, name: str) -> str:
    own = f"{p50(results.start[name]):.1f}"
    if name == "bare" or "bare" not in results.start:
        return own
    return f"{own} ({paired_difference(results.start[name], results.start['bare']):+.1f})"


def _identity(results: Results, name: str) -> str:
    difference = results.output[name].difference
    if difference is None:
        return "n/a: redraws"
    return f"NO: {difference}" if difference else "yes"


def _rss(results: Results, name: str) -> str:
    def total(usage: Sequence[Usage]) -> str:
        return _mib(sum(process.rss for process in usage))

    return f"{total(results.output[name].before)} → {total(results.output[name].after)}"


def _role_rss(role: str, results: Results, name: str) -> str:
    sizes = [rss_of(usage, role) for usage in (results.output[name].before, results.output[name].after)]
    if sizes == [None, None]:
        raise KeyError(role)
    return " → ".join(MISSING if size is None else f"{size:.1f}" for size in sizes)


def _idle(results: Results, name: str) -> str:
    return f"{sum(share.percent for share in results.idle[name]):.2f}"


def _mib(size: int | None) -> str:
    return MISSING if size is None else f"{size / MIB:.1f}"


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
