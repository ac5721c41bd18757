"""Virtual machines of Tart, against a fake of it that does what its source says."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cc_guard.remedies import journal, proof, undo
from cc_guard.remedies.carry_out import Answer
from cc_guard.remedies.fixes import tart
from cc_guard.remedies.hands import Failed, Hands
from cc_guard.remedies.remedy import Plan
from cc_guard.remedies.world import World
from tests.support.remedying import Machine, commands, done, here, planned, world

pytestmark = pytest.mark.skipif(
    not os.path.isdir("/proc"), reason="the fake's machines are processes of Linux"
)


# Names of this process alone: the fakes of other tests run on the same machine.
A, B, C, CI, DEV = (f"{name}-{os.getpid()}" for name in ("a", "b", "c", "ci", "dev"))


class Tart:
    """Machines by name, each with the options of its `tart run`."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.folder = machine.folder / "tarts"
        self.folder.mkdir()
        machine.env.setenv("FAKE_TARTS", str(self.folder))

    def run(self, name: str, *options: str, **settings: str) -> psutil.Process:
        (self.folder / name).mkdir(exist_ok=True)
        for key, value in settings.items():
            (self.folder / name / key).write_text(value)
        argv = ["tart", "run", *options, name]
        process = subprocess.Popen(
            [str(self.machine.programs / "tart"), *argv[1:]], cwd=self.machine.folder, start_new_session=True
        )
        self.wait(name, "running")
        return psutil.Process(process.pid)

    def state(self, name: str) -> str:
        text = subprocess.run(
            [str(self.machine.programs / "tart"), "list", "--format", "json"], capture_output=True, check=True
        ).stdout
        return str({row["Name"]: row["State"] for row in json.loads(text)}.get(name, "gone"))

    def wait(self, name: str, state: str) -> None:
        end = time.monotonic() + 20
        while self.state(name) != state:
            assert time.monotonic() < end, self.state(name)
            time.sleep(0.02)

    def processes(self) -> list[list[str]]:
        """Of the machines that run."""
        mine = str(self.folder)
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                if words[1:2] == ["run"] and process.cwd().startswith(mine):
                    found.append(words)
            except psutil.Error:
                continue
        return found

    def end(self) -> None:
        for folder in self.folder.iterdir():
            try:
                os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
            except (OSError, ValueError):
                continue


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Tart]:
    machines = Tart(Machine(monkeypatch, tmp_path, "tart"))
    yield machines
    machines.end()


def answering(monkeypatch: pytest.MonkeyPatch, good: Any) -> None:
    """Whether a request to the API gets an answer once something is changed; before, it gets none."""

    async def path_is_good(_: World) -> bool:
        return bool(journal.entries() and good())

    monkeypatch.setattr(proof, "path_is_good", path_is_good)
    monkeypatch.setattr(tart, "_PATIENCE_S", 0.5)


def where(*names: str) -> World:
    return world(cause="vm.interference", parameters={"tart": {"names": list(names)}})


def tart_plan(where: World) -> Plan:
    plan = planned("tart.suspend", where).plan
    assert plan is not None
    return plan


def taken_back() -> list[str]:
    rows = asyncio.run(undo.all_of(journal.entries(), Hands(world().facts)))
    return [row.outcome for row in rows]


def test_the_machine_is_the_cause(fake: Tart) -> None:
    """It is suspended, the API answers, and it is started again with the words it was started with."""
    fake.run(DEV, "--suspendable", "--dir=src:/tmp/some where", "--no-graphics")
    answering(fake.machine.env, lambda: fake.state(DEV) == "suspended")
    answer = done("tart.suspend", where())
    assert (answer.status, answer.helped) == ("ok", True)
    assert fake.state(DEV) == "suspended"
    assert [row["argv"][1:] for row in answer.commands] == [["suspend", DEV]]
    assert [entry.until for entry in journal.entries()] == ["incident"]
    assert taken_back() == ["undone"]
    assert fake.state(DEV) == "running"
    wanted = ["tart", "run", "--suspendable", "--dir=src:/tmp/some where", "--no-graphics", DEV]
    assert [words[1:] for words in fake.processes()] == [wanted[1:]]
    assert journal.entries() == []


def test_a_path_that_is_good_has_nothing_to_be_tested(fake: Tart) -> None:
    """Or the first machine would be found guilty."""
    fake.run(DEV, "--suspendable")

    async def path_is_good(_: World) -> bool:
        return True

    fake.machine.env.setattr(proof, "path_is_good", path_is_good)
    answer = done("tart.suspend", where())
    assert (answer.status, answer.detail, answer.commands) == ("unfit", "the API answers without it", [])
    assert fake.state(DEV) == "running"


