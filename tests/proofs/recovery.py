"""A client that has given up, and what cc-guard does for it: real clients, real terminals, a loopback API.

    python -m tests.proofs.recovery [--version V]… [--only NAME]… [--repeat N] [--long]

Printed for each: the actions of the incident, its outcome, how long after the API was back the client's next
request came, and what is wrong, if anything. The exit status is 1 when something is.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from tests.standin.api import StandIn
from tests.standin.request import Request
from tests.support.client import VERSIONS, box_shown, client_home, installed, sign_in
from tests.support.terminal import Terminal

CC_GUARD = Path(sys.executable).parent / "cc-guard"
NUDGE_WITHIN_S = 3.0
RESTART_WITHIN_S = 6.0
HANDS_OFF_S = 9.0  # three times what a nudge may take


class Session:
    """A guarded client that gives up after its first retry."""

    def __init__(
        self,
        version: str,
        *options: str,
        allow: str = "",
        made: "Callable[[Session], Path] | None" = None,
    ) -> None:
        """`made`: changes the environment, and says in which folder `claude` is."""
        self.version = version
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        self.work = folder / "work"
        self.work.mkdir()
        self.api = self._stack.enter_context(StandIn())
        self.env = client_home(folder, version, self.work, self.api.url)
        programs = installed(version).parent if made is None else made(self)
        self.env |= {"PATH": f"{programs}:{self.env['PATH']}", "CLAUDE_CODE_MAX_RETRIES": "1"}
        tools = ["--allowedTools", allow] if allow else []
        argv = [str(CC_GUARD), *options, "claude", *tools]
        self.terminal = self._stack.enter_context(Terminal(argv, self.env, self.work, 110, 36))
        self.mended_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ready(self) -> None:
        self.terminal.wait_for(box_shown, 40)
        time.sleep(2.0)

    def say(self, prompt: str, answer: str) -> None:
        self.terminal.prompt(prompt)
        self.terminal.wait_for(answer, 30)
        time.sleep(1.0)

    def fail(self, prompt: str = "say back again") -> None:
        """A prompt that ends in a final failure."""
        self.terminal.prompt(prompt)
        self.given_up()

    def given_up(self) -> None:
        self.until(
            lambda: (
                bool(self.incidents())
                and any(
                    symptom["phase"] == "failed" and symptom["confirmed"]
                    for symptom in self.incidents()[0]["symptoms"]
                )
            ),
            60,
            "the client did not give up",
        )

    def another(self, count: int) -> None:
        self.until(lambda: len(self.incidents()) == count, 30, "no incident")

    def mend(self) -> None:
        self.api.set_fault("none")
        self.mended_at = time.time()

    def until(self, condition: Callable[[], bool], patience_s: float, complaint: str) -> None:
        end = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{complaint}:\n{self.terminal.screen()}")
            time.sleep(0.1)

    def asked(self, prompt: str) -> list[Request]:
        """The requests of the conversation whose last words are the prompt, that were answered."""
        return [r for r in self.api.log if r.conversation and r.prompt == prompt and not r.fault]

    def incidents(self) -> list[dict[str, Any]]:
        command = [str(CC_GUARD), "incidents", "list", "--json"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def answer(self, *words: str, given: str = "") -> str:
        """What `cc-guard answer` says from another window."""
        command = [str(CC_GUARD), "answer", *words]
        done = subprocess.run(command, env=self.env, input=given, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def ended(self, patience_s: float = 30.0) -> dict[str, Any]:
        self.until(lambda: self.incidents()[0]["outcome"] != "open", patience_s, "the incident is still open")
        return self.incidents()[0]

    def clients(self) -> list[int]:
        """The processes of the client that run under the terminal."""
        import psutil

        folder = str(installed(self.version).parents[2])
        found = []
        for process in psutil.Process(self.terminal.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                # Node builds give their process the name.
                if process.exe().startswith(folder) or process.cmdline()[:1] == ["claude"]:
                    found.append(process.pid)
        assert found, "no client runs"
        return found


@dataclass
class Outcome:
    name: str
    version: str
    actions: list[str] = field(default_factory=list)
    outcome: str = "-"
    after_s: float | None = None
    complaints: list[str] = field(default_factory=list)

    @property
    def done(self) -> list[str]:
        return [action for action in self.actions if not action.endswith(":suggested")]

    def expect(self, good: bool, complaint: str) -> None:
        if not good:
            self.complaints.append(complaint)

    def tell(self, incident: dict[str, Any]) -> None:
        self.actions = [f"{a['remedy']}:{a['status']}" for a in incident["actions"]]
        self.outcome = incident["outcome"]


def nudge(version: str, found: Outcome) -> None:
    """The failure is final before the network is back: the client is told to go on."""
    with Session(version) as session:
        session.ready()
        session.api.set_fault("reset")
        session.fail()
        time.sleep(3.0)
        session.mend()
        request = session.api.wait_for(lambda r: r.conversation and not r.fault, 20, session.mended_at)
        found.after_s = request.t - session.mended_at
        incident = session.ended()
        found.tell(incident)
        found.expect(len(session.asked("continue")) == 1, f"{len(session.asked('continue'))} nudges")
        found.expect(found.done == ["client.nudge:ok"], "other actions")
        found.expect(found.outcome == "recovered", "not recovered")
        found.expect((incident["recovery_s"] or 99) <= NUDGE_WITHIN_S, f"recovery_s {incident['recovery_s']}")


def sticky(version: str, found: Outcome) -> None:
    """Resets go on for the old process: it is started anew, with its session."""
    with Session(version) as session:
        session.ready()
        session.say("say first words", "● first words")
        old = session.clients()
        session.api.set_fault("reset,old=yes")
        session.mended_at = time.time()
        session.fail()
        incident = session.ended(60)
        found.tell(incident)
        answered = [r for r in session.api.log if r.conversation and not r.fault and r.t > session.mended_at]
        found.expect(bool(answered), "no request of the new process")
        found.expect("client.restart:ok" in found.actions, "not started anew")
        found.expect(found.outcome == "recovered", "not recovered")
        found.expect(not set(old) & set(session.clients()), "the old process is still there")
        said = json.dumps(answered[-1].body["messages"]) if answered else ""
        found.expect("say first words" in said and "first words" in said, "the conversation is lost")
        found.expect(session.terminal.screen().count("● first words") == 1, "the picture is not whole")


def login(version: str, found: Outcome) -> None:
    """401 until there is a new process: a stale token in memory looks like an expired login."""
    with Session(version) as session:
        session.ready()
        session.say("say first words", "● first words")
        session.api.set_fault("status:401,old=yes")
        session.fail()
        incident = session.ended(60)
        found.tell(incident)
        gave_up = _time(incident["symptoms"][-1]["t"])
        answered = [r.t for r in session.api.log if r.conversation and not r.fault and r.t > gave_up]
        found.after_s = answered[0] - gave_up if answered else None
        found.expect((found.after_s or 99) <= RESTART_WITHIN_S, "too late")
        found.expect(found.done[:1] == ["client.restart:ok"], "not started anew first")
        found.expect(found.outcome == "recovered", "not recovered")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def again(version: str, found: Outcome) -> None:
    """Two restarts in one session. (At a resume 1.0.120 begins, at times, a second file, which the next one
    does not find: it keeps what was said before the first.)"""
    with Session(version) as session:
        session.ready()
        session.say("say first words", "● first words")
        for count, prompt in enumerate(("say back again", "say once more"), 1):
            session.api.set_fault("status:401,old=yes")
            session.terminal.prompt(prompt)
            session.another(count)
            incident = session.ended(60)
            time.sleep(1.0)
        session.api.set_fault("none")
        session.say("say last words", "● last words")
        found.tell(incident)
        found.expect(found.outcome == "recovered", "not recovered")
        said = json.dumps(session.asked("say last words")[-1].body["messages"])
        kept = [words in said for words in ("say first words", "say back again", "say once more")]
        if version.startswith("1."):
            kept = kept[:1]
        found.expect(all(kept), f"the conversation is not whole: {kept}")


def relogin(version: str, found: Outcome) -> None:
    """401 for every process until somebody signs in: it is asked, done beside the session, and gone on with.
    `claude auth` is a fake here (signing in needs the vendor's server); the rest is the real client."""
    with Session(version, made=signed_in) as session:
        session.ready()
        session.say("say first words", "● first words")
        session.api.set_fault("status:401")
        session.terminal.prompt("say back again")
        session.until(lambda: "auth.login" in session.answer("--json"), 90, "no question")
        session.until(lambda: "auth login" in session.answer(), 30, "the command is not shown")
        session.answer("yes")
        session.until(lambda: "https://claude.ai/" in session.answer(), 30, "the page is not shown")
        session.answer("--code", given="made-up#code")
        session.until(lambda: (session.work / "signed-in").exists(), 30, "the code did not arrive")
        session.mend()
        incident = session.ended(60)
        found.tell(incident)
        found.expect("auth.login:ok" in found.actions, "not signed in")
        found.expect(found.outcome == "recovered", "not recovered")
        found.expect("made-up#code" not in json.dumps(incident), "the code is in the history")


def signed_in(session: Session) -> Path:
    """A client with an account, and a `claude` before it whose `auth` is a fake; its folder."""
    home = Path(session.env["HOME"])
    known = (home / ".claude.json").read_text()
    sign_in(home)
    (home / ".claude.json").write_text(known)
    del session.env["ANTHROPIC_API_KEY"]
    real = installed(session.version)
    folder = session.work.parent / "claude"
    folder.mkdir()
    (folder / "package.json").write_text(
        json.dumps({"name": "@anthropic-ai/claude-code", "version": session.version})
    )
    marker = session.work / "signed-in"
    fake = f"""#!/bin/sh
case "$1 $2" in
"auth status")
    [ -e {marker} ] && echo '{{"loggedIn": true}}' && exit
    echo '{{"loggedIn": false}}'
    exit 1 ;;
"auth login")
    echo "Opening browser to sign in"
    echo "If it does not open, visit: https://claude.ai/oauth/authorize?code=true"
    printf 'Paste code here if prompted > '
    read -r code && [ "$code" = "made-up#code" ] && touch {marker} ;;
*) exec {real} "$@" ;;
esac
"""
    (folder / "claude").write_text(fake)
    (folder / "claude").chmod(0o755)
    return folder


def _hands_off(session: Session, found: Outcome, pids: list[int]) -> None:
    """Nothing is typed and nothing killed, however good the path is."""
    session.mend()
    time.sleep(HANDS_OFF_S)
    found.expect(not session.asked("continue"), "told to go on")
    found.expect(session.clients() == pids, "the process is another one")
    incidents = session.incidents()
    if incidents:
        found.tell(incidents[0])
    typed = [a for a in found.actions if a.startswith(("client.nudge:ok", "client.restart:ok"))]
    found.expect(not typed, "acted")


def draft(version: str, found: Outcome) -> None:
    """The user has begun to write."""
    with Session(version) as session:
        session.ready()
        pids = session.clients()
        session.api.set_fault("reset")
        session.fail()
        session.terminal.type("half a thought")
        _hands_off(session, found, pids)
        found.expect("half a thought" in session.terminal.screen(), "the draft is gone")
        found.expect("half a thoughtcontinue" not in session.terminal.screen(), "typed into the draft")


def menu(version: str, found: Outcome) -> None:
    """A picker is open."""
    with Session(version) as session:
        session.ready()
        pids = session.clients()
        session.api.set_fault("reset")
        session.fail()
        session.terminal.type("/model")
        time.sleep(1.0)
        session.terminal.key("Enter")
        time.sleep(1.0)
        before = session.terminal.screen()
        _hands_off(session, found, pids)
        found.expect(session.terminal.screen() == before, "the menu has changed")


def permission(version: str, found: Outcome) -> None:
    """The client asks whether it may."""
    with Session(version) as session:
        session.ready()
        pids = session.clients()
        session.terminal.prompt("run touch proof")
        session.terminal.wait_for("1. Yes", 30)
        session.api.set_fault("reset")
        time.sleep(3.0)
        before = session.terminal.screen()
        _hands_off(session, found, pids)
        found.expect(session.terminal.screen() == before, "the question has changed")
        found.expect(not (session.work / "proof").exists(), "answered")


def tool(version: str, found: Outcome) -> None:
    """A tool runs."""
    with Session(version, allow="Bash") as session:
        session.ready()
        pids = session.clients()
        session.terminal.prompt("run sleep 20; echo done")
        session.until(lambda: "sleep 20" in session.terminal.screen(), 20, "no tool")
        time.sleep(2.0)
        session.api.set_fault("reset")
        time.sleep(3.0)
        _hands_off(session, found, pids)


def background(version: str, found: Outcome) -> None:
    """A command runs in the background, and resets go on for the old process: a new one would end the
    command."""
    with Session(version, allow="Bash") as session:
        session.ready()
        call = {"command": "sleep 300", "description": "Wait", "run_in_background": True}
        session.terminal.prompt(f"call Bash {json.dumps(call)}")
        session.terminal.wait_for("The command is done.", 30)
        pids = session.clients()
        session.api.set_fault("reset,old=yes")
        session.fail()
        time.sleep(HANDS_OFF_S * 2)
        found.tell(session.incidents()[0])
        found.expect(session.clients() == pids, "the process is another one")
        found.expect("client.restart:ok" not in found.actions, "started anew")


def stash(version: str, found: Outcome) -> None:
    """The user has put a draft aside, which only the old process has."""
    with Session(version) as session:
        session.ready()
        session.say("say first words", "● first words")
        pids = session.clients()
        session.api.set_fault("status:401,old=yes")
        session.terminal.prompt("say back again")
        session.terminal.type("half a thought")
        for _ in range(8):  # fingers that never rest, until the failure is final
            time.sleep(1.0)
            session.terminal.type(".")
        session.terminal.key("C-s")
        time.sleep(1.0)
        found.expect("tashed" in session.terminal.screen(), "nothing is stashed")
        time.sleep(HANDS_OFF_S)
        found.tell(session.incidents()[0])
        found.expect(session.clients() == pids, "the process is another one")


def streaming(version: str, found: Outcome) -> None:
    """An answer streams while other connections are reset."""
    with Session(version) as session:
        session.ready()
        pids = session.clients()
        session.terminal.prompt("long 60")
        session.terminal.wait_for("part ", 30)
        session.api.set_fault("status:503,limit=1")
        _hands_off(session, found, pids)


def observed(version: str, found: Outcome) -> None:
    """`--observe` records and does nothing."""
    with Session(version, "--observe") as session:
        session.ready()
        pids = session.clients()
        session.api.set_fault("reset")
        session.fail()
        _hands_off(session, found, pids)
        found.expect(found.done == [], "acted")
        found.expect(found.outcome == "failed", f"outcome {found.outcome}")


def overloaded(version: str, found: Outcome) -> None:
    """529 for two minutes: waited out, one nudge."""
    with Session(version) as session:
        session.ready()
        session.api.set_fault("status:529")
        session.fail()
        time.sleep(110)
        found.expect(not session.asked("continue"), "told to go on too early")
        session.mend()
        incident = session.ended(120)
        found.tell(incident)
        found.expect(found.done == ["client.nudge:ok"], "other actions")
        found.expect(found.outcome == "recovered", "not recovered")


SHORT = (
    *(nudge, sticky, login, again, relogin, observed),
    *(draft, stash, menu, permission, tool, background, streaming),
)
LONG = (overloaded,)


def play(scenario: Callable[[str, Outcome], None], version: str) -> Outcome:
    found = Outcome(scenario.__name__, version)
    try:
        scenario(version, found)
    except (TimeoutError, RuntimeError) as error:
        found.complaints.append(str(error))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proofs.recovery", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--version", action="append", help=f"any from npm (default: {', '.join(VERSIONS)})")
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--long", action="store_true", help="also those that take minutes")
    options = parser.parse_args()
    chosen = [
        s for s in (*SHORT, *(LONG if options.long else ())) if s.__name__ in (options.only or [s.__name__])
    ]
    bad = 0
    row = "{:12} {:9} {:11} {:>6}  {}".format
    print(row("scenario", "version", "outcome", "after", "actions"))
    for _ in range(options.repeat):
        for scenario in chosen:
            for version in options.version or VERSIONS:
                found = play(scenario, version)
                after = "" if found.after_s is None else f"{found.after_s:.1f} s"
                print(
                    row(found.name, version, found.outcome, after, ", ".join(found.actions) or "none"),
                    flush=True,
                )
                for complaint in found.complaints:
                    bad += 1
                    print(f"    WRONG: {complaint}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
