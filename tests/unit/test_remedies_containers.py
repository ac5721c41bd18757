"""Containers, against a fake of Docker."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from cc_guard.diagnose import processes
from cc_guard.diagnose.probes import vms
from cc_guard.diagnose.processes import Process
from cc_guard.remedies import journal, proof, undo
from cc_guard.remedies.fixes import containers
from cc_guard.remedies.hands import Hands
from cc_guard.remedies.world import World
from tests.support.remedying import Machine, commands, done, here, planned, world

ID = "4e5f6a7b8c9d"


class Docker:
    def __init__(self, machine: Machine, **states: str) -> None:
        self.machine = machine
        rows = [{"id": f"{ID}{name}", "name": name, "state": state} for name, state in states.items()]
        self.path = machine.file("dockers.json", "FAKE_DOCKERS", rows)

    def state(self, name: str) -> str:
        return next(str(row["state"]) for row in json.loads(self.path.read_text()) if row["name"] == name)

    def calls(self) -> list[list[str]]:
        """What changes something, without `docker --host unix://…`."""
        return [row[3:] for row in self.machine.calls("docker") if row[3] != "inspect"]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    found = Machine(monkeypatch, tmp_path, "docker")
    socket = tmp_path / "docker.sock"
    socket.touch()
    monkeypatch.setattr(
        vms, "_DOCKER_SOCKETS", dict.fromkeys(("docker", "orbstack", "colima"), (str(socket),))
    )
    monkeypatch.setattr(containers, "_PATIENCE_S", 0.5)
    engines = [
        Process(5, 1, "dockerd", ("/usr/bin/dockerd",), 1),
        Process(6, 1, "OrbStack", ("/Applications/OrbStack.app/Contents/MacOS/OrbStack",), 1),
        Process(7, 1, "limactl", ("limactl", "hostagent", "/x/.colima/ha.pid"), 1),
    ]

    async def table(_: object) -> list[Process]:
        return engines

    monkeypatch.setattr(processes, "table", table)
    return found


def answering(machine: Machine, good: Any) -> None:
    """Whether a request to the API gets an answer once something is changed; before, it gets none."""

    async def path_is_good(_: World) -> bool:
        return bool(journal.entries() and good())

    machine.env.setattr(proof, "path_is_good", path_is_good)


def where(*names: str, engine: str = "docker") -> World:
    return world(cause="vm.interference", parameters={engine: {"names": list(names)}})


def taken_back() -> list[str]:
    rows = asyncio.run(undo.all_of(journal.entries(), Hands(world().facts)))
    return [row.outcome for row in rows]


@pytest.mark.parametrize("engine", ["docker", "orbstack", "colima"])
def test_the_container_is_the_cause(machine: Machine, engine: str) -> None:
    docker = Docker(machine, db="running", web="running")
    answering(machine, lambda: docker.state("web") == "paused")
    answer = done(f"{engine}.pause", where("db", "web", engine=engine))
    assert answer.status == "ok"
    assert (docker.state("db"), docker.state("web")) == ("running", "paused")
    assert docker.calls() == [["pause", f"{ID}db"], ["unpause", f"{ID}db"], ["pause", f"{ID}web"]]
    assert taken_back() == ["undone"]
    assert docker.state("web") == "running"
    assert journal.entries() == []


def test_it_is_not_the_cause(machine: Machine) -> None:
    docker = Docker(machine, db="running")
    answering(machine, lambda: False)
    answer = done("docker.pause", where("db"))
    assert (answer.status, answer.undo, docker.state("db")) == ("failed", None, "running")
    assert journal.entries() == []


def test_only_those_that_the_profile_names(machine: Machine) -> None:
    Docker(machine, db="running")
    answer = planned("docker.pause", where())
    assert (answer.status, answer.detail) == ("unfit", "the profile names no containers that may be paused")
    answer = planned("docker.pause", where("another"))
    assert answer.detail == "none of the containers that the profile names is running"


def test_the_exact_command(machine: Machine, tmp_path: Path) -> None:
    Docker(machine, db="running")
    told = commands(planned("docker.pause", where("db")))
    assert told == [f"{machine.programs}/docker --host unix://{tmp_path}/docker.sock pause {ID}db"]


@pytest.mark.parametrize("state", ["paused", "exited", "restarting"])
def test_one_that_does_not_run_is_left_alone(machine: Machine, state: str) -> None:
    docker = Docker(machine, db=state)
    assert planned("docker.pause", where("db")).status == "unfit"
    assert docker.calls() == []


def test_the_engine_does_not_run(machine: Machine) -> None:
    Docker(machine, db="running")

    async def table(_: object) -> list[Process]:
        return []

    machine.env.setattr(processes, "table", table)
    assert planned("docker.pause", where("db")).detail == "docker does not run"
    assert machine.calls("docker") == []


@pytest.mark.parametrize("does", ["fail", "hang"])
def test_pausing_fails(machine: Machine, does: str) -> None:
    docker = Docker(machine, db="running")
    machine.env.setattr(containers.Container, "settles_s", 0.3)
    machine.env.setattr(containers, "_PAUSE_S", 1.0)
    _does(machine, "pause", does)
    answer = done("docker.pause", where("db"))
    assert (answer.status, answer.undo, docker.state("db")) == ("failed", None, "running")
    assert journal.entries() == []


def _does(machine: Machine, verb: str, does: str) -> None:
    """The words before the verb are those of the socket."""
    sock = f"docker --host unix://{machine.folder}/docker.sock {verb}"
    machine.env.setenv("FAKE_DOES", json.dumps({sock: does}))


def test_the_engine_does_it_after_its_command_was_ended(machine: Machine) -> None:
    docker = Docker(machine, db="running")
    machine.env.setattr(containers, "_PAUSE_S", 0.5)
    machine.env.setenv("FAKE_DOCKER_LAG", "1.2")
    answer = done("docker.pause", where("db"))
    assert answer.status == "failed"
    time.sleep(1.5)  # what comes late has come
    machine.env.delenv("FAKE_DOCKER_LAG")
    taken_back()
    assert (docker.state("db"), journal.entries()) == ("running", [])
    assert ["pause", f"{ID}db"] in docker.calls()


def test_the_user_has_unpaused_it(machine: Machine) -> None:
    docker = Docker(machine, db="running")
    answering(machine, lambda: True)
    done("docker.pause", where("db"))
    rows = json.loads(docker.path.read_text())
    docker.path.write_text(json.dumps([{**row, "state": "running"} for row in rows]))
    machine.env.setattr(containers.Container, "settles_s", 0.0)
    assert taken_back() == ["nothing"]
    assert docker.calls() == [["pause", f"{ID}db"]]


def test_it_was_removed_and_another_has_its_name(machine: Machine) -> None:
    docker = Docker(machine, db="running")
    answering(machine, lambda: True)
    done("docker.pause", where("db"))
    docker.path.write_text(json.dumps([{"id": "another", "name": "db", "state": "paused"}]))
    assert taken_back() == ["nothing"]
    assert docker.state("db") == "paused"


def test_the_engine_hangs_when_it_is_to_be_taken_back(machine: Machine) -> None:
    docker = Docker(machine, db="running")
    answering(machine, lambda: True)
    done("docker.pause", where("db"))
    machine.env.setattr(containers, "_PAUSE_S", 0.5)
    _does(machine, "unpause", "hang")
    rows = asyncio.run(undo.all_of(journal.entries(), Hands(world().facts)))
    assert [row.outcome for row in rows] == ["failed"]
    assert rows[0].command.endswith(f"unpause {ID}db")
    machine.env.delenv("FAKE_DOES")
    assert taken_back() == ["undone"]
    assert docker.state("db") == "running"


def test_owners_are_of_this_session(machine: Machine) -> None:
    Docker(machine, db="running")
    answering(machine, lambda: True)
    done("docker.pause", where("db"))
    assert [entry.session for entry in journal.entries()] == [here().session]
