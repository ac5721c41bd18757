"""A scripted client for `claude -p`: installed where its version can be read, and the API that it asks."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cc_guard.history import History
from tests.relay.harness import CC_GUARD, environment
from tests.standin.api import StandIn

SENTENCE = "API Error: Connection error."

_HEAD = f"""\
#!{sys.executable} -IS
import json, os, select, signal, sys, time
args = sys.argv[1:]
"""

# One run for each word in the file `plan`, the last for all that follow; what it was given goes to `runs`.
_PLANNED = """
from datetime import datetime, timezone
def value(name):
    return args[args.index(name) + 1] if name in args else None
session = value("--resume") or value("--session-id") or "11111111-2222-4333-8444-555555555555"
format_ = value("--output-format") or "text"
runs = open("runs", "a+"); runs.seek(0); number = len(runs.readlines())
said = {"args": args, "stdin": os.read(0, 9).decode(), "time": time.time()}
runs.write(json.dumps(said) + "\\n"); runs.close()
words = open("plan").read().split()
word = words[min(number, len(words) - 1)]

folder = os.environ["HOME"] + "/.claude/projects/" + "".join(c if c.isalnum() else "-" for c in os.getcwd())
os.makedirs(folder, exist_ok=True)
transcript = open(f"{folder}/{session}.jsonl", "a")
def row(type_, content, **rest):
    stamp = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    model = rest.pop("model", "opus")
    message = {"role": type_, "model": model, "content": content}
    said = {"type": type_, "uuid": f"{number}-{type_}", "timestamp": stamp, "message": message, **rest}
    transcript.write(json.dumps(said) + "\\n")
    transcript.flush()
def put(found):
    print(json.dumps(found, separators=(",", ":")))
def result(text, failed):
    found = {"type": "result", "is_error": failed, "result": text, "session_id": session, "num_turns": 1}
    put(found)
def end(text, failed):
    if format_ == "stream-json":
        put({"type": "system", "subtype": "init", "run": number})
        put({"type": "assistant", "run": number, "message": {"model": "<synthetic>" if failed else "opus"}})
    if format_ == "text":
        print(text)
    else:
        result(text, failed)
    sys.stdout.flush()
    sys.exit(int(failed))

if word == "mute":
    sys.exit("Error: unknown option")
row("user", "do it")
if word == "answer":
    row("assistant", [{"type": "text", "text": "done"}])
    end("done", False)
if word == "refused":
    text = "API Error: 401 OAuth token has expired."
else:
    text = "API Error: Connection error."
if word in ("tool", "orphan"):
    row("assistant", [{"type": "tool_use", "id": "t%d" % number, "name": "Bash", "input": {}}])
if word == "tool":
    row("user", [{"type": "tool_result", "tool_use_id": "t%d" % number}])
if word != "silent":
    row("assistant", [{"type": "text", "text": text}], model="<synthetic>", isApiErrorMessage=True)
end(text, True)
"""


class Lab:
    """A folder with the client in it, the API, and cc-guard between them."""

    def __init__(self, tmp: Path, api: StandIn, code: str = _PLANNED) -> None:
        self.work = tmp / "work"
        self.work.mkdir()
        self.api = api
        self.env = environment(tmp / "home") | {"ANTHROPIC_BASE_URL": api.url}
        self.client = tmp / "claude" / "versions" / "2.1.330"
        self.client.parent.mkdir(parents=True)
        self.client.write_text(_HEAD + code)
        self.client.chmod(0o755)

    def plan(self, *words: str) -> None:
        (self.work / "plan").write_text(" ".join(words))

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The arguments and the input of each run."""
        path = self.work / "runs"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def argv(self, *args: str, options: Sequence[str] = ()) -> list[str]:
        return [CC_GUARD, *options, "--", str(self.client), *args]

    def run(
        self, *args: str, options: Sequence[str] = (), stdin: str = "", env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            self.argv(*args, options=options),
            input=stdin.encode(),
            capture_output=True,
            env=self.env | (env or {}),
            cwd=self.work,
            timeout=60,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def run_through_outage(self, *args: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Nobody answers until cc-guard has noticed."""
        self.api.set_fault("refuse")
        with self.start(*args, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(stdin.encode())
            process.stdin.close()
            process.stdin = None
            noticed = process.stderr.readline()
            time.sleep(0.6)
            self.api.set_fault("none")
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(
            process.args, process.returncode, out.decode(), (noticed + err).decode()
        )

    def start(self, *args: str, **options: Any) -> "subprocess.Popen[bytes]":
        """In a session of its own, without a terminal."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options}
        return subprocess.Popen(
            self.argv(*args),
            env=self.env,
            cwd=self.work,
            start_new_session=True,
            preexec_fn=_default_signals,
            **given,
        )

    def incidents(self) -> list[Any]:
        path = Path(self.env["XDG_STATE_HOME"]) / "cc-guard" / "history.db"
        if not path.exists():
            return []
        with History(str(path)) as history:
            return list(history.list())


def _default_signals() -> None:
    """As from a shell's prompt: what a script starts in the background ignores two of them."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
