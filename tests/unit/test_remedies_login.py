"""Signing in again, against a client that does what the real one was seen to do."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from cc_guard.diagnose.route import Configuration, Setting
from cc_guard.probe.route import Route
from cc_guard.remedies import proof
from cc_guard.remedies.login_run import LoginRun, Result
from cc_guard.remedies.world import World
from tests.support.remedying import Machine, commands, done, planned, world

TOKEN = "a token that nobody may read"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    async def path_is_good(_: World) -> bool:
        return True

    monkeypatch.setattr(proof, "path_is_good", path_is_good)
    found = Machine(monkeypatch, tmp_path, "claude")
    (tmp_path / "claude").mkdir()
    monkeypatch.setenv("FAKE_CLAUDE", str(tmp_path / "claude"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return found


def signed_in(machine: Machine) -> bool:
    return (machine.folder / "claude" / "signed_in").exists()


class Shown:
    """What the user sees, and answers codes with."""

    def __init__(self, machine: Machine, *codes: str) -> None:
        self.text = ""
        self.urls: list[str] = []
        self.asked = 0
        self._codes = list(codes)
        self.run = LoginRun(
            str(machine.programs / "claude"),
            os.environ,
            str(machine.folder),
            on_text=self._see,
            on_url=self.urls.append,
            on_code_wanted=self._answer,
        )

    def _see(self, text: str) -> None:
        self.text += text

    def _answer(self) -> None:
        self.asked += 1
        if self._codes:
            self.run.send_code(self._codes.pop(0))

    def finish(self, timeout_s: float = 30) -> Result:
        return asyncio.run(self.run.finish(timeout_s))


def test_with_a_code(machine: Machine) -> None:
    shown = Shown(machine, "good#code")
    assert shown.finish() == "signed_in"
    assert shown.urls == [shown.urls[0]]
    assert shown.urls[0].startswith("https://claude.ai/oauth/authorize?")
    assert shown.urls[0].endswith("user%3Aprofile")
    assert len(shown.urls[0]) > 300
    assert shown.asked == 1
    assert signed_in(machine)


def test_what_is_shown_is_plain_text(machine: Machine) -> None:
    """No control sequences: it comes to the terminal of somebody else."""
    shown = Shown(machine, "good#code")
    shown.finish()
    assert "Opening browser to sign in…" in shown.text
    assert "Login successful." in shown.text
    assert "\x1b" not in shown.text
    assert "8;;" not in shown.text
    assert TOKEN not in shown.text


def test_half_a_code_is_asked_for_again(machine: Machine) -> None:
    shown = Shown(machine, "half", " good#\ncode ")
    assert shown.finish() == "signed_in"
    assert shown.asked == 2
    assert "Copy all of it" in shown.text


def test_in_the_browser_alone(machine: Machine) -> None:
    machine.env.setenv("FAKE_LOGIN", "browser")
    shown = Shown(machine)
    assert shown.finish() == "signed_in"
    assert (shown.asked, len(shown.urls)) == (0, 1)


def test_the_code_is_refused(machine: Machine) -> None:
    shown = Shown(machine, "wrong#code")
    assert shown.finish() == "failed"
    assert "Couldn't log in" in shown.text
    assert not signed_in(machine)


def test_nobody_answers(machine: Machine) -> None:
    shown = Shown(machine)
    assert shown.finish(1.5) == "timeout"
    assert not signed_in(machine)


def test_the_user_gives_up(machine: Machine) -> None:
    shown = Shown(machine)

    async def given_up() -> Result:
        work = asyncio.create_task(shown.run.finish(30))
        while not shown.asked:
            await asyncio.sleep(0.05)
        shown.run.cancel()
        return await work

    assert asyncio.run(given_up()) == "cancelled"


@pytest.mark.parametrize("when", [0.0, 1.0])
def test_cancelled(machine: Machine, when: float) -> None:
    """Its process ends with it."""
    machine.env.setenv("FAKE_LOGIN", "silent")
    shown = Shown(machine)

    async def cancelled() -> None:
        work = asyncio.create_task(shown.run.finish(30))
        await asyncio.sleep(when)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancelled())
    child: Any = shown.run._child
    assert child is None or not child.isalive()


def test_there_is_no_client(machine: Machine) -> None:
    (machine.programs / "claude").unlink()
    assert Shown(machine).finish() == "not_started"


def test_a_code_that_came_too_late(machine: Machine) -> None:
    machine.env.setenv("FAKE_LOGIN", "browser")
    shown = Shown(machine)
    shown.run.send_code("good#code")
    assert shown.finish() == "signed_in"
    shown.run.send_code("good#code")


# Whether it is the right thing to do


def where(*tried: str, **settings: str) -> World:
    values = {name: Setting(name, "set", "environment") for name in settings}
    configuration = Configuration(values, Route("api.example.test", 443, True))
    return world(cause="auth.expired", configuration=configuration, tried=tried)


def test_nobody_is_signed_in(machine: Machine) -> None:
    answer = planned("auth.login", where())
    assert answer.status == "dry"
    assert commands(answer) == [f"{machine.programs}/claude auth login"]
    assert machine.calls() == [["claude", "auth", "status", "--json"]]


def test_the_network_comes_first(machine: Machine) -> None:
    async def path_is_good(_: World) -> bool:
        return False

    machine.env.setattr(proof, "path_is_good", path_is_good)
    assert planned("auth.login", where()).detail == "the API is not reached: a new login would fail as well"
    assert machine.calls() == []


def test_a_fresh_process_is_signed_in(machine: Machine) -> None:
    """The running one holds an old token: process.stuck looks the same."""
    (machine.folder / "claude" / "signed_in").write_text(TOKEN)
    answer = planned("auth.login", where())
    assert (answer.status, "has to be started again" in answer.detail) == ("unfit", True)


def test_a_fresh_process_did_not_help_either(machine: Machine) -> None:
    (machine.folder / "claude" / "signed_in").write_text(TOKEN)
    assert planned("auth.login", where("client.restart")).status == "dry"


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
def test_a_key_is_not_a_login(machine: Machine, name: str) -> None:
    answer = planned("auth.login", where(**{name: "x"}))
    assert (answer.status, name in answer.detail) == ("unfit", True)


def test_it_is_not_done_by_the_runner(machine: Machine) -> None:
    """The user has to see it."""
    assert done("auth.login", where()).status == "unfit"
    assert ["claude", "auth", "login"] not in machine.calls()


@pytest.mark.parametrize("split", range(1, 60, 7))
def test_sequences_that_come_in_pieces(split: int) -> None:
    text = (
        "a\x1b]8;;https://x.test/y\x07\x1b[94mhttps://x.test/y\x1b[39m\x1b]8;;\x07\r\n"
        "Paste code here if prompted > "
    )
    seen: list[str] = []
    urls: list[str] = []
    asked: list[bool] = []
    run = LoginRun("x", {}, "/", seen.append, urls.append, lambda: asked.append(True))
    run._take(text[:split])
    run._take(text[split:])
    assert "".join(seen) == "ahttps://x.test/y\nPaste code here if prompted > "
    assert (urls, asked) == (["https://x.test/y"], [True])
