"""Ctrl-Z, fg, bg and kill, as a shell's user knows them."""

import os
import shutil
import signal
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.relay.clients import READY, SUSPENDS
from tests.relay.conftest import Open
from tests.relay.harness import CC_GUARD, Attributes, Outer, gone, guarded, python, stopped

PROMPT = b"<PROMPT>"


class Shell:
    """An interactive shell, and in its foreground cc-guard with a client that knows Ctrl-Z."""

    def __init__(self, outer: Outer, program: Path, number: int, wrapped: bool = True) -> None:
        self.outer = outer
        outer.type(f"PS1='{PROMPT.decode()}'\r".encode())
        outer.wait_for(PROMPT + b"'")
        self.prompt()
        self.at_prompt = self.attributes()
        program.write_text(f"#!{sys.executable} -IS\n{SUSPENDS}")
        program.chmod(0o755)
        self.command(f"{CC_GUARD} -- ./client {number} 7" if wrapped else f"./client {number} 7")
        outer.wait_for(READY + b"<40 120 960 800>")

    def prompt(self) -> None:
        self.outer.wait_for(PROMPT)
        if hasattr(self, "at_prompt"):
            self.outer.until(lambda: self.attributes() == self.at_prompt, "not as before")
        else:
            self.outer.pump(0.1)  # a line editor changes them

    def attributes(self) -> Attributes:
        return self.outer.attributes()

    def command(self, line: str) -> None:
        """Without the echo of the line."""
        self.outer.type(line.encode() + b"\r")
        self.outer.wait_for(b"\n")

    def suspend(self) -> None:
        self.outer.type(b"\x1a")
        self.outer.wait_for(b"<SUSPENDED>")
        self.outer.wait_for(b"Stopped")
        self.prompt()

    def foreground(self, size: bytes = b"<40 120 960 800>") -> None:
        self.command("fg")
        self.outer.wait_for(b"<BACK>" + size)
        self.outer.until(lambda: self.outer.raw, "not raw")
        self.key(b"x")

    def key(self, key: bytes) -> None:
        self.outer.type(key)
        self.outer.wait_for(b"[" + key + b"]")

    def quit(self) -> None:
        self.outer.type(b"q")
        self.prompt()
        self.command("echo st$((0))=$?")
        self.outer.wait_for(b"st0=7")
        self.prompt()


# With a line editor, whose terminal has attributes of its own, and without.
BASH = ["bash", "--norc", "--noprofile", "-i"]
SHELLS = {"bash": BASH, "sh": ["dash", "-i"] if shutil.which("dash") else [*BASH[:-1], "--noediting", "-i"]}


@pytest.fixture(params=[*SHELLS])
def shell(request: pytest.FixtureRequest, open_outer: Open, tmp_path: Path) -> Shell:
    return Shell(open_outer(SHELLS[request.param]), tmp_path / "client", signal.SIGTSTP)


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
@pytest.mark.parametrize("name", [*SHELLS])
def test_ctrl_z_and_fg_twice(name: str, number: int, open_outer: Open, tmp_path: Path) -> None:
    """Newer clients stop their group by SIGTSTP, older ones themselves by SIGSTOP."""
    shell = Shell(open_outer(SHELLS[name]), tmp_path / "client", number)
    shell.key(b"a")
    shell.suspend()
    shell.command("echo typed-$((1+1))")
    shell.outer.wait_for(b"typed-2")
    shell.foreground()
    shell.suspend()
    shell.foreground()
    shell.quit()


def test_the_terminal_is_restored_while_stopped(open_outer: Open, tmp_path: Path) -> None:
    shell = Shell(open_outer(SHELLS["sh"]), tmp_path / "client", signal.SIGTSTP)
    assert shell.outer.raw
    shell.suspend()
    assert shell.outer.restored
    shell.foreground()
    shell.quit()
    assert shell.outer.restored


def test_the_size_changes_while_stopped(shell: Shell) -> None:
    shell.suspend()
    shell.outer.resize(30, 100, 1000, 900)
    shell.foreground(b"<30 100 1000 900>")
    shell.quit()


def test_bg_and_fg(shell: Shell) -> None:
    """In the background it stops again when it wants the terminal, as any full-screen program."""
    shell.suspend()
    shell.command("bg")
    shell.prompt()
    relay = shell.outer.relay()
    shell.outer.until(lambda: stopped(relay), "not stopped again")
    shell.foreground()
    shell.quit()


