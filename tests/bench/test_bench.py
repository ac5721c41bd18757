"""The bench itself: that it measures and judges, not how fast anything is."""

from pathlib import Path

from . import idle, keys, output, programs, report, start
from .budgets import MIB, judge
from .contestants import ALL, Contestant
from .idle import Share
from .lab import Lab, turns
from .output import Output
from .plan import Plan
from .processes import Usage
from .results import Results

TINY = Plan(
    key_rounds=2,
    keys_per_round=3,
    start_rounds=1,
    output_rounds=2,
    megabytes_per_round=1,
    idle_seconds=0.1,
)
BROKEN = Contestant(
    "cc-guard", lambda: None, lambda folder, program: ["sh", "-c", "echo no such thing"], "relay"
)


def usage(role: str, mib: float) -> Usage:
    return Usage(1, role, int(mib * MIB), 0, None, 0.0)


def run(cc_guard_ms: float, guard_mib: float, difference: str) -> Results:
    def times(ms: float) -> keys.KeyTimes:
        return {load: [[ms, ms], [ms, ms]] for load in keys.LOADS}

    before = [usage("relay", 11), usage("guard", 20)]
    after = [usage("relay", 11), usage("guard", guard_mib)]
    return Results(
        keys={"script": times(1.0), "tmux": times(1.2), "cc-guard": times(cc_guard_ms)},
        start={"bare": [5, 6], "cc-guard": [25, 26]},
        output={"cc-guard": Output([30, 31], before, after, difference)},
        idle={"cc-guard": [Share("relay", 1, 0.1), Share("guard", 2, 0.2)]},
    )


def test_a_good_run_meets_every_budget() -> None:
    assert {label: verdict.met for label, verdict in judge(run(1.1, 21, "")).items()} == {
        "key p50, idle": True,
        "key p50, 4 KB × 60/s": True,
        "key p50, 20 KB × 60/s": True,
        "start": True,
        "throughput": True,
        "bytes identical": True,
        "relay RSS": True,
        "guard RSS": True,
        "idle CPU": True,
    }


def test_what_is_over_its_budget_is_missed() -> None:
    verdicts = judge(run(1.16, 23, "12 bytes lost"))
    missed = {label for label, verdict in verdicts.items() if not verdict.met}
    assert missed == {*(f"key p50, {load}" for load in keys.LOADS), "guard RSS", "bytes identical"}


def test_what_was_not_measured_has_no_verdict() -> None:
    verdicts = judge(Results({}, {}, {}, {}))
    assert {verdict.met for verdict in verdicts.values()} == {None}


def test_every_verdict_has_its_row() -> None:
    results = run(1.0, 20, "")
    table = report.comparison(results, TINY, ["cc-guard"], judge(results))
    for label in judge(results):
        assert any(line.startswith(label) and line.endswith("met") for line in table)


def test_turns_rotate() -> None:
    assert turns(["a", "b", "c"], 4) == ["b", "c", "a"]
    assert turns([], 1) == []


def test_every_measure_runs_and_a_broken_contestant_is_only_noted(tmp_path: Path) -> None:
    bare = next(contestant for contestant in ALL if contestant.name == "bare")
    lab = Lab(tmp_path, programs.make(tmp_path / "bin"), [bare, BROKEN])
    results = Results(
        keys.measure(lab, TINY), start.measure(lab, TINY), output.measure(lab, TINY), idle.measure(lab, TINY)
    )
    assert {load: [len(burst) for burst in rounds] for load, rounds in results.keys["bare"].items()} == {
        load: [3, 3] for load in keys.LOADS
    }
    assert results.output["bare"].difference == ""
    assert results.idle["bare"] == []  # a bare PTY has no wrapper
    assert "cc-guard" not in results.keys | results.start | results.output | results.idle
    assert lab.notes == {"cc-guard": ["ended before <READY>: no such thing"]}
