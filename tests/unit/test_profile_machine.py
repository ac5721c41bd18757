"""The facts themselves, on this machine and on made-up ones; and that none can keep anybody waiting."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cc_guard.diagnose import facts, processes
from cc_guard.diagnose.facts import Facts, System
from cc_guard.diagnose.probes import wsl
from cc_guard.diagnose.processes import Process
from cc_guard.profile.machine import Unknown, Wanted, architecture, look
from tests.fakes.looking import only, script


def be(
    monkeypatch: pytest.MonkeyPatch,
    system: System = "linux",
    wsl: int = 0,
    container: str = "",
    arch: str = "",
) -> None:
    monkeypatch.setattr(facts, "read", lambda: Facts(system, wsl, container, arch, 1000))


def test_this_machine() -> None:
    here = look(Wanted(frozenset({"sh", "no-such-command"}), processes=True, wsl_network=True))
    assert here.os == ("macos" if sys.platform == "darwin" else "linux")
    assert here.arch == architecture(os.uname().machine)
    assert here.commands == {"sh": True, "no-such-command": False}
    assert isinstance(here.processes, frozenset)
    assert any(name.startswith("python") or name == "pytest" for name in here.processes)


def test_what_nobody_asks_for_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(known: Facts) -> None:
        raise AssertionError

    be(monkeypatch, wsl=2)
    monkeypatch.setattr(processes, "table", refused)
    monkeypatch.setattr(wsl, "PROBES", ())
    here = look(Wanted())
    assert (here.commands, here.processes, here.wsl_network) == ({}, frozenset(), "")


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("aarch64", "arm64"),
        ("arm64", "arm64"),
        ("AMD64", "x86_64"),
        ("x86_64", "x86_64"),
        ("riscv64", "riscv64"),
    ],
)
def test_one_architecture_has_one_name(monkeypatch: pytest.MonkeyPatch, said: str, known: str) -> None:
    be(monkeypatch, arch=said)
    assert look(Wanted()).arch == known


def test_a_system_that_does_not_say_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, arch="")
    assert look(Wanted()).arch == Unknown("the system does not say")


@pytest.mark.parametrize(("said", "kind"), [("wsl", ""), ("docker", "docker"), ("lxc", "lxc"), ("", "")])
def test_wsl_with_systemd_is_no_container(monkeypatch: pytest.MonkeyPatch, said: str, kind: str) -> None:
    be(monkeypatch, wsl=2, container=said)
    assert look(Wanted()).container == kind


# WSL's networking mode, by the fake of wslinfo


@pytest.mark.parametrize("mode", ["nat", "mirrored", "virtioproxy", "none"])
def test_the_networking_mode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str) -> None:
    only(monkeypatch, tmp_path / "bin", "wslinfo")
    be(monkeypatch, wsl=2)
    monkeypatch.setattr(wsl, "_names", lambda: ["eth0", "lo"])
    monkeypatch.setenv("FAKE_WSLINFO", mode)
    assert look(Wanted(wsl_network=True), 20).wsl_network == mode


def test_an_old_wsl_without_known_interfaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path / "bin", "wslinfo")
    be(monkeypatch, wsl=2)
    monkeypatch.setattr(wsl, "_names", lambda: ["lo", "wlan0"])
    monkeypatch.setenv("FAKE_WSLINFO", "fail")
    assert look(Wanted(wsl_network=True), 20).wsl_network == Unknown(
        "neither wslinfo nor the interfaces tell"
    )


def test_wsl_1_has_no_networking_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, wsl=1)
    assert look(Wanted(wsl_network=True)).wsl_network == ""


# Processes, by the fake of macOS' ps


def test_processes_of_macos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path / "bin", "ps")
    be(monkeypatch, "macos")
    lines = "    1     0  12000 /sbin/launchd\\n  501     1  9000 /opt/homebrew/bin/tart run sonoma\\n"
    monkeypatch.setenv("FAKE_PS", lines)
    assert look(Wanted(processes=True), 20).processes == frozenset({"launchd", "tart"})


def test_processes_that_can_not_be_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path / "bin")
    be(monkeypatch, "macos")
    assert look(Wanted(processes=True), 20).processes == Unknown("the processes can't be listed")


def test_a_process_counts_by_its_name_and_by_its_first_word(monkeypatch: pytest.MonkeyPatch) -> None:
    async def table(known: Facts) -> list[Process]:
        long = ("/usr/bin/a-very-long-daemon-name", "--x")
        return [Process(1, 0, "a-very-long-dae", long, 1.0), Process(2, 0, "kthreadd", (), 0.0)]

    monkeypatch.setattr(processes, "table", table)
    expected = frozenset({"a-very-long-dae", "a-very-long-daemon-name", "kthreadd"})
    assert look(Wanted(processes=True)).processes == expected


# Never late, never an exception


def test_a_folder_of_the_path_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Facts, "has", lambda self, command: time.sleep(30))
    started = time.monotonic()
    here = look(Wanted(frozenset({"tart"}), processes=True), deadline_s=0.5)
    assert time.monotonic() - started < 5
    assert here.commands == Unknown("no answer within 0.5 s")
    assert here.os in ("linux", "macos")


def test_what_still_hangs_keeps_no_process_alive() -> None:
    program = (
        "import time\n"
        "from cc_guard.diagnose.facts import Facts\n"
        "from cc_guard.profile.machine import Wanted, look\n"
        "Facts.has = lambda self, command: time.sleep(60)\n"
        "print(look(Wanted(frozenset({'tart'})), 0.1).commands)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "Unknown(why='no answer within 0.1 s')\n"


def test_the_facts_that_answer_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(known: Facts) -> None:
        time.sleep(30)

    monkeypatch.setattr(processes, "table", hangs)
    here = look(Wanted(frozenset({"sh"}), processes=True), deadline_s=2)
    assert here.commands == {"sh": True}
    assert here.processes == Unknown("no answer within 2 s")


def test_a_tool_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "wslinfo", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    be(monkeypatch, wsl=2)
    monkeypatch.setattr(wsl, "_names", lambda: ["lo"])
    started = time.monotonic()
    assert isinstance(look(Wanted(wsl_network=True)).wsl_network, Unknown)
    assert time.monotonic() - started < 10


def test_what_fails_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Facts, command: str) -> bool:
        raise PermissionError("not yours")

    monkeypatch.setattr(Facts, "has", fails)
    assert look(Wanted(frozenset({"tart"}))).commands == Unknown("PermissionError: not yours")
