"""Nothing is left behind: a remedy is killed at a random moment, and `cc-guard restore` has to bring all
back.

    python -m tests.proofs.undo [--runs 100] [--seed N]

Each run carries out one of the remedies that change something (sysctl, route, MTU), kills it with SIGKILL at
a moment between its start and its end, and its session with it; every third time the restore is killed as
well, and done again. Then all settings of the network, its devices and routes are compared with what they
were. Needs root, for a network namespace. Exit status 1 when anything was left.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.netns.namespaces import missing
from tests.netns.servers import Certificates
from tests.support.undoing import CHANGING, Here, machine

# The others need somebody in the way, or there is nothing to try: tests.proofs.killed.
ALONE = tuple(remedy for remedy in CHANGING if remedy not in ("tart.suspend", "docker.pause"))
_TYPICAL: dict[str, float] = {}


@dataclass
class Run:
    """`changed`: whether there was anything to take back. Times in seconds after the start."""

    remedy: str
    killed_s: float
    restore_killed_s: float | None
    changed: bool = False
    status: int = 0


def typical_s(here: Here, remedy: str) -> float:
    """How long a remedy takes when nobody kills it."""
    if remedy not in _TYPICAL:
        started = time.monotonic()
        answer = here.run(remedy)
        _TYPICAL[remedy] = time.monotonic() - started
        assert answer["status"] == "ok", answer
        assert here.restore()[0] == 0
    return _TYPICAL[remedy]


def killed_once(here: Here, chance: random.Random) -> Run:
    remedy = chance.choice(ALONE)
    most_s = typical_s(here, remedy)
    # The change itself is in the middle: most of the time is the interpreter's start and the look afterwards.
    run = Run(remedy, chance.uniform(0.1, 1.05) * most_s, None)
    if chance.random() < 1 / 3:
        run.restore_killed_s = chance.uniform(0.1, 1.0)
    here.run(remedy, kill_after_s=run.killed_s)
    run.changed = bool(here.entries())
    if run.restore_killed_s is not None:
        here.restore(kill_after_s=run.restore_killed_s)
    run.status, _ = here.restore()
    return run


def leftovers(here: Here, before: dict[str, Any]) -> list[str]:
    """What is not as it was, after a moment in which anything that is late would have come."""
    found = here.differences(before) + [f"the journal has {name}" for name in here.entries()]
    time.sleep(0.6)
    return found or here.differences(before)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.undo")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    if reason := missing():
        print(reason)
        return 2
    chance = random.Random(options.seed)
    print(f"seed {options.seed}")
    left: list[str] = []
    runs: list[Run] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        machine(Path(folder), Certificates(), saves_s="0.4") as here,
    ):
        before = here.state()
        for number in range(1, options.runs + 1):
            run = killed_once(here, chance)
            runs.append(run)
            found = leftovers(here, before)
            left += [f"run {number} ({run}): {one}" for one in found]
            mark = "LEFT" if found else "ok"
            print(f"{number:4} {run.remedy:15} killed after {run.killed_s:5.2f} s  {mark}", flush=True)
    _report(runs, left)
    return 1 if left else 0


def _report(runs: list[Run], left: list[str]) -> None:
    changed = Counter(run.remedy for run in runs if run.changed)
    print(f"\n{'remedy':15} killed  with a change")
    for remedy in ALONE:
        print(f"{remedy:15} {sum(run.remedy == remedy for run in runs):6}  {changed[remedy]:13}")
    again = sum(run.restore_killed_s is not None for run in runs)
    print(
        f"{len(runs)} runs, {sum(changed.values())} with a change in the journal, restore killed in {again}"
    )
    print(f"left behind: {len(left)}")
    print("\n".join(left), end="\n" if left else "")


if __name__ == "__main__":
    sys.exit(main())
