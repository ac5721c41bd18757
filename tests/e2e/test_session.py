"""Life under cc-guard with the real client: suspend, resize, keys while held, and deaths of our own parts."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import OpenTerminal
from tests.proofs.outage import CC_GUARD
from tests.standin.api import StandIn
from tests.support.client import box_shown
from tests.support.terminal import Terminal

pytestmark = pytest.mark.client
newest = pytest.mark.parametrize("version", ["2.1.330"], indirect=True)


def _is_guard(words: list[str]) -> bool:
    return "cc_guard.guard" in words


class Session:
    """cc-guard with the real client, started from an interactive bash."""

    def __init__(self, terminal: Terminal, env: dict[str, str], options: str = "") -> None:
        self.terminal = terminal
        self.env = env
        terminal.wait_for("$")
        terminal.type(f"cc-guard {options} claude --allowedTools Bash")
        terminal.key("Enter")
        terminal.wait_for(box_shown, 30)
        time.sleep(1.5)

    def processes(self) -> list[psutil.Process]:
        """Relay, shim, client and guard."""
        return psutil.Process(self.terminal.pid).children(recursive=True)

    def find(self, wanted: Callable[[list[str]], bool]) -> psutil.Process:
        found = self.look_for(wanted)
        assert found, self.terminal.screen()
        return found

    def look_for(self, wanted: Callable[[list[str]], bool]) -> psutil.Process | None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if wanted(process.cmdline()):
                    return process
        return None

    @property
    def client(self) -> psutil.Process:
        return self.find(lambda words: words[:1] == ["claude"] or "--session-id" in words)

    @property
    def guard(self) -> psutil.Process:
        return self.find(_is_guard)

    @property
    def relay(self) -> psutil.Process:
        return self.find(lambda words: "claude" in words and any("cc-guard" in word for word in words[:2]))

    def held(self) -> bool:
        return bool(self.client.status() == psutil.STATUS_STOPPED)

    def wait(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.terminal.screen()
            time.sleep(0.02)

    def incidents(self) -> list[dict[str, Any]]:
        done = subprocess.run(
            [CC_GUARD, "incidents", "--json"], env=self.env, capture_output=True, text=True, check=True
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@pytest.fixture
def start(
    open_terminal: OpenTerminal, claude: Path, client_env: dict[str, str], work: Path
) -> Callable[..., Session]:
    def start_session(options: str = "") -> Session:
        env = client_env | {"PATH": f"{claude.parent}:{CC_GUARD.parent}:{client_env['PATH']}", "PS1": "$ "}
        return Session(open_terminal(["bash", "--norc", "-i"], env, work), env, options)

    return start_session


def test_suspend_and_resume(start: Callable[..., Session], standin: StandIn) -> None:
    session = start()
    terminal = session.terminal
    for round_ in ("first", "second"):
        terminal.key("C-z")
        terminal.wait_for("Stopped")
        terminal.type(f"echo {round_}-shell")
        terminal.key("Enter")
        terminal.wait_for(f"\n{round_}-shell")
        terminal.type("clear; fg")
        terminal.key("Enter")
        terminal.wait_for(box_shown)
        terminal.prompt(f"say {round_} answer")
        terminal.wait_for(f"● {round_} answer")


@newest
def test_storm_of_resizes(start: Callable[..., Session]) -> None:
    session = start()
    for number in range(200):
        session.terminal.resize(80 + number % 40, 24 + number % 16)
    session.terminal.resize(91, 27)
    with open(f"/proc/{session.client.pid}/fd/0") as tty:
        session.wait(lambda: os.get_terminal_size(tty.fileno()) == (91, 27))
    session.wait(lambda: max(map(len, session.terminal.screen().splitlines())) == 91)


def test_the_release_key_ends_a_hold_and_typing_is_kept(
    start: Callable[..., Session], standin: StandIn
) -> None:
    session = start()
    standin.set_fault("reset")
    session.terminal.prompt("say back again")
    session.wait(session.held, 20)
    session.terminal.type("typed while held")
    time.sleep(1)
    assert session.held()
    assert "typed while held" not in session.terminal.screen()
    session.terminal.key("C-]")
    session.wait(lambda: not session.held(), 1)
    session.terminal.wait_for("typed while held")
    time.sleep(4)
    assert not session.held(), "hands off after the release key"
    assert session.incidents()[0]["outcome"] == "released"


@newest
def test_the_guard_dies_while_the_client_is_held(start: Callable[..., Session], standin: StandIn) -> None:
    session = start()
    standin.set_fault("reset")
    session.terminal.prompt("say back again")
    session.wait(session.held, 20)
    first = session.guard
    first.kill()
    session.wait(lambda: not session.held(), 5)
    session.wait(lambda: not first.is_running() and session.look_for(_is_guard) is not None, 5)
    # The new guard sees the retry row once the client has drawn its screen anew, and holds again.
    session.wait(session.held, 40)
    standin.set_fault("none")
    session.terminal.wait_for("● back again")
    session.terminal.prompt("say still usable")
    session.terminal.wait_for("● still usable")
    time.sleep(1)
    assert [incident["outcome"] for incident in session.incidents()] == ["recovered", "abandoned"]


@newest
@pytest.mark.parametrize("held", [False, True], ids=["idle", "held"])
def test_nothing_remains_when_the_relay_is_killed(
    start: Callable[..., Session], standin: StandIn, held: bool
) -> None:
    session = start()
    if held:
        standin.set_fault("reset")
        session.terminal.prompt("say back again")
        session.wait(session.held, 20)
    others = [process for process in session.processes() if process.pid != session.relay.pid]
    session.relay.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(others, timeout=5)[1] == []
    session.terminal.type("clear; stty -a | grep -c ' icanon'")
    session.terminal.key("Enter")
    session.terminal.wait_for(lambda screen: screen.startswith("1\n"))


@newest
def test_no_hold_while_the_path_answers(start: Callable[..., Session], standin: StandIn) -> None:
    session = start()
    standin.set_fault("status:503")
    session.terminal.prompt("say back again")
    session.terminal.wait_for("attempt 4/")
    assert not session.held()
    standin.set_fault("none")
    session.terminal.wait_for("● back again")
    time.sleep(2.5)
    incident = session.incidents()[0]
    assert (incident["kind"], incident["held_s"], incident["outcome"]) == ("server_error", 0, "recovered")
    found = {(finding["probe"], finding["state"]) for finding in incident["evidence"]}
    assert {("api.path", "pass"), ("http.api", "fail")} <= found
    assert incident["cause"] == "server.error"


@newest
@pytest.mark.parametrize("option", ["--observe", "--no-hold"])
def test_a_session_that_must_not_be_held(
    start: Callable[..., Session], standin: StandIn, option: str
) -> None:
    session = start(option)
    standin.set_fault("reset")
    session.terminal.prompt("say back again")
    session.terminal.wait_for("attempt 4/")
    assert not session.held()
    standin.set_fault("none")
    session.terminal.wait_for("● back again")
    time.sleep(2.5)
    incident = session.incidents()[0]
    done = [action for action in incident["actions"] if action["status"] != "suggested"]
    assert (incident["outcome"], done) == ("recovered", [])
    assert incident["retries_spent"] >= 4


@pytest.mark.parametrize("fault", ["status:401", "status:400"])
def test_a_failure_that_is_not_retried_is_recorded(
    start: Callable[..., Session], client_env: dict[str, str], standin: StandIn, fault: str
) -> None:
    client_env["CLAUDE_CODE_MAX_RETRIES"] = "1"
    session = start("--observe")
    standin.set_fault(fault)
    session.terminal.prompt("say never")
    session.wait(lambda: any(i["outcome"] == "failed" for i in session.incidents()), 30)
    incident = session.incidents()[0]
    assert incident["kind"] == {"status:401": "auth", "status:400": "bad_request"}[fault]
    assert len(session.incidents()) == 1
    assert incident["symptoms"][-1]["confirmed"]


def test_talk_of_errors_is_no_incident(start: Callable[..., Session]) -> None:
    session = start()
    row = "API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)"
    session.terminal.prompt(f"say {row}")
    session.wait(lambda: session.terminal.screen().count(row) == 2)
    session.terminal.prompt(f"run for i in 1 2 3; do echo '{row}'; sleep 1; done")
    session.terminal.wait_for("The command is done.")
    time.sleep(1)
    assert session.incidents() == []
