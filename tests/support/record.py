"""Records what the real client puts on a terminal in known situations.

    python -m tests.support.record VERSION [SCENARIO…] [--size 120x40] [--out FOLDER] [--answers]

For each scenario (all of them without a name) FOLDER gets, under VERSION-SCENARIO-COLSxROWS:
`.cast` (asciicast v2 with markers for what happened outside), `.jsonl` (the client's transcript) and
`.api.jsonl` (what reached the API; `t` on the clock of the recording).
`--answers` replies to the client's terminal queries as libghostty does; else they stay unanswered.
"""

import argparse
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.standin.api import StandIn
from tests.support.client import box_shown, client_home, installed
from tests.support.recorder import Recorder

OLD_ROW = "API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)"
NEW_ROW = "API error · retrying in 9s · attempt 5/10"
_ATTEMPT_SHOWN = {"1.0.120": "attempt 4/", "2.0.60": "attempt 4/"}


@dataclass
class Stage:
    version: str
    api: StandIn
    screen: Recorder

    def fault(self, fault: str) -> None:
        self.api.set_fault(fault)
        self.screen.mark(f"api {fault}")

    def signal(self, sign: signal.Signals) -> None:
        os.killpg(self.screen.pid, sign)
        self.screen.mark(sign.name)

    def ready(self) -> None:
        """The input box is there and the client has settled."""
        if not self.screen.watch(30, lambda: box_shown(self.screen.screen())):
            raise TimeoutError(f"no input box:\n{self.screen.screen()}")
        self.screen.watch(3)

    def answered(self, text: str, seconds: float = 20) -> None:
        self.screen.watch(
            seconds,
            lambda: any(
                row.lstrip("●⏺ ") == text for row in self.screen.screen().splitlines() if row[:1] in "●⏺"
            ),
        )
        self.screen.watch(4)


def idle(stage: Stage) -> None:
    stage.screen.watch(5)


def text(stage: Stage) -> None:
    stage.screen.prompt("say the quick brown fox")
    stage.answered("the quick brown fox")


def long(stage: Stage) -> None:
    stage.screen.prompt("long 40")
    stage.screen.watch(12)


def bash(stage: Stage) -> None:
    stage.screen.prompt("run for i in 1 2 3; do echo line $i; sleep 1; done")
    stage.answered("The command is done.")


def outage(stage: Stage) -> None:
    """Through attempts 1 to 6 (waits of about 0.5, 1, 2, 4, 9, 19 s), then the API is back."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.screen.watch(30)
    stage.fault("none")
    stage.answered("back again", 60)


def given_up(stage: Stage) -> None:
    stage.fault("reset")
    stage.screen.prompt("say never")
    stage.screen.watch(20)


def _status(code: int) -> Callable[[Stage], None]:
    def scenario(stage: Stage) -> None:
        stage.fault(f"status:{code}")
        stage.screen.prompt("say never")
        stage.screen.watch(20)

    return scenario


def _retry(code: int) -> Callable[[Stage], None]:
    """Through attempts 1 to 5, then the API is back."""

    def scenario(stage: Stage) -> None:
        stage.fault(f"status:{code}")
        stage.screen.prompt("say back again")
        stage.screen.watch(14)
        stage.fault("none")
        stage.answered("back again", 60)

    return scenario


def quote_old(stage: Stage) -> None:
    stage.screen.prompt(f"say {OLD_ROW}")
    stage.screen.watch(8)


def quote_new(stage: Stage) -> None:
    stage.screen.prompt(f"say {NEW_ROW}")
    stage.screen.watch(8)


def quote_bash(stage: Stage) -> None:
    stage.screen.prompt(f"run for i in 1 2 3; do echo '{OLD_ROW}'; echo '✻ {NEW_ROW}'; sleep 1; done")
    stage.answered("The command is done.")


def counting(stage: Stage) -> None:
    """Numbers that count in the output of a tool, as another client's would, and red as that one's."""
    row = OLD_ROW.replace("4", "%d")
    command = f"printf '\\033[31m{row}\\033[m\\n' $i $i; sleep 1"
    stage.screen.prompt(f"run for i in 1 2 3 4 5 6 7 8 9; do {command}; done")
    stage.answered("The command is done.")


def after_tool(stage: Stage) -> None:
    """The request with a tool's result fails: retry rows below the tool's output."""
    stage.screen.prompt("run echo one; sleep 4; echo two")
    stage.screen.watch(2)
    stage.fault("reset")
    stage.screen.wait_for("attempt 5/", 60)
    stage.screen.watch(1)
    stage.fault("none")
    stage.answered("The command is done.", 60)


def queued(stage: Stage) -> None:
    """The user sends another message while the client retries."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.screen.wait_for(_ATTEMPT_SHOWN.get(stage.version, "attempt 3/"), 30)
    stage.screen.prompt("say second")
    stage.screen.wait_for("attempt 5/", 60)
    stage.screen.watch(1)
    stage.fault("none")
    stage.answered("second", 60)