def test_short_of_memory_it_is_the_doctor_who_tells(fake: Tart) -> None:
    """The API may answer all the while."""
    fake.run(DEV, "--suspendable")
    looked = world(cause="memory.pressure")
    assert tart_plan(looked).proof == "doctor"
    assert tart_plan(where()).proof == "path"


def test_the_machine_is_not_the_cause(fake: Tart) -> None:
    fake.run(DEV, "--suspendable")
    answering(fake.machine.env, lambda: False)
    answer = done("tart.suspend", where())
    assert (answer.status, answer.undo) == ("failed", None)
    assert answer.detail == f"the virtual machine {DEV}: it changed nothing, taken back"
    assert fake.state(DEV) == "running"
    assert journal.entries() == []


def test_one_after_the_other(fake: Tart) -> None:
    for name in (A, B, C):
        fake.run(name, "--suspendable")
    answering(fake.machine.env, lambda: fake.state(B) == "suspended")
    assert done("tart.suspend", where()).status == "ok"
    assert [fake.state(name) for name in (A, B, C)] == ["running", "suspended", "running"]


def test_only_those_that_can_be_suspended(fake: Tart) -> None:
    """`tart suspend` would end the other one."""
    fake.run(DEV, "--suspendable")
    fake.run(CI)
    answering(fake.machine.env, lambda: fake.state(DEV) == "suspended")
    done("tart.suspend", where())
    assert (fake.state(DEV), fake.state(CI)) == ("suspended", "running")
    assert ["tart", "suspend", CI] not in fake.machine.calls("tart")


def test_none_can_be_suspended(fake: Tart) -> None:
    fake.run(CI)
    answer = done("tart.suspend", where())
    assert (answer.status, answer.detail) == (
        "unfit",
        f"{CI} runs without --suspendable: a suspend would end it",
    )
    assert fake.state(CI) == "running"


def test_only_those_that_the_profile_names(fake: Tart) -> None:
    fake.run(DEV, "--suspendable")
    fake.run(CI, "--suspendable")
    answering(fake.machine.env, lambda: False)
    done("tart.suspend", where(CI))
    suspends = [row[2] for row in fake.machine.calls("tart") if row[1] == "suspend"]
    assert suspends == [CI]
    answer = planned("tart.suspend", where("another"))
    assert (answer.status, answer.detail) == ("unfit", "none of those that the profile names runs")


def test_nothing_runs(fake: Tart) -> None:
    (fake.folder / DEV).mkdir()
    assert planned("tart.suspend", where()).detail == "no virtual machine of Tart is running"
    assert planned("tart.stop", where()).detail == "no virtual machine of Tart is running"


def test_no_tart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Machine(monkeypatch, tmp_path)
    assert planned("tart.suspend", where()).status == "unfit"


def test_saving_takes_its_time(fake: Tart) -> None:
    """`tart suspend` does not wait for it."""
    fake.run(DEV, "--suspendable", saves_s="1")
    answering(fake.machine.env, lambda: fake.state(DEV) == "suspended")
    answer = done("tart.suspend", where())
    assert answer.status == "ok"
    assert answer.commands[0]["seconds"] < 1


