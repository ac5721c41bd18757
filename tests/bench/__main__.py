"""`python -m tests.bench`: run every measure, print the tables.

The exit status says only whether the harness itself worked: a missed budget is a line in the table.
"""

import argparse
import dataclasses
import gc
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from . import budgets, idle, keys, output, programs, report, start
from .contestants import ALL
from .lab import Lab
from .plan import FULL, QUICK, Plan
from .results import Results

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="cc-guard beside other wrappers"
    )
    parser.add_argument("--quick", action="store_true", help="less of everything: about a minute")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write everything that was measured")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL

    missing = {contestant.name: contestant.missing() for contestant in ALL}
    present = [contestant for contestant in ALL if missing[contestant.name] is None]
    # Killed from outside, the harness still ends what it started: script(1) survives its terminal.
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    gc.disable()  # a collection of the harness is no contestant's delay
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        lab = Lab(Path(scratch), programs.make(Path(scratch, "bin")), present)
        machine = _machine(lab.programs.made_of)
        print(*(f"{key}: {value}" for key, value in machine.items()), sep="\n", flush=True)
        results = Results(
            keys=_timed("keys", keys.measure, lab, plan),
            start=_timed("start", start.measure, lab, plan),
            output=_timed("output", output.measure, lab, plan),
            idle=_timed("idle", idle.measure, lab, plan),
        )
    for name, reason in missing.items():
        if reason is not None:
            lab.note(name, f"not available: {reason}")

    names = [contestant.name for contestant in ALL]
    verdicts = budgets.judge(results)
    print("", *report.comparison(results, plan, names, verdicts), sep="\n")
    print("", *report.per_process(results, names), sep="\n")
    print("", *(f"{name}: {note}" for name, notes in lab.notes.items() for note in notes), sep="\n")
    print(f"load at the end: {os.getloadavg()[0]:.2f}")
    if options.json:
        found = {
            "machine": machine,
            "plan": dataclasses.asdict(plan),
            "notes": lab.notes,
            "results": dataclasses.asdict(results),
            "verdicts": {label: dataclasses.asdict(verdict) for label, verdict in verdicts.items()},
        }
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _machine(children: str) -> dict[str, object]:
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "nproc": os.cpu_count(),
        "load average": [round(load, 2) for load in os.getloadavg()],
        "child programs": children,
    }


def _timed(name: str, measure: Callable[[Lab, Plan], T], lab: Lab, plan: Plan) -> T:
    print(f"{name} … ", end="", file=sys.stderr, flush=True)
    begun = time.perf_counter()
    found = measure(lab, plan)
    print(f"{time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
