"""Nothing is left behind: the guard, the relay or all of a session is killed at a random moment.

    python -m tests.proofs.killed [--runs 100] [--seed N] [--jobs 2]

Each run is a session under the real cc-guard, whose client retries for ever (scripted: relay/clients.py), on
a machine whose network breaks for real; a remedy is carried out, or a hold is on, when SIGKILL comes. Then,
by turns: the relay starts another guard, and the session ends as usual; or the user calls `cc-guard restore`;
or the next session starts and ends. Afterwards no process may be stopped, and all settings of the network,
its routes, MTU and firewall, the virtual machine and the container have to be what they were, and the journal
empty. Needs root, for network namespaces. Exit status 1 when anything was left.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.fakes import HERE as FAKES
from tests.netns.namespaces import missing
from tests.netns.scenario import ROOT
from tests.netns.servers import API_4, API_6, Certificates
from tests.relay.clients import RETRIES, SLEEP
from tests.relay.harness import CC_GUARD, MARK, Outer, python
from tests.support.undoing import CONTAINER, MACHINE, Here, in_the_way, machine

PROFILE = "linux"
# What breaks, the scenario for it, and what the user's own profile says besides.
FAULTS = {
    "machine": ("healthy", f"[remedies]\ntart.suspend = 'auto'\n[parameters.tart]\nnames = ['{MACHINE}']\n"),
    "container": (
        "healthy",
        f"[remedies]\ndocker.pause = 'auto'\n[parameters.docker]\nnames = ['{CONTAINER}']\n",
    ),
    "ports": ("ports_exhausted_both", ""),
    "ipv6": ("ipv6_first_resets", ""),
    "mtu": ("mtu_black_hole", ""),
}
VICTIMS = ("guard", "guard", "guard", "relay", "all")
AFTERWARDS = ("end", "restore", "next start")
UNDONE_S = 60.0
LEASE_S = 5.0
_ROW = b"API error"


@dataclass
class Run:
    """`during`: what was on when it was killed: "hold", "change" (the journal has one), "remedy" (its process
    runs)."""

    fault: str
    victim: str
    afterwards: str
    killed_s: float = 0.0
    during: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        when = f"killed after {self.killed_s:4.1f} s"
        during = " ".join(self.during) or "nothing"
        return f"{self.fault:10} {self.victim:6} {when}, during {during:20} then {self.afterwards}"


@contextmanager
def place_for(fault: str, folder: Path) -> Iterator[Here]:
    """The machine, broken. Raises namespaces.SetupError."""
    scenario, own = FAULTS[fault]
    with machine(folder, Certificates(), scenario, saves_s="0.4") as here, contextlib.ExitStack() as stack:
        profiles = folder / "config" / "cc-guard" / "profiles"
        profiles.mkdir(parents=True)
        if own:
            (profiles / f"{PROFILE}.toml").write_text(own)
        here.environ |= {
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "NODE_EXTRA_CA_CERTS": here.environ["SSL_CERT_FILE"],
            "TERM": "xterm-256color",
        }
        (folder / "run").mkdir(mode=0o700)
        _unmarked(folder / "bin" / "tart")
        argv = [*here.place.before, "ip", "link", "set", "dev", "wire", "gso_max_segs", "1"]
        subprocess.run(argv, check=True)
        if fault in ("machine", "container"):
            stack.enter_context(in_the_way(fault, here))
        yield here


def _unmarked(tart: Path) -> None:
    """A machine that is started again is no process of the session, whose processes are known by a mark."""
    tart.unlink()
    tart.write_text(f'#!/bin/sh\nunset {MARK}\nexec {FAKES / "tart"} "$@"\n')
    tart.chmod(0o755)


def killed_once(here: Here, fault: str, chance: random.Random) -> Run:
    run = Run(fault, chance.choice(VICTIMS), chance.choice(AFTERWARDS))
    if run.victim == "all" and run.afterwards == "end":
        run.afterwards = "restore"
    if fault == "ports":
        _fill(here)
    before = here.state()
    with _session(here, RETRIES) as outer, _saying_yes(here):
        outer.wait_for(_ROW)
        began = time.monotonic()
        if chance.random() < 0.7:
            deadline = began + 25
            while not (here.entries() or time.monotonic() > deadline):
                outer.pump(0.02)
            outer.pump(chance.uniform(0.0, 2.5))
        else:
            outer.pump(chance.uniform(0.3, 9.0))
        run.killed_s = time.monotonic() - began
        run.during = _during(outer, here)
        _kill(outer, run.victim)
        _go_on(outer, run, chance)
    run.left = _left(here, before, outer, run)
    return run


def _go_on(outer: Outer, run: Run, chance: random.Random) -> None:
    """Until the session is over, whose relay may be gone already."""
    if run.victim != "guard":
        with contextlib.suppress(AssertionError):
            outer.nothing_remains(30)
        run.left += [f"runs on: {one}" for one in outer.processes()]
        return
    outer.pump(chance.uniform(0.0, 6.0))
    deadline = time.monotonic() + 30
    while outer.process.poll() is None and time.monotonic() < deadline:
        outer.type(b"\x1dq")
        outer.pump(1.0)
    if outer.process.poll() is None:
        run.left.append("the session does not end")
    with contextlib.suppress(AssertionError):
        outer.nothing_remains(UNDONE_S)


def _left(here: Here, before: dict[str, Any], outer: Outer, run: Run) -> list[str]:
    left = [*run.left, *_stopped(outer)]
    if run.afterwards == "next start":
        with _session(here, SLEEP) as following:
            deadline = time.monotonic() + UNDONE_S
            while here.entries() and time.monotonic() < deadline:
                following.pump(0.2)
            following.pump(0.5)
            following.relay().terminate()
            following.wait()
            with contextlib.suppress(AssertionError):
                following.nothing_remains(30)
    if run.afterwards != "restore":  # it has to be well without
        left += _differences(here, before)
    status, told = here.restore()
    if status:
        left.append(f"restore: {status} {json.dumps(told)}")
    return left + _differences(here, before)


def _differences(here: Here, before: dict[str, Any]) -> list[str]:
    """After what comes late by itself has come: the watcher that breaks the network looks at the machine."""
    deadline = time.monotonic() + 3
    while (found := here.differences(before)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found + [f"the journal has {name}" for name in here.entries()]


def _stopped(outer: Outer) -> list[str]:
    """Of the session; a lease may still have to run out."""
    found: list[str] = []
    deadline = time.monotonic() + 2 * LEASE_S
    while time.monotonic() < deadline:
        found = []
        for process in outer.processes():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_STOPPED:
                    found.append(f"stopped: {process}")
        if not found:
            break
        time.sleep(0.2)
    return found


def _during(outer: Outer, here: Here) -> list[str]:
    found = []
    for process in outer.processes():
        with contextlib.suppress(psutil.Error):
            if process.status() == psutil.STATUS_STOPPED:
                found.append("hold")
            words = process.cmdline()
            if "cc_guard.remedies" in words and ("run" in words or "undo" in words):
                found.append("remedy")
    return [*dict.fromkeys(found), *(["change"] if here.entries() else [])]


def _kill(outer: Outer, victim: str) -> None:
    pids = []
    if victim in ("guard", "all"):
        pids += [guard.pid for guard in outer.guards()]
    if victim in ("relay", "all"):
        pids.append(outer.pid)
    if victim == "all":
        pids += [process.pid for process in outer.processes() if process.pid not in pids]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def _session(here: Here, client: str) -> Iterator[Outer]:
    argv = [*here.place.before, CC_GUARD, "--profile", PROFILE, "--", *python(client)]
    with Outer(argv, here.environ, here.folder) as outer:
        yield outer


@contextmanager
def _saying_yes(here: Here) -> Iterator[None]:
    """A user who says yes to whatever is asked, from another window."""
    done = threading.Event()

    def answer() -> None:
        argv = [sys.executable, "-P", "-m", "cc_guard", "answer", "yes"]
        while not done.wait(0.3):
            subprocess.run(argv, env=here.environ, capture_output=True, timeout=60)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _fill(here: Here) -> None:
    """Those of the run before have ended."""
    for address in (API_4, API_6):
        argv = here.place.argv("-m", "tests.netns.fill", address, "443", "400")
        subprocess.run(argv, env=here.environ, cwd=ROOT, check=True, timeout=60)


def play(fault: str, runs: int, seed: int) -> list[Run]:
    chance = random.Random(f"{seed} {fault}")
    found = []
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        place_for(fault, Path(folder)) as here,
    ):
        for _ in range(runs):
            run = killed_once(here, fault, chance)
            found.append(run)
            print(f"{run}  {'LEFT ' + str(run.left) if run.left else 'ok'}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proofs.killed", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", action="append", choices=FAULTS)
    options = parser.parse_args()
    if reason := missing():
        print(reason)
        return 2
    print(f"seed {options.seed}", flush=True)
    faults = options.only or list(FAULTS)
    share = [options.runs // len(faults) + (n < options.runs % len(faults)) for n in range(len(faults))]
    # A machine's name is that of its process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, context, max_tasks_per_child=1) as pool:
        parts = list(pool.map(play, faults, share, [options.seed] * len(faults)))
    runs = [run for part in parts for run in part]
    left = [run for run in runs if run.left]
    kinds = Counter(kind for run in runs for kind in run.during or ["nothing"])
    print(", ".join(f"{times} during {kind}" for kind, times in sorted(kinds.items())))
    victims = Counter(run.victim for run in runs)
    print("killed: " + ", ".join(f"{victim} {times} times" for victim, times in sorted(victims.items())))
    print(f"{len(runs)} runs, {len(left)} left behind")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