def hold(stage: Stage) -> None:
    """Stopped in the wait before the next attempt, for longer than that wait."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.screen.wait_for(_ATTEMPT_SHOWN.get(stage.version, "attempt 3/"), 30)
    stage.screen.watch(0.5)
    stage.signal(signal.SIGSTOP)
    stage.screen.watch(18)
    stage.fault("none")
    stage.screen.watch(2)
    stage.signal(signal.SIGCONT)
    stage.answered("back again", 60)


def hold_short(stage: Stage) -> None:
    """Stopped for a shorter time than the wait before the next attempt."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.screen.wait_for("attempt 5/", 40)
    stage.screen.watch(0.5)
    stage.signal(signal.SIGSTOP)
    stage.screen.watch(2)
    stage.fault("none")
    stage.screen.watch(1)
    stage.signal(signal.SIGCONT)
    stage.answered("back again", 60)


def permission(stage: Stage) -> None:
    stage.screen.prompt("run touch made-by-claude")
    stage.screen.watch(10)


SCENARIOS: dict[str, Callable[[Stage], None]] = {
    "outage": outage,
    "given-up": given_up,
    "hold": hold,
    "idle": idle,
    "text": text,
    "long": long,
    "bash": bash,
    "permission": permission,
    "quote-old": quote_old,
    "quote-new": quote_new,
    "quote-bash": quote_bash,
    "hold-short": hold_short,
    "counting": counting,
    "after-tool": after_tool,
    "queued": queued,
}
SCENARIOS |= {f"status-{code}": _status(code) for code in (503, 529, 401, 429, 400)}
SCENARIOS |= {f"retry-{code}": _retry(code) for code in (503, 529, 401, 429)}

_TWO_RETRIES = {"given-up", "status-503", "status-529", "status-401", "status-429", "status-400"}


def record(
    version: str, name: str, cols: int, rows: int, out: Path, answers: bool, extra: dict[str, str]
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="capture-"))
    cwd = folder / "work"
    cwd.mkdir()
    argv = [str(installed(version))]
    if name != "permission":
        argv += ["--allowedTools", "Bash"]
    stem = f"{version}-{name}-{cols}x{rows}"
    with StandIn() as api:
        env = client_home(folder, version, cwd, api.url)
        env |= extra
        if name in _TWO_RETRIES:
            env["CLAUDE_CODE_MAX_RETRIES"] = "2"
        with Recorder(argv, env, cwd, cols, rows, answers) as screen:
            stage = Stage(version, api, screen)
            stage.ready()
            SCENARIOS[name](stage)
            screen.save(out / f"{stem}.cast")
            start = screen.start
        with (out / f"{stem}.api.jsonl").open("w") as file:
            for request in api.log:
                agent = request.headers.get("user-agent", "")
                row = {"t": round(request.t - start, 3), "method": request.method, "path": request.path}
                row |= {
                    "fault": request.fault,
                    "status": request.status,
                    "prompt": request.prompt,
                    "agent": agent,
                }
                file.write(json.dumps(row) + "\n")
    transcripts = [
        path for path in folder.glob("home/.claude/projects/*/*.jsonl") if not path.name.startswith("agent-")
    ]
    if transcripts:
        shutil.copy(max(transcripts, key=lambda path: path.stat().st_size), out / f"{stem}.jsonl")
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.record")
    parser.add_argument("version")
    parser.add_argument("scenario", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--out", type=Path, default=Path("/tmp/captures"))
    parser.add_argument("--answers", action="store_true")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    extra = dict(pair.split("=", 1) for pair in options.env)
    cols, rows = map(int, options.size.split("x"))
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.scenario:
        record(options.version, name, cols, rows, options.out, options.answers, extra)
        print(options.version, name, flush=True)


if __name__ == "__main__":
    main()
