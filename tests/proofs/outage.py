"""One outage, with cc-guard and without, side by side in real terminals.

    python -m tests.proofs.outage [--seconds 240] [--version V]… [--tls] [--bare-terminal]

The API resets connections from before a prompt is sent until `--seconds` later. Printed for each version:
how long after the API was back the answer showed, with cc-guard and with the client alone, and what the
incident says. The exit status is 1 when cc-guard missed the promise of one second.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.standin.api import StandIn
from tests.support.client import VERSIONS, box_shown, client_home, installed
from tests.support.terminal import Terminal

CC_GUARD = Path(sys.executable).parent / "cc-guard"
ANSWER = "● back again"
PROMISE_S = 1.0
STOCK_PATIENCE_S = 45.0
# What the client has spent before anything shows that it retries, and one more (1.0.120: attempt 4).
RETRIES_ALLOWED = {"1.0.120": 4}


@dataclass
class Outcome:
    """Seconds from the API's return to the answer; None when it did not come while one watched."""

    version: str
    seconds: float
    guarded_s: float | None
    stock_s: float | None
    screen: str
    incidents: list[dict[str, Any]]

    def complaints(self, slack: float = 1.0) -> list[str]:
        """`slack`: how much longer things may take, on a machine that has more to do."""
        promise_s = PROMISE_S * slack
        if len(self.incidents) != 1:
            return [f"{len(self.incidents)} incidents instead of one"]
        incident = self.incidents[0]
        found = []
        if self.guarded_s is None or self.guarded_s > promise_s:
            found.append(f"the answer came after {self.guarded_s} s")
        if incident["outcome"] != "recovered":
            found.append(f"outcome {incident['outcome']}")
        if incident["retries_spent"] > RETRIES_ALLOWED.get(self.version, 3):
            found.append(f"{incident['retries_spent']} retries spent")
        if incident["recovery_s"] is None or incident["recovery_s"] > promise_s:
            found.append(f"recovery_s {incident['recovery_s']}")
        if self.screen.count(ANSWER) != 1 or len(_boxes(self.screen)) != 1:
            found.append(f"the picture is not whole:\n{self.screen}")
        return found


def prove(
    version: str, seconds: float, tls: bool = False, bare_terminal: bool = False, stock: bool = True
) -> Outcome:
    """`bare_terminal`: the client does not know that it is in tmux, and synchronizes its updates."""
    with ExitStack() as stack:
        guarded = stack.enter_context(_Session(version, True, tls, bare_terminal))
        alone = stack.enter_context(_Session(version, False, tls, bare_terminal)) if stock else None
        sessions = [session for session in (guarded, alone) if session]
        for session in sessions:
            session.ready()
        for session in sessions:
            session.break_api()
        time.sleep(seconds)
        for session in sessions:
            session.mend_api()
        guarded_s = guarded.answered_after(10.0)
        stock_s = alone.answered_after(STOCK_PATIENCE_S) if alone else None
        time.sleep(2.0)  # until the incident's last row is written
        return Outcome(version, seconds, guarded_s, stock_s, guarded.terminal.screen(), guarded.incidents())


class _Session:
    def __init__(self, version: str, guarded: bool, tls: bool, bare_terminal: bool) -> None:
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        work = folder / "work"
        work.mkdir()
        self._api = self._stack.enter_context(StandIn(tls=folder) if tls else StandIn())
        ca = folder / "ca.pem" if tls else None
        claude = installed(version)
        self.env = client_home(folder, version, work, self._api.url, ca)
        self.env["PATH"] = f"{claude.parent}:{self.env['PATH']}"
        argv = ["env", "-u", "TMUX", "TERM=xterm-256color"] if bare_terminal else []
        argv += [str(CC_GUARD), "claude"] if guarded else ["claude"]
        self.terminal = self._stack.enter_context(Terminal(argv, self.env, work, 110, 36))
        self._back = 0.0

    def __enter__(self) -> "_Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ready(self) -> None:
        self.terminal.wait_for(box_shown, 30)
        time.sleep(1.5)

    def break_api(self) -> None:
        self._api.set_fault("reset")
        self.terminal.prompt("say back again")

    def mend_api(self) -> None:
        self._api.set_fault("none")
        self._back = time.monotonic()

    def answered_after(self, patience_s: float) -> float | None:
        while time.monotonic() - self._back < patience_s:
            if ANSWER in self.terminal.screen():
                return time.monotonic() - self._back
            time.sleep(0.02)
        return None

    def incidents(self) -> list[dict[str, Any]]:
        command = [str(CC_GUARD), "incidents", "list", "--json"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


def _boxes(screen: str) -> list[str]:
    return [row for row in screen.splitlines() if row.startswith((">\xa0", "❯\xa0")) or row in (">", "❯")]


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proofs.outage", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--version", action="append", choices=VERSIONS)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--bare-terminal", action="store_true")
    options = parser.parse_args()
    versions = options.version or VERSIONS
    with ThreadPoolExecutor(len(versions)) as pool:
        runs = [pool.submit(prove, v, options.seconds, options.tls, options.bare_terminal) for v in versions]
        outcomes = [run.result() for run in runs]
    row = "{:9} {:>7} {:>9} {:>13} {:>8} {:>11} {}".format
    print(row("version", "outage", "cc-guard", "client alone", "retries", "recovery_s", "outcome"))
    for outcome in outcomes:
        incident = outcome.incidents[0] if outcome.incidents else {}
        told = (str(incident.get(key, "-")) for key in ("retries_spent", "recovery_s", "outcome"))
        delays = (_seconds(outcome.guarded_s), _seconds(outcome.stock_s))
        print(row(outcome.version, f"{outcome.seconds:.0f} s", *delays, *told))
    complaints = [f"{outcome.version}: {text}" for outcome in outcomes for text in outcome.complaints()]
    print(*complaints, sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
