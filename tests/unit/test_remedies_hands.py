"""Commands are run with exact arguments, a deadline and no password."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from cc_guard.diagnose.facts import Facts
from cc_guard.remedies import hands
from cc_guard.remedies.hands import Done, Failed, Hands, Refused, Unclear, found, program
from cc_guard.remedies.remedy import Step, Unfit
from tests.support.remedying import Machine

USER = Facts("linux", 0, "", "x86_64", 1000)
ROOT = Facts("linux", 0, "", "x86_64", 0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path, "sudo", "chronyc", "dscacheutil")


def do(step: Step, facts: Facts = USER) -> Done:
    return asyncio.run(Hands(facts).do(step))


def step(machine: Machine, root: bool = True, deadline_s: float = 20.0) -> Step:
    return Step((str(machine.programs / "chronyc"), "makestep"), root=root, deadline_s=deadline_s)


def test_a_command_of_the_user(machine: Machine) -> None:
    done = do(step(machine, root=False))
    assert (done.status, done.output) == (0, "200 OK")
    assert machine.calls() == [["chronyc", "makestep"]]


def test_root_is_asked_for_by_sudo_with_the_exact_words(machine: Machine) -> None:
    done = do(step(machine))
    sudo = str(machine.programs / "sudo")
    chronyc = str(machine.programs / "chronyc")
    assert done.argv == (sudo, "-n", "--", chronyc, "makestep")
    assert machine.calls() == [["sudo", "-n", "--", chronyc, "makestep"], ["chronyc", "makestep"]]


def test_root_needs_no_sudo(machine: Machine) -> None:
    do(step(machine), ROOT)
    assert machine.calls() == [["chronyc", "makestep"]]


@pytest.mark.parametrize("said", ["password", "rs", "sudoers", "denied"])
def test_sudo_refuses(machine: Machine, said: str) -> None:
    """What the user reads has the command, and nothing else was run."""
    machine.env.setenv("FAKE_SUDO", said)
    with pytest.raises(Refused) as refused:
        do(step(machine))
    assert f"To do it yourself: sudo {machine.programs}/chronyc makestep" in str(refused.value)
    assert machine.calls("chronyc") == []


def test_a_command_that_fails_by_sudo_is_no_refusal(machine: Machine) -> None:
    machine.does(chronyc="fail")
    with pytest.raises(Failed, match="chronyc failed: chronyc: something went wrong"):
        do(step(machine))


def test_there_is_no_sudo(machine: Machine) -> None:
    (machine.programs / "sudo").unlink()
    with pytest.raises(Refused, match=r"no sudo here\.\nAs root: /.*/chronyc makestep$"):
        do(step(machine))


@pytest.mark.parametrize("does", ["sudo", "chronyc"])
def test_what_hangs_is_ended(machine: Machine, does: str) -> None:
    machine.does(**{does: "hang"})
    started = time.monotonic()
    with pytest.raises(Unclear, match="did not end within 1 s"):
        do(step(machine, deadline_s=1.0))
    assert time.monotonic() - started < 10


def test_children_end_with_the_deadline(machine: Machine, tmp_path: Path) -> None:
    code = f"sleep 30 & echo $! > {tmp_path}/child; wait"
    with pytest.raises(Unclear):
        do(Step(("/bin/sh", "-c", code), deadline_s=0.5))
    pid = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    pytest.fail("it still runs")


def test_it_is_not_there(machine: Machine) -> None:
    with pytest.raises(Failed, match="nothing failed"):
        do(Step(("/nowhere/nothing",)))


def test_output_is_bounded_and_without_secrets(machine: Machine) -> None:
    code = (
        "echo 'Authorization: Bearer sk-ant-api03-0123456789abcdef'; printf '\\033[31mred\\n'; "
        "head -c 900000 /dev/zero | tr '\\0' x"
    )
    machine.env.setenv("PATH", os.defpath)
    done = do(Step(("/bin/sh", "-c", code)))
    assert len(done.output) < 5000
    assert "0123456789abcdef" not in done.output
    assert "\033" not in done.output
    assert "red" in done.output


def test_a_secret_in_an_argument_is_not_kept(machine: Machine) -> None:
    done = do(Step(("/bin/sh", "-c", "true", "https://user:hunter22@proxy.example.test")))
    assert "hunter22" not in str(done.to_json())


def test_input_is_empty(machine: Machine) -> None:
    assert do(Step(("/bin/sh", "-c", "cat; echo end"))).output == "end"


def test_output_in_another_code_page(machine: Machine) -> None:
    done = do(Step(("/bin/sh", "-c", r"printf 'Der DNS-Aufl\224sungscache wurde geleert.\r\n'")))
    assert done.output == "Der DNS-Auflösungscache wurde geleert."


def test_root_runs_nothing_from_the_users_path(machine: Machine, tmp_path: Path) -> None:
    """A folder that only the user trusts."""
    machine.env.setattr(hands, "SYSTEM", ["/usr/bin", "/bin"])
    assert found("chronyc") == str(machine.programs / "chronyc")
    assert found("chronyc", root=True) == ""
    with pytest.raises(Unfit, match="there is no chronyc here"):
        program("chronyc", root=True)


def test_relative_folders_of_the_path_do_not_count(machine: Machine) -> None:
    machine.env.setattr(hands, "SYSTEM", ["/usr/bin"])
    machine.env.setenv("PATH", "bin:.")
    machine.env.chdir(machine.folder)
    assert found("chronyc") == ""


def test_what_a_person_would_type() -> None:
    assert Step(("/sbin/sysctl", "-w", "a=1 2"), root=True).command == "sudo /sbin/sysctl -w 'a=1 2'"
    assert Step(("netsh", "int", "%X%"), where="Windows").command == "netsh int %X%"
