"""The guard as a process of its own: how it starts, and that it ends when it should."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_guard.guard.__main__ import _MISHAPS_LOGGED, _Mishaps
from cc_guard.relay import link

PATIENCE_S = 20.0
RULE = "─" * 60
RED, PLAIN = "\x1b[38;2;255;107;128m", "\x1b[m"

# Imported by Python at its start: a resolver that does not answer for a minute.
_SLOW_NAMES = """
import socket, sys, time
real = socket.getaddrinfo
def slow(host, *args, **kwargs):
    print("looking up", host, file=sys.stderr, flush=True)
    time.sleep(60)
    return real(host, *args, **kwargs)
socket.getaddrinfo = slow
"""


class Guard:
    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.log = folder / "cc-guard" / "guard.log"
        guard_reads, self.to_guard = os.pipe()
        self.from_guard, guard_writes = os.pipe()
        names = ("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cc_guard.guard", f"link={guard_reads},{guard_writes}"],
            env={name: str(folder) for name in names} | {"PATH": os.defpath} | environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(guard_reads, guard_writes),
        )
        os.close(guard_reads)
        os.close(guard_writes)

    def draw(self, text: str) -> None:
        os.write(self.to_guard, link.frame(link.OUTPUT, text.encode()))

    def hang_up(self) -> None:
        if self.to_guard >= 0:
            os.close(self.to_guard)
            self.to_guard = -1

    def logged(self, words: str) -> bool:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self.log.exists() and words in self.log.read_text():
                return True
            time.sleep(0.02)
        return False

    def close(self) -> None:
        self.hang_up()
        self.process.kill()
        self.process.wait()
        os.close(self.from_guard)


@pytest.fixture
def guards() -> Iterator[list[Guard]]:
    started: list[Guard] = []
    yield started
    for guard in started:
        guard.close()


def test_it_ends_with_its_relay(tmp_path: Path, guards: list[Guard]) -> None:
    """Also without HOME: in a container, under cron."""
    guards.append(Guard(tmp_path))
    guards[0].draw("text")
    guards[0].hang_up()
    assert guards[0].process.wait(PATIENCE_S) == 0
    assert guards[0].log.read_text() == ""
    assert not (tmp_path / "~").exists()


def test_it_ends_while_a_name_is_still_being_looked_up(tmp_path: Path, guards: list[Guard]) -> None:
    """The interpreter would wait for the thread in the resolver: half a minute with a dead nameserver."""
    (tmp_path / "sitecustomize.py").write_text(_SLOW_NAMES)
    guards.append(Guard(tmp_path, PYTHONPATH=str(tmp_path), ANTHROPIC_BASE_URL="https://api.example.test"))
    guard = guards[0]
    row = f"{RED}✻ API error · retrying in 9s · attempt 2/10{PLAIN}"
    guard.draw(f"\x1b[?2026h\x1b[2J\x1b[H❯ x\r\n\r\n{row}\r\n\r\n{RULE}\r\n❯\xa0\r\n{RULE}\x1b[?2026l")
    assert guard.logged("looking up")
    guard.hang_up()
    start = time.monotonic()
    assert guard.process.wait(PATIENCE_S) == 0
    assert time.monotonic() - start < PATIENCE_S


def test_a_link_that_makes_no_sense_ends_it(tmp_path: Path, guards: list[Guard]) -> None:
    guards.append(Guard(tmp_path))
    os.write(guards[0].to_guard, b"\xff" * 100)
    assert guards[0].process.wait(PATIENCE_S) == 0


def test_settings_that_are_wrong_are_told_to_its_log(tmp_path: Path, guards: list[Guard]) -> None:
    """The command line refuses them before any session starts; they may be changed under a running one."""
    (tmp_path / "cc-guard").mkdir()
    (tmp_path / "cc-guard" / "config.toml").write_text("nonsense = 1\n")
    guards.append(Guard(tmp_path))
    assert guards[0].process.wait(PATIENCE_S) != 0
    assert "unknown key nonsense" in guards[0].log.read_text()


def test_the_log_does_not_grow_with_the_mishaps() -> None:
    """A mistake that comes with every frame would fill the disk in a day."""

    class Loop:
        count = 0

        def default_exception_handler(self, context: dict[str, object]) -> None:
            self.count += 1

    loop, mishaps = Loop(), _Mishaps()
    for _ in range(1000):
        mishaps(loop, {"message": "again"})  # type: ignore[arg-type]
    assert loop.count == _MISHAPS_LOGGED
