"""Taking changes back: what is ours, and nothing else."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cc_guard.diagnose.facts import Facts
from cc_guard.owner import Owner
from cc_guard.remedies import journal, lock, undo
from cc_guard.remedies.hands import Hands
from cc_guard.remedies.journal import Entry, Owners
from cc_guard.remedies.place import Place
from cc_guard.remedies.remedy import Step
from cc_guard.remedies.undo import Undone
from tests.support.remedying import Dial, LastingDial, LateDial, here, known_dials

FACTS = Facts("linux", 0, "", "x86_64", 1000)


@pytest.fixture
def dial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(undo, "_LOCK_WAIT_S", 1.0)
    known_dials(monkeypatch)
    path = tmp_path / "dial"
    path.write_text("new\n")
    return path


def opened(knob: Dial, was: str = "old", to: str = "new") -> Entry:
    entry = journal.new("a.remedy", knob, was, to, "session", here())
    journal.write(entry)
    return entry


def back(entry: Entry) -> Undone:
    return asyncio.run(undo.take_back(entry, Hands(FACTS)))


def test_it_is_as_it_was_and_forgotten(dial: Path) -> None:
    result = back(opened(Dial(str(dial))))
    assert (result.outcome, result.text) == ("undone", "the dial: old again")
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


def test_twice_is_no_error(dial: Path) -> None:
    entry = opened(Dial(str(dial)))
    back(entry)
    again = back(entry)
    assert (again.outcome, again.text) == ("nothing", "the dial: taken back already")
    assert dial.read_text() == "old\n"


def test_what_somebody_else_has_set_stays(dial: Path) -> None:
    entry = opened(Dial(str(dial)))
    dial.write_text("theirs\n")
    result = back(entry)
    assert (result.outcome, result.text) == ("nothing", "the dial: now theirs: left alone")
    assert dial.read_text() == "theirs\n"
    assert journal.entries() == []


def test_a_change_that_was_never_made(dial: Path) -> None:
    entry = opened(Dial(str(dial)))
    dial.write_text("old\n")
    assert back(entry).text == "the dial: as it was"
    assert journal.entries() == []


def test_what_is_not_there_any_more(dial: Path) -> None:
    entry = opened(Dial(str(dial)))
    dial.unlink()
    assert back(entry).text == "the dial: no longer there"
    assert journal.entries() == []


def test_what_can_not_be_told_is_kept(dial: Path) -> None:
    entry = opened(Dial(str(dial)))
    dial.write_text("")
    result = back(entry)
    assert (result.outcome, result.text) == (
        "failed",
        "the dial could not be taken back: its state can't be told now",
    )
    assert result.command.startswith("/bin/sh -c")
    assert journal.entries() == [entry]


def test_a_command_that_fails_is_kept_and_told(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = opened(Dial(str(dial)))
    # Its folder is gone while the command runs: as root, permissions would not do.
    monkeypatch.setattr(Dial, "steps", lambda self, value: (Step(("/bin/false",)),))
    result = back(entry)
    assert (result.outcome, result.command) == ("failed", "/bin/false")
    assert "false failed: status 1" in result.text
    assert journal.entries() == [entry]


def test_a_command_that_does_nothing_is_noticed(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = opened(Dial(str(dial)))
    monkeypatch.setattr(Dial, "steps", lambda self, value: (Step(("/bin/true",)),))
    assert "it is new and not old" in back(entry).text
    assert journal.entries() == [entry]


# Places


def moved(entry: Entry, **place: str) -> Entry:
    entry = dataclasses.replace(entry, place=dataclasses.replace(entry.place, **place))
    journal.write(entry)
    return entry


def test_another_network_namespace_is_left_alone(dial: Path) -> None:
    entry = moved(opened(Dial(str(dial))), net="net:[1] 0001")
    result = back(entry)
    assert (result.outcome, result.command) == ("elsewhere", "cc-guard restore")
    assert dial.read_text() == "new\n"
    assert journal.entries() == [entry]


def test_another_network_namespace_is_forgotten_after_a_week(dial: Path) -> None:
    entry = dataclasses.replace(opened(Dial(str(dial))), at=time.time() - 8 * 86400)
    assert back(moved(entry, net="net:[1] 0001")).outcome == "nothing"
    assert dial.read_text() == "new\n"
    assert journal.entries() == []


def test_gone_with_a_restart(dial: Path) -> None:
    entry = moved(opened(Dial(str(dial))), boot="another start")
    assert back(entry).text == "the dial: gone with the restart of this machine"
    assert dial.read_text() == "new\n"
    assert journal.entries() == []


def test_what_outlives_a_restart_is_taken_back(dial: Path) -> None:
    entry = moved(opened(LastingDial(str(dial))), boot="another start", net="net:[1] 0001")
    assert back(entry).outcome == "undone"
    assert dial.read_text() == "old\n"


def test_another_machine_with_the_same_home(dial: Path) -> None:
    entry = moved(opened(LastingDial(str(dial))), boot="another start", machine="another machine")
    result = back(entry)
    assert (result.outcome, "another machine" in result.text) == ("elsewhere", True)
    assert dial.read_text() == "new\n"


# Several changes of one thing


def test_the_last_session_brings_the_first_value_back(dial: Path) -> None:
    first = opened(Dial(str(dial)), "1500", "1350")
    dial.write_text("1280\n")
    second = opened(Dial(str(dial)), "1350", "1280")
    result = back(first)
    assert (result.outcome, dial.read_text()) == ("nothing", "1280\n")
    assert "another session" in result.text
    assert back(second).outcome == "undone"
    assert dial.read_text() == "1500\n"
    assert journal.entries() == []


def test_the_second_session_ends_first(dial: Path) -> None:
    first = opened(Dial(str(dial)), "1500", "1350")
    dial.write_text("1280\n")
    second = opened(Dial(str(dial)), "1350", "1280")
    assert back(second).outcome == "nothing"
    assert dial.read_text() == "1280\n"
    assert back(first).outcome == "undone"
    assert dial.read_text() == "1500\n"


def test_both_are_dead(dial: Path) -> None:
    for was, to in (("1500", "1350"), ("1350", "1280")):
        dial.write_text(f"{to}\n")
        opened(Dial(str(dial)), was, to)
    results = asyncio.run(undo.all_of(journal.entries(), Hands(FACTS)))
    assert [one.outcome for one in results] == ["nothing", "undone"]
    assert dial.read_text() == "1500\n"
    assert journal.entries() == []


# What is still under way


def test_a_change_that_is_still_coming(dial: Path) -> None:
    """As a virtual machine that is being saved: as it was is not the end of it."""
    dial.write_text("old\n")
    entry = opened(LateDial(str(dial)))
    subprocess.Popen(["/bin/sh", "-c", f"sleep 0.7; echo new > {dial}"])
    assert back(entry).outcome == "undone"
    time.sleep(1)
    assert dial.read_text() == "old\n"


def test_one_that_will_not_come_any_more(dial: Path) -> None:
    dial.write_text("old\n")
    entry = dataclasses.replace(opened(LateDial(str(dial))), at=time.time() - 60)
    journal.write(entry)
    started = time.monotonic()
    assert back(entry).text == "the dial: as it was"
    assert time.monotonic() - started < 2


_HOLDS = """
import asyncio, sys, time
from cc_guard.remedies import lock
async def main():
    held = await lock.take(sys.argv[1], sys.argv[2], 5)
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", sys.argv[3], stdin=held.descriptor,
                                                   start_new_session=True)
    held.lent_to(process.pid)
    print(process.pid, flush=True)
    await process.wait()
