"""The budgets of DESIGN §8 and whether this run met them.  Printed, never asserted: machines differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from .keys import LOADS
from .processes import Usage
from .results import Results, p50, paired_difference, paired_ratios

US = "cc-guard"
MIB = 1024 * 1024

KEY_RATIO = {"script": 1.15, "tmux": 1.00}
START_OVER_BARE_MS = 40.0
THROUGHPUT_MB_S = 25.0
MEMORY_MIB = {"relay": 12.0, "guard": 50.0}
FLAT_MIB = 2.0  # buffers and a screen's scrollback fill once; a leak of 1 % of the output would be as much
IDLE_PERCENT = 0.5


@dataclass(frozen=True)
class Verdict:
    """One budget: what was asked, what was seen, and whether it was met (None: not measured).

    A ratio is seen as `median (first–third quartile of the rounds)`, and judged by its median.
    """

    budget: str
    seen: str
    met: bool | None


def judge(results: Results) -> dict[str, Verdict]:
    """The verdicts by the label of the row they belong to."""
    verdicts = {f"key p50, {load}": _keys(results, load) for load in LOADS}
    verdicts["start"] = _start(results)
    verdicts["throughput"] = _throughput(results)
    verdicts["bytes identical"] = _identical(results)
    verdicts |= {f"{role} RSS": _memory(results, role) for role in MEMORY_MIB}
    verdicts["idle CPU"] = _idle(results)
    return verdicts


def _keys(results: Results, load: str) -> Verdict:
    budget = ", ".join(f"≤ {other} × {limit:.2f}" for other, limit in KEY_RATIO.items())
    ours = results.keys.get(US)
    others = [name for name in KEY_RATIO if name in results.keys]
    if ours is None or not others:
        return Verdict(budget, "", None)
    ratios = {name: paired_ratios(ours[load], results.keys[name][load]) for name in others}
    seen = ", ".join(
        f"{name} × {middle:.2f} ({low:.2f}–{high:.2f})" for name, (low, middle, high) in ratios.items()
    )
    return Verdict(budget, seen, all(ratio <= KEY_RATIO[name] for name, (_, ratio, _) in ratios.items()))


def _start(results: Results) -> Verdict:
    budget = f"≤ bare + {START_OVER_BARE_MS:g} ms"
    if US not in results.start or "bare" not in results.start:
        return Verdict(budget, "", None)
    over = paired_difference(results.start[US], results.start["bare"])
    return Verdict(budget, f"+ {over:.1f} ms", over <= START_OVER_BARE_MS)


def _throughput(results: Results) -> Verdict:
    budget = f"≥ {THROUGHPUT_MB_S:g} MB/s"
    if US not in results.output:
        return Verdict(budget, "", None)
    rate = p50(results.output[US].rates)
    return Verdict(budget, f"{rate:.0f} MB/s", rate >= THROUGHPUT_MB_S)


def _identical(results: Results) -> Verdict:
    if US not in results.output:
        return Verdict("identical", "", None)
    difference = results.output[US].difference
    return Verdict("identical", difference or "identical", not difference)


def _memory(results: Results, role: str) -> Verdict:
    budget = f"≤ {MEMORY_MIB[role]:g} MiB, flat"
    if US not in results.output:
        return Verdict(budget, "", None)
    before = rss_of(results.output[US].before, role)
    after = rss_of(results.output[US].after, role)
    if before is None or after is None:
        return Verdict(budget, f"no {role} {'at the start' if before is None else 'at the end'}", False)
    met = max(before, after) <= MEMORY_MIB[role] and after - before <= FLAT_MIB
    return Verdict(budget, f"{after:.1f} MiB, grew {after - before:+.1f}", met)


def _idle(results: Results) -> Verdict:
    budget = f"≤ {IDLE_PERCENT:g} %"
    if US not in results.idle:
        return Verdict(budget, "", None)
    percent = sum(share.percent for share in results.idle[US])
    return Verdict(budget, f"{percent:.2f} %", percent <= IDLE_PERCENT)


def rss_of(usage: Sequence[Usage], role: str) -> float | None:
    """The RSS in MiB of all processes of a role; None when there is none."""
    sizes = [process.rss for process in usage if process.role == role]
    return sum(sizes) / MIB if sizes else None
