"""`cc-guard restore`, and what a guard asks of the same kind."""

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cc_guard.commands import restore
from cc_guard.diagnose import facts
from cc_guard.diagnose.facts import Facts
from cc_guard.owner import Owner
from cc_guard.remedies import ask, journal
from cc_guard.remedies.journal import Entry, Owners
from cc_guard.remedies.knob import Knob
from cc_guard.remedies.place import Place
from tests.support.peers import Peer, silent
from tests.support.remedying import Dial, Machine, known_dials

CC_GUARD = Path(sys.executable).parent / "cc-guard"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    known_dials(monkeypatch)
    (tmp_path / "dial").write_text("new\n")
    return tmp_path


def dead() -> Owner:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return Owner(child.pid, Owner.current().host, "1")


def changed(folder: Path, session: Owner, knob: Knob | None = None, **other: Any) -> Entry:
    entry = journal.new(
        "a.remedy", knob or Dial(str(folder / "dial")), "old", "new", "session", Owners(session, session)
    )
    entry = dataclasses.replace(entry, **other)
    journal.write(entry)
    return entry


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = restore.main(list(words))
    return status, capsys.readouterr().out


def test_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys) == (0, "Nothing to take back: no session has left anything changed.\n")


def test_what_a_dead_session_left(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = changed(state, dead())
    status, text = run(capsys, "--json")
    found = json.loads(text)
    assert status == 0
    assert [row["id"] for row in found["restored"]] == [entry.id]
    assert set(found["restored"][0]) == {"id", "remedy", "what", "at", "outcome", "text", "command"}
    assert (found["left"], found["held"], found["unreadable"]) == ([], [], [])
    assert (state / "dial").read_text() == "old\n"
    assert run(capsys)[0] == 0


def test_for_people(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = changed(state, dead())
    _, text = run(capsys)
    assert text == f"✓ the dial: old again  [a.remedy, {_iso(entry)}]\n"


def _iso(entry: Entry) -> str:
    from cc_guard.incident.record import iso

    return iso(entry.at)


def test_what_a_living_session_has_is_left_and_said(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(state, Owner.current())
    status, text = run(capsys)
    assert (status, (state / "dial").read_text()) == (0, "new\n")
    assert text.startswith(f"· the dial is changed by a running session (process {os.getpid()})")
    assert len(journal.entries()) == 1


def test_what_can_not_be_taken_back(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(state, dead())
    (state / "dial").write_text("")
    status, text = run(capsys)
    assert status == 1
    assert "✗ the dial could not be taken back" in text
    assert "\n    /bin/sh -c" in text


def test_what_was_changed_elsewhere(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = changed(state, dead())
    journal.write(dataclasses.replace(entry, place=dataclasses.replace(Place.here(), net="net:[1]")))
    status, text = run(capsys, "--json")
    assert (status, json.loads(text)["left"][0]["outcome"]) == (1, "elsewhere")


def test_what_can_not_be_read(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(journal.folder()) / "20260101-000000-aaaa.json").write_text("{")
    status, text = run(capsys)
    assert (status, text.startswith("✗ ")) == (1, True)


def test_sudo_wants_a_password(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch, state / "machine", "sudo", "sysctl")
    machine.file("sysctls", "FAKE_SYSCTLS", {"a.b": "new"})
    monkeypatch.setenv("FAKE_SUDO", "password")
    monkeypatch.setattr(facts, "read", lambda: Facts("macos", 0, "", "arm64", 501))
    from cc_guard.remedies import registry
    from cc_guard.remedies.fixes.ports import Sysctl

    monkeypatch.setattr(registry, "knobs", lambda: {"sysctl": Sysctl})
    changed(state, dead(), Sysctl("a.b"))
    status, text = run(capsys)
    assert status == 1
    assert f"\n    sudo {machine.programs}/sysctl -w a.b=old\n" in text
    assert "run `sudo -v` here, and then cc-guard restore again" in text


@pytest.mark.parametrize("words", [["--nonsense"], ["more"]])
def test_wrong_usage(words: list[str]) -> None:
    assert restore.main(words) == 2


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--help")[0] == 0


def test_a_state_folder_that_can_not_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert restore.main([]) == 1
    assert "can't be read" in capsys.readouterr().err


def test_as_a_command(state: Path) -> None:
    done = subprocess.run([str(CC_GUARD), "restore"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout[:22]) == (0, "Nothing to take back: ")


# What a guard asks: real processes, with a knob that they know


@pytest.fixture
def mtu(state: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A device that is gone: there is nothing to take back, and that is seen by looking."""
    from cc_guard.remedies.fixes.mtu import MacosMtu

    session = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        owner = Owner.of(session.pid)
        return changed(state, owner, MacosMtu("no.such.device"), until="incident", place=Place("m", "b", "n"))
    finally:
        session.kill()
        session.wait()


def test_a_start_takes_back_what_dead_sessions_left(mtu: Entry) -> None:
    rows = asyncio.run(restore.sweep())
    assert [row["id"] for row in rows] == [mtu.id]
    assert rows[0]["outcome"] == "elsewhere"


def test_a_start_leaves_the_living_alone(state: Path) -> None:
    changed(state, Owner.current())
    assert asyncio.run(ask.sweep()) == []


def test_undo_of_a_session_by_what_it_is_for(state: Path) -> None:
    from cc_guard.remedies.fixes.mtu import MacosMtu

    knob, elsewhere = MacosMtu("x"), Place("m", "b", "n")
    kept = changed(state, Owner.current(), knob, until="session", place=elsewhere)
    short = changed(state, Owner.current(), knob, until="incident", place=elsewhere)

    async def undone() -> list[list[str]]:
        ways: list[Any] = [("incident", ()), ("session", ()), (None, ()), (None, (kept.id,))]
        return [sorted(row["id"] for row in await ask.undo(os.getpid(), until, ids)) for until, ids in ways]

    assert asyncio.run(undone()) == [[short.id], [kept.id], sorted([kept.id, short.id]), [kept.id]]


def test_what_the_guard_gets_of_a_remedy() -> None:
    answer = asyncio.run(ask.run("server.wait", {"cause": "server.error"}))
    assert (answer["status"], answer["remedy"]) == ("suggested", "server.wait")
    assert asyncio.run(ask.plan("hold.wait", {}))["status"] == "unfit"


@pytest.mark.parametrize(("id_", "request_"), [("no.such", {}), ("server.wait", {"cause": "weather"})])
def test_a_runner_that_gives_no_answer(id_: str, request_: dict[str, Any]) -> None:
    answer = asyncio.run(ask.run(id_, request_))
    assert (answer["status"], answer["detail"], answer["undo"]) == ("failed", "it gave no answer", None)


def test_all_remedies_of_this_machine() -> None:
    assert {"ports.widen", "tart.suspend"} <= {row["id"] for row in asyncio.run(ask.remedies())}


def test_no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert asyncio.run(ask.sweep()) == []
    assert asyncio.run(ask.run("server.wait", {}))["status"] == "failed"


def test_a_cancelled_run_ends_its_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    async def cancelled(peer: Peer) -> None:
        work = asyncio.create_task(ask.run("ipv6.prefer_v4", {}))
        while not peer.accepted:
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    with Peer(silent) as peer:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"https://127.0.0.1:{peer.port}")
        asyncio.run(cancelled(peer))
    end = time.monotonic() + 10
    while _runners() and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runners()


def _runners() -> list[int]:
    import psutil

    own = psutil.Process()
    return [
        child.pid for child in own.children() if child.status() != psutil.STATUS_ZOMBIE and _is_runner(child)
    ]


def _is_runner(process: Any) -> bool:
    return "cc_guard.remedies" in process.cmdline()