def test_undone_while_it_is_still_being_saved(fake: Tart, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner died right after `tart suspend`: the machine still runs, and is about to be suspended."""
    fake.run(DEV, "--suspendable", saves_s="1")
    (knob, _), *_ = asyncio.run(tart._machines(where()))
    entry = journal.new("tart.suspend", knob, "running", "suspended", "incident", here())
    journal.write(entry)
    subprocess.run([str(fake.machine.programs / "tart"), "suspend", DEV], check=True)
    assert fake.state(DEV) == "running"
    assert taken_back() == ["undone"]
    assert fake.state(DEV) == "running"
    time.sleep(1.5)
    assert fake.state(DEV) == "running"


def test_it_ends_instead_of_being_saved(fake: Tart) -> None:
    """Where saving does not work although --suspendable was given, the machine is lost: it starts again."""
    fake.run(DEV, "--suspendable", unsupported="yes")
    answering(fake.machine.env, lambda: True)
    answer = done("tart.suspend", where())
    assert (answer.status, answer.undo) == ("failed", None)
    assert "is stopped and not suspended" in answer.detail
    assert fake.state(DEV) == "running"


def test_the_user_has_started_it_again(fake: Tart) -> None:
    fake.run(DEV, "--suspendable")
    answering(fake.machine.env, lambda: fake.state(DEV) == "suspended")
    done("tart.suspend", where())
    fake.machine.env.setattr(tart.Machine, "settles_s", 0.0)
    fake.run(DEV, "--suspendable", "--no-audio")
    assert taken_back() == ["nothing"]
    assert len(fake.processes()) == 1


def test_the_user_has_deleted_it(fake: Tart) -> None:
    fake.run(DEV, "--suspendable")
    answering(fake.machine.env, lambda: fake.state(DEV) == "suspended")
    done("tart.suspend", where())
    for path in (fake.folder / DEV).iterdir():
        path.unlink()
    (fake.folder / DEV).rmdir()
    assert taken_back() == ["nothing"]
    assert journal.entries() == []


def test_the_user_has_stopped_it(fake: Tart) -> None:
    """`tart stop` on a suspended machine removes what was saved: that is not for us to bring back."""
    fake.run(DEV, "--suspendable")
    answering(fake.machine.env, lambda: fake.state(DEV) == "suspended")
    done("tart.suspend", where())
    (fake.folder / DEV / "saved").unlink()
    assert taken_back() == ["nothing"]
    assert fake.state(DEV) == "stopped"


@pytest.mark.parametrize("does", ["fail", "hang"])
def test_tart_suspend_itself_fails(fake: Tart, does: str) -> None:
    fake.run(DEV, "--suspendable")
    fake.machine.does(tart_suspend=does)
    fake.machine.env.setattr(tart.Machine, "settles_s", 0.5)
    fake.machine.env.setattr(tart, "_SUSPEND_CALL_S", 1.0)
    answer = done("tart.suspend", where())
    assert (answer.status, answer.undo) == ("failed", None)
    assert fake.state(DEV) == "running"
    assert journal.entries() == []


def test_tart_run_fails(fake: Tart) -> None:
    """Then the entry is kept, and the user gets the command."""
    fake.run(DEV, "--suspendable")
    answering(fake.machine.env, lambda: fake.state(DEV) == "suspended")
    done("tart.suspend", where())
    fake.machine.does(tart_run="fail")
    rows = asyncio.run(undo.all_of(journal.entries(), Hands(world().facts)))
    assert rows[0].outcome == "failed"
    assert "tart run: tart: something went wrong" in rows[0].text
    assert rows[0].command == f"{fake.machine.programs}/tart run --suspendable {DEV}"
    fake.machine.env.delenv("FAKE_DOES")
    assert taken_back() == ["undone"]


def test_tart_does_not_answer_any_more(fake: Tart) -> None:
    fake.run(DEV, "--suspendable")
    answering(fake.machine.env, lambda: fake.state(DEV) == "suspended")
    done("tart.suspend", where())
    fake.machine.env.setattr(tart, "_LIST_TIMEOUT_S", 0.05)
    fake.machine.does(tart_list="hang")
    assert taken_back() == ["failed"]
    assert len(journal.entries()) == 1


# tart.stop


def test_a_machine_is_asked_to_shut_down(fake: Tart) -> None:
    process = fake.run(CI, shuts_s="0.3")
    answering(fake.machine.env, lambda: fake.state(CI) == "stopped")
    assert commands(planned("tart.stop", where())) == [f"kill -USR2 {process.pid}"]
    answer = done("tart.stop", where())
    assert answer.status == "ok"
    assert taken_back() == ["undone"]
    assert fake.state(CI) == "running"
    assert not [row for row in fake.machine.calls("tart") if row[1] in ("stop", "suspend")]


def test_never_without_a_yes(fake: Tart) -> None:
    fake.run(CI)
    answer: Answer = done("tart.stop", where(), consent=False)
    assert answer.status == "refused"
    assert fake.state(CI) == "running"


def test_a_guest_that_asks_its_user_first(fake: Tart) -> None:
    """macOS guests show a dialog: whoever is to answer it may be away."""
    fake.run(CI, shuts_s="never")
    fake.machine.env.setattr(tart, "_SHUT_DOWN_S", 0.5)
    fake.machine.env.setattr(tart.Machine, "settles_s", 0.5)
    answer = done("tart.stop", where())
    assert (answer.status, "was not stopped within" in answer.detail) == ("failed", True)
    assert fake.state(CI) == "running"
    assert journal.entries() == []


def test_what_can_be_suspended_is_not_stopped(fake: Tart) -> None:
    fake.run(DEV, "--suspendable")
    assert planned("tart.stop", where()).detail == "what runs can be suspended instead"


def test_started_again_without_suspendable(fake: Tart) -> None:
    """Between the look and the suspend, by somebody else."""
    process = fake.run(DEV, "--suspendable")
    (knob, able), *_ = asyncio.run(tart._machines(where()))
    assert able
    process.kill()
    fake.wait(DEV, "stopped")
    fake.run(DEV)
    with pytest.raises(Failed, match="was not started with --suspendable"):
        asyncio.run(knob.write(Hands(world().facts), "suspended"))
    assert fake.state(DEV) == "running"
    assert not [row for row in fake.machine.calls("tart") if row[1] == "suspend"]