asyncio.run(main())
"""


def holder(key: str, command: str) -> tuple[subprocess.Popen[str], int]:
    """A process that has the lock, and lent it to a command."""
    argv = [sys.executable, "-c", _HOLDS, journal.folder(), key, command]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_the_command_of_a_dead_runner_is_waited_for(dial: Path) -> None:
    """It was killed, its command was not, and changes the value only now."""
    dial.write_text("old\n")
    entry = opened(Dial(str(dial)))
    process, _ = holder(entry.key, f"sleep 0.7; echo new > {dial}")
    process.kill()
    process.wait()
    result = asyncio.run(_patient(entry))
    assert (result.outcome, dial.read_text()) == ("undone", "old\n")


async def _patient(entry: Entry) -> Undone:
    undo._LOCK_WAIT_S = 10.0
    return await undo.take_back(entry, Hands(FACTS))


def test_the_hanging_command_of_a_dead_runner_is_ended(dial: Path) -> None:
    entry = opened(Dial(str(dial)))
    process, pid = holder(entry.key, "sleep 60 < /dev/stdin & sleep 60")
    process.kill()
    process.wait()
    result = asyncio.run(_patient(entry))
    assert (result.outcome, dial.read_text()) == ("undone", "old\n")
    assert Owner.of(pid).started == ""


def test_the_command_of_a_living_runner_is_left_alone(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_LEFT_S", 0.2)
    entry = opened(Dial(str(dial)))
    process, pid = holder(entry.key, "sleep 60")
    try:
        result = back(entry)
        assert result.outcome == "failed"
        assert f"process {pid}" in result.text
        assert Owner.of(pid).started
        assert dial.read_text() == "new\n"
        assert journal.entries() == [entry]
    finally:
        os.killpg(pid, signal.SIGKILL)
        process.kill()
        process.wait()


def test_a_lock_is_free_after_its_holder(dial: Path) -> None:
    async def twice() -> None:
        for _ in range(2):
            (await lock.take(journal.folder(), "key", 0.1)).release()
        held = await lock.take(journal.folder(), "key", 0.1)
        other = await lock.take(journal.folder(), "another key", 0.1)
        with pytest.raises(lock.Busy, match=f"process {os.getpid()}"):
            await lock.take(journal.folder(), "key", 0.1)
        held.release()
        other.release()

    asyncio.run(twice())


_UNDOES = """
import asyncio
from cc_guard.diagnose.facts import Facts
from cc_guard.remedies import journal, registry, undo
from cc_guard.remedies.hands import Hands
from tests.support.remedying import Dial
registry.knobs = lambda: {Dial.kind: Dial}
for done in asyncio.run(undo.all_of(journal.entries(), Hands(Facts("linux", 0, "", "", 0)))):
    print(done.outcome)
"""


def test_many_at_once(dial: Path) -> None:
    """Each change is taken back once, whoever does it."""
    paths = [dial.with_name(f"dial-{number}") for number in range(4)]
    for path in paths:
        path.write_text("new\n")
        opened(Dial(str(path), "0.1"))
    argv = [sys.executable, "-c", _UNDOES]
    processes = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    outcomes = [line for process in processes for line in process.communicate(timeout=60)[0].split()]
    assert sorted(outcomes).count("undone") == 4
    assert set(outcomes) <= {"undone", "nothing"}
    assert [path.read_text() for path in paths] == ["old\n"] * 4
    assert journal.entries() == []


def test_owners_of_the_runner() -> None:
    assert Owners(Owner.current(), Owner.of(os.getppid())).live


def test_places_differ_in_each_part() -> None:
    assert len({Place("a", "b", "c"), Place("x", "b", "c"), Place("a", "x", "c"), Place("a", "b", "x")}) == 4
