"""An hour of ordinary work that looks like trouble, and must leave no incident behind.

    python -m tests.proofs.mixed [--minutes 60] [--version V]… [--outages N] [--seed N] [--only ACT]…
                                 [--keep FOLDER]

For each version a real client under cc-guard in a real terminal, side by side: traps.py, over and over in
changing order, until the time is over. With `--outages`, N real ones are scattered among them; each must be
one incident, and its prompt must be answered in the end. The exit status is 0 only if that is exactly what
cc-guard has written down, and no client got stuck. Recordings of the runs, and of each wrong incident the
screen at its start, are left in FOLDER.
"""

import argparse
import functools
import json
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.proofs import traps
from tests.proofs.stage import Act, Incident, Stage, epoch, screen_at
from tests.support.client import VERSIONS

# An answer that has begun does not care what status the next one would get.
FAULTS = {
    "reset": ("sent", "tool", "stream"),
    "refuse": ("sent", "tool", "stream"),
    "status:503": ("sent", "tool"),
}
_SESSIONS_EVERY = 3  # rounds between a fresh client, so that a guard lives long enough to show what it costs


@dataclass
class Run:
    """What one version has been through."""

    version: str
    minutes: float
    acts: list[Act]
    incidents: list[Incident]
    prompts: int
    withdrawn: int
    answers: int
    cpu_percent: float
    rss: list[int]
    cast: Path

    def incidents_of(self, act: Act) -> list[Incident]:
        """Those that began in it, or before the next one."""
        later = [other.started for other in self.acts if other.started > act.started]
        end = min(later, default=float("inf"))
        first = act is self.acts[0]
        started = [(epoch(incident["started_at"]), incident) for incident in self.incidents]
        return [incident for t, incident in started if (first or act.started <= t) and t < end]

    def complaints(self) -> list[str]:
        return [complaint for act in self.acts for complaint in self.complaints_of(act)]

    def complaints_of(self, act: Act) -> list[str]:
        """What is wrong with it, with the evidence."""
        found = [f"{self.version}, {act.name}: the client got stuck: {act.stuck}"] if act.stuck else []
        incidents = self.incidents_of(act)
        wrong = (
            "" if len(incidents) == act.outages else f"{len(incidents)} incidents instead of {act.outages}"
        )
        for incident in incidents:
            if act.kinds and incident["kind"] not in act.kinds:
                wrong = wrong or f"kind {incident['kind']} instead of {act.kinds[0]}"
            if act.outcomes and incident["outcome"] not in act.outcomes:
                wrong = wrong or f"outcome {incident['outcome']} instead of {act.outcomes[0]}"
        if wrong:
            found.append(f"{self.version}, {act.name}: {wrong}")
            found += [self._evidence(incident) for incident in incidents]
        return found

    def _evidence(self, incident: Incident) -> str:
        told = json.dumps(incident, indent=2, ensure_ascii=False)
        screen = screen_at(self.cast, epoch(incident["started_at"]))
        return f"{told}\nscreen at its start, from {self.cast}:\n{screen}\n"


def run(
    version: str,
    minutes: float,
    outages: int = 0,
    seed: int = 0,
    only: tuple[str, ...] = (),
    keep: Path | None = None,
) -> Run:
    """Plays until the time is over, and all outages have been."""
    began = time.monotonic()
    with Stage(version, seed, keep or Path(tempfile.mkdtemp(prefix="mixed-"))) as stage:
        planned = sorted(stage.rng.uniform(0.05, 0.9) * minutes * 60 for _ in range(outages))
        with stage.act("start"):
            stage.start()
        rounds = 0
        while time.monotonic() - began < minutes * 60 or planned:
            names = list(only or traps.TRAPS)
            stage.rng.shuffle(names)
            if not only and rounds % _SESSIONS_EVERY:
                names = [name for name in names if not name.startswith("session-")]
            for name in names:
                passed = time.monotonic() - began
                if planned and passed >= planned[0]:
                    del planned[0]
                    _play_outage(stage)
                elif passed >= minutes * 60:
                    break
                traps.play_trap(stage, name)
                _tell(stage, began)
            rounds += 1
            with stage.act("a fresh conversation"):
                traps.cleared(stage)
        time.sleep(3)
        stage.measure()
        return result(stage, (time.monotonic() - began) / 60)


def result(stage: Stage, minutes: float) -> Run:
    return Run(
        stage.version,
        minutes,
        stage.acts,
        stage.incidents(),
        stage.prompts,
        stage.withdrawn,
        stage.answers,
        stage.meter.cpu_percent,
        stage.meter.rss,
        stage.cast,
    )


def _play_outage(stage: Stage) -> None:
    fault = stage.rng.choice(list(FAULTS))
    when = stage.rng.choice(FAULTS[fault])
    seconds = stage.rng.randint(15, 40)
    name = f"outage: {fault} for {seconds} s, {when}"
    traps.play(stage, name, lambda act: traps.outage(stage, act, fault, seconds, when))


def _tell(stage: Stage, began: float) -> None:
    """One line for what was played since the last; what is wrong with it so far goes beside the recording."""
    run = result(stage, 0.0)
    for act in stage.acts[stage.told :]:
        complaints = run.complaints_of(act)
        if complaints:
            with stage.cast.with_suffix(".txt").open("a") as file:
                print(*complaints, sep="\n", file=file)
        wrong = f"WRONG: {complaints[0].splitlines()[0]}" if complaints else ""
        print(
            f"{time.monotonic() - began:6.0f} s  {stage.version:8}  {act.name}  {wrong}".rstrip(), flush=True
        )
    stage.told = len(stage.acts)


def table(runs: list[Run]) -> str:
    row = "{:9} {:>8} {:>6} {:>8} {:>12} {:>10} {:>10} {:>16}".format
    lines = [
        row("version", "minutes", "acts", "prompts", "answers", "incidents", "guard CPU", "RSS first/last")
    ]
    for run in runs:
        wanted = sum(act.outages for act in run.acts)
        rss = f"{run.rss[0] / 2**20:.1f}/{run.rss[-1] / 2**20:.1f} MB" if run.rss else "-"
        told = f"{len(run.incidents)} of {wanted}"
        wanted_answers = run.prompts - run.withdrawn
        numbers = (f"{run.minutes:.1f}", len(run.acts), run.prompts, f"{run.answers} of {wanted_answers}")
        lines.append(row(run.version, *numbers, told, f"{run.cpu_percent:.2f} %", rss))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proofs.mixed", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--version", action="append", choices=VERSIONS)
    parser.add_argument("--outages", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=list(traps.TRAPS), metavar="ACT")
    parser.add_argument("--keep", type=Path, help="where recordings go (default: a new folder in /tmp)")
    options = parser.parse_args()
    versions = options.version or list(VERSIONS)
    keep = options.keep or Path(tempfile.mkdtemp(prefix="mixed-"))
    keep.mkdir(parents=True, exist_ok=True)
    play = functools.partial(
        run,
        minutes=options.minutes,
        outages=options.outages,
        seed=options.seed,
        only=tuple(options.only or ()),
        keep=keep,
    )
    runs: list[Run] = []
    complaints: list[str] = []
    with ProcessPoolExecutor(len(versions)) as pool:
        for version, future in [(version, pool.submit(play, version)) for version in versions]:
            try:
                runs.append(future.result())
                complaints += runs[-1].complaints()
            except Exception:
                complaints.append(f"{version}: the play itself failed\n{traceback.format_exc()}")
    print(*complaints, sep="\n")
    print(table(runs))
    print(f"recordings: {keep}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
