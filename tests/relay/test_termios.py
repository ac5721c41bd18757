"""The terminal's attributes are the same before and after, on every way out."""

import os
import random
import signal
import stat
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.relay.clients import CTRL_C_TWICE, KEYS, READY, SLEEP
from tests.relay.conftest import Open
from tests.relay.harness import CC_GUARD, Outer, gone, guarded, patched, python


@pytest.mark.parametrize("status", [0, 7])
def test_the_client_ends(status: int, open_outer: Open) -> None:
    outer = open_outer(guarded(python(KEYS, str(status))))
    outer.wait_for(READY)
    assert outer.raw
    outer.type(b"q")
    assert outer.wait() == status
    assert outer.restored


def test_ctrl_c_twice(open_outer: Open) -> None:
    outer = open_outer(guarded(python(CTRL_C_TWICE)))
    outer.wait_for(READY)
    outer.type(b"\x03")
    outer.wait_for(b"<1>")
    assert outer.raw
    outer.type(b"\x03")
    assert outer.wait() == 0
    assert outer.restored


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_for_cc_guard(number: signal.Signals, open_outer: Open) -> None:
    outer = open_outer(guarded(python(SLEEP)))
    outer.wait_for(READY)
    os.kill(outer.pid, number)
    assert outer.wait() == -number
    assert outer.restored


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_signal_for_the_client(number: signal.Signals, open_outer: Open) -> None:
    outer = open_outer(guarded(python(SLEEP)))
    outer.wait_for(READY)
    outer.client().send_signal(number)
    assert outer.wait() == -number
    assert outer.restored


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_the_relay_dies_and_the_shim_puts_it_right(number: signal.Signals, open_outer: Open) -> None:
    outer = open_outer(guarded(python(SLEEP)))
    outer.wait_for(READY)
    assert outer.raw
    os.kill(outer.pid, number)
    assert outer.wait() == -number
    outer.until(lambda: outer.restored, "not restored")


def test_the_client_dies_and_then_the_relay_which_could_not_see_it(open_outer: Open) -> None:
    outer = open_outer(guarded(python(SLEEP)))
    outer.wait_for(READY)
    relay, client = outer.relay(), outer.client()
    relay.suspend()
    client.kill()
    outer.until(lambda: gone(client), "the client lives")
    outer.pump(0.1)
    relay.kill()
    outer.wait()
    outer.until(lambda: outer.restored, "not restored")


def test_the_shim_is_killed(open_outer: Open) -> None:
    """The kernel hangs up on the client then, as it does when a terminal is closed."""
    outer = open_outer(guarded(python(SLEEP)))
    outer.wait_for(READY)
    outer.shim().kill()
    assert outer.wait() == -signal.SIGHUP
    assert outer.restored


def test_the_relay_fails(open_outer: Open, state: Callable[[str], Path]) -> None:
    bug = """
from cc_guard.relay.loop import Relay
turn = Relay._turn
def failing(self):
    if self.bytes.tail:
        raise RuntimeError("a bug")
    turn(self)
Relay._turn = failing
"""
    outer = open_outer(patched(bug, python(SLEEP)))
    assert outer.wait() == 70
    assert outer.restored
    assert b"cc-guard failed (RuntimeError)" in outer.output
    log = state("relay.log")
    assert "a bug" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("#!/no/such/interpreter\n", 127),
        ("\0 no format that the kernel knows", 126),
    ],
)
def test_the_client_can_not_be_executed(content: str, status: int, open_outer: Open, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(content)
    program.chmod(0o755)
    outer = open_outer(guarded([str(program)]))
    assert outer.wait() == status
    assert outer.restored
    lines = outer.output.decode().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"cc-guard: {program} can't be run: ")


def test_a_signal_at_any_moment(open_outer: Open) -> None:
    """Also while cc-guard starts: before it knows the client, before it handles signals."""
    chance = random.Random(7)
    for _ in range(12):
        outer = open_outer(guarded(python(SLEEP)))
        time.sleep(chance.uniform(0, 0.09))
        os.kill(outer.pid, signal.SIGTERM)
        assert outer.wait(5) == -signal.SIGTERM
        assert outer.restored


def test_a_signal_that_comes_too_early_waits(open_outer: Open, tmp_path: Path) -> None:
    """Here the relay needs half a second before it can handle any."""
    slow = """
import time
from cc_guard.relay.loop import Relay
install = Relay.install_signals
Relay.install_signals = lambda self: (time.sleep(0.5), install(self))
"""
    client = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
open(sys.argv[1], "w").close()
time.sleep(60)
"""
    up = tmp_path / "up"
    outer = open_outer(patched(slow, python(client, str(up))))
    outer.until(up.exists, "no client")
    os.kill(outer.pid, signal.SIGTERM)
    assert outer.wait() == 143
    assert outer.restored


def test_the_relay_is_killed_at_any_moment(open_outer: Open) -> None:
    chance = random.Random(8)
    for _ in range(8):
        outer = open_outer(guarded(python(SLEEP)))
        deadline = time.monotonic() + chance.uniform(0, 0.03)
        outer.until(lambda outer=outer: outer.raw or ended(outer), "never raw")  # type: ignore[misc]
        while time.monotonic() < deadline:
            pass
        os.kill(outer.pid, signal.SIGKILL)
        outer.wait()
        outer.until(lambda outer=outer: outer.restored, "not restored")  # type: ignore[misc]


def ended(outer: Outer) -> bool:
    return outer.process.poll() is not None


def test_unusual_attributes_are_kept_and_the_client_sees_them(open_outer: Open) -> None:
    code = "import sys, termios; print(termios.tcgetattr(0)); sys.stdin.readline()"
    outer = open_outer(
        ["/bin/sh", "-c", 'stty -echo intr ^X -ixon iutf8 38400; exec "$@"', "sh", *guarded(python(code))]
    )
    outer.wait_for(b"\n")
    shown = eval(bytes(outer.output).decode())  # of our own program
    outer.before = shown
    assert shown[6][termios.VINTR] == b"\x18"
    assert not shown[3] & termios.ECHO
    outer.type(b"\n")
    assert outer.wait() == 0
    assert outer.restored


def test_a_shells_line_editor_keeps_its_attributes(open_outer: Open) -> None:
    """It has taken the terminal back by the time the shim sees that the relay was killed."""
    outer = open_outer(["bash", "--norc", "--noprofile", "-i"])
    outer.type(b"PS1='<PROMPT>'\r")
    outer.wait_for(b"<PROMPT>'")
    outer.wait_for(b"<PROMPT>")
    outer.until(lambda: not outer.attributes()[3] & termios.ICANON, "no line editor")
    at_prompt = outer.attributes()
    outer.type(" ".join([CC_GUARD, "--", sys.executable, "-c", "'import time;time.sleep(99)'\r"]).encode())
    outer.until(lambda: outer.raw and bool(outer.client()), "not started")
    relay = psutil.Process(outer.relay().pid)
    relay.kill()
    outer.wait_for(b"<PROMPT>")
    outer.until(lambda: len(outer.processes()) - len(outer.guards()) == 1, "more than the shell remains")
    assert outer.attributes() == at_prompt