def test_kill_while_stopped(shell: Shell) -> None:
    """The client ends in the background, and the terminal stays the shell's."""
    relay = shell.outer.relay()
    shell.suspend()
    shell.command("kill %1; kill -CONT %1")  # the second half goes without saying in bash
    shell.outer.wait_for(b"<TERM>")
    shell.outer.until(lambda: gone(relay), "not ended")
    assert shell.attributes() == shell.at_prompt
    assert b"<BACK>" not in shell.outer.output


def test_kill_while_stopped_and_continued_once_more(open_outer: Open, tmp_path: Path) -> None:
    """What has been told to end does not stop for the terminal any more."""
    shell = Shell(open_outer(SHELLS["bash"]), tmp_path / "client", signal.SIGTSTP)
    relay = shell.outer.relay()
    shell.suspend()
    shell.command("kill %1; for n in 1 2 3 4 5 6 7 8; do kill -CONT %1; sleep 0.02; done")
    shell.outer.wait_for(b"<TERM>")
    shell.outer.until(lambda: gone(relay), "not ended", 5.0)
    shell.prompt()


def test_kill_9_while_stopped(shell: Shell) -> None:
    shell.suspend()
    shell.outer.relay().kill()
    shell.outer.until(lambda: len(shell.outer.processes()) == 1, "more than the shell remains")
    assert shell.attributes() == shell.at_prompt


def test_the_window_is_closed_while_stopped(shell: Shell, state: Callable[[str], Path]) -> None:
    shell.suspend()
    shell.outer.hang_up()
    shell.outer.nothing_remains()
    assert not state("relay.log").exists()


def test_sigtstp_from_outside(shell: Shell) -> None:
    shell.outer.relay().send_signal(signal.SIGTSTP)
    shell.outer.wait_for(b"Stopped")
    shell.prompt()
    shell.command("fg")
    shell.outer.until(lambda: shell.outer.raw, "not raw")
    shell.key(b"x")
    shell.quit()


def test_sigstop_for_the_relay(open_outer: Open, tmp_path: Path) -> None:
    """Nobody can put the terminal right first; but after fg it is as the client needs it."""
    shell = Shell(open_outer(SHELLS["bash"]), tmp_path / "client", signal.SIGTSTP)
    shell.outer.relay().suspend()
    shell.outer.wait_for(b"Stopped")
    shell.outer.wait_for(PROMPT)
    shell.command("fg")
    shell.outer.until(lambda: shell.outer.raw, "not raw")
    shell.key(b"x")
    shell.quit()


def test_started_in_the_background(open_outer: Open, tmp_path: Path) -> None:
    outer = open_outer(SHELLS["bash"])
    (tmp_path / "client").write_text(f"#!{sys.executable} -IS\n{SUSPENDS}")
    (tmp_path / "client").chmod(0o755)
    outer.type(f"{CC_GUARD} -- ./client 20 0 &\r".encode())
    outer.until(lambda: len(outer.processes()) == 2, "not started")
    outer.until(lambda: stopped(outer.relay()), "not stopped")
    outer.type(b"fg\r")
    outer.wait_for(READY)
    outer.type(b"\x1a")
    outer.wait_for(b"Stopped")


def test_without_a_shell_a_stop_is_undone(open_outer: Open) -> None:
    """Nobody could continue it: as for any program in an orphaned process group, Ctrl-Z does nothing."""
    outer = open_outer(guarded(python(SUSPENDS, str(signal.SIGSTOP), "7")))
    outer.wait_for(READY)
    for _ in range(2):
        outer.type(b"\x1a")
        outer.wait_for(b"<SUSPENDED><BACK><40 120 960 800>")
        outer.until(lambda: outer.raw, "not raw")
    os.kill(outer.pid, signal.SIGTSTP)
    outer.type(b"x")
    outer.wait_for(b"[x]")
    outer.type(b"q")
    assert outer.wait() == 7
    assert outer.restored


def test_the_bare_client_behaves_the_same(open_outer: Open, tmp_path: Path) -> None:
    """What this file asks of cc-guard is what happens without it."""
    shell = Shell(open_outer(SHELLS["bash"]), tmp_path / "client", signal.SIGTSTP, wrapped=False)
    shell.suspend()
    assert shell.attributes()[3] & termios.ISIG
    shell.outer.resize(30, 100, 1000, 900)
    shell.foreground(b"<30 100 1000 900>")
    shell.quit()
