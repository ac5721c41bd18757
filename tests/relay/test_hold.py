"""A hold: the client stopped for the guard, under a lease that ends it whatever becomes of the guard."""

import hashlib
import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from cc_guard.relay import link
from cc_guard.relay.hold import LEASE_S
from cc_guard.relay.mend import _WINDOW_S
from tests.relay.clients import BEAT, COUNT, KEYS, READY, SIZES, SLEEP, STUBBORN, SUSPENDS
from tests.relay.conftest import Open
from tests.relay.harness import Outer, stopped
from tests.relay.scripted import Lobby, ScriptedGuard

CTRL_BRACKET = 0x1D
RELEASE_KEY = {
    "raw": b"\x1d",
    "kitty": b"\x1b[93;5u",
    "kitty with num lock and alternate key": b"\x1b[93:125;133u",
    "modifyOtherKeys": b"\x1b[27;5;93~",
}


class Held:
    """A session whose client has just been stopped by its guard."""

    def __init__(self, outer: Outer, guard: ScriptedGuard, client: psutil.Process) -> None:
        self.outer, self.guard, self.client = outer, guard, client

    def runs(self) -> None:
        self.outer.until(lambda: not stopped(self.client), "the client is still stopped")


@pytest.fixture
def hold(open_outer: Open, lobby: Lobby) -> Callable[..., Held]:
    def hold_(client: str = KEYS, *args: str, lease_s: float = LEASE_S) -> Held:
        outer = open_outer(lobby.client(client, *args, lease_s=lease_s))
        outer.wait_for(READY)
        guard = lobby.guard(outer)
        guard.expect("pid ")
        guard.hold()
        process = outer.client()
        outer.until(lambda: stopped(process), "not stopped")
        return Held(outer, guard, process)

    return hold_


# Start


def test_the_guard_knows_what_the_terminal_shows(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    assert guard.expect("pid ") == f"pid {outer.client().pid}"
    outer.type(b"abc")
    outer.wait_for(b"[c]")
    guard.quiet()
    assert guard.output == outer.output
    assert guard.sizes == [(40, 120, 960, 800)]
    outer.type(b"q")
    assert outer.wait() == 0
    guard.expect("exit 0")


def test_the_guard_learns_when_keys_are_pressed_and_never_which(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(SLEEP))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    before = time.monotonic()
    outer.type(b"secret")
    outer.until(lambda: bool(guard.taken().keys), "no key time")
    assert before < guard.keys[0] < time.monotonic()
    for report in (b"\x1b[I", b"\x1b[<0;3;4M", b"\x1b[?62;c", b"\x1bP>|xterm(370)\x1b\\"):
        outer.type(report)
    guard.quiet(0.3)
    assert len(guard.keys) == 1, "a report of the terminal is no key"
    assert bytes(guard.output) == READY


def test_a_held_client_is_stopped(hold: Callable[..., Held]) -> None:
    held = hold(BEAT)
    held.outer.pump(0.1)
    size = len(held.outer.output)
    held.outer.pump(0.3)
    assert len(held.outer.output) == size
    held.guard.release()
    held.guard.expect("released guard")
    held.outer.wait_for(b";")


@pytest.mark.parametrize("by", [-1, 1, 1 << 40])
def test_no_hold_when_the_guard_has_not_seen_the_last_output(by: int, open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.quiet()
    guard.ask_hold(guard.offset + by)
    guard.expect("refused")
    assert not stopped(outer.client())
    guard.hold()


def test_no_second_hold(hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.ask_hold(held.guard.offset)
    held.guard.expect("refused")
    held.guard.release()
    held.runs()


def test_no_hold_while_another_program_has_the_terminal(open_outer: Open, lobby: Lobby) -> None:
    """An editor, say: the client waits for it, and nothing there is ours to stop."""
    code = """
import os, signal, sys, time
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    os.write(1, b"<READY>")
    sys.stdin.readline()
    os._exit(0)
os.wait()
os.tcsetpgrp(0, os.getpid())
os.write(1, b"<MINE>")
time.sleep(60)
"""
    outer = open_outer(lobby.client(code))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.quiet()
    guard.ask_hold(guard.offset)
    guard.expect("refused")
    outer.type(b"\r")
    outer.wait_for(b"<MINE>")
    guard.hold()


# End


def test_the_guard_renews_its_lease(hold: Callable[..., Held]) -> None:
    held = hold(lease_s=1.0)
    for _ in range(3):
        held.outer.pump(0.5)
        held.guard.renew()
        assert stopped(held.client)
    held.guard.release()
    held.runs()


def test_a_lease_that_is_not_renewed_ends(hold: Callable[..., Held]) -> None:
    assert LEASE_S == 5.0  # DESIGN; here it is shorter
    held = hold(lease_s=1.0)
    held.outer.pump(0.5)
    assert stopped(held.client)
    held.guard.expect("released lease", timeout_s=3)
    held.runs()


def test_the_guard_closes_its_link(hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.hang_up()
    since = time.monotonic()
    held.runs()
    assert time.monotonic() - since < 3
    held.outer.until(lambda: not psutil.pid_exists(held.guard.pid), "a guard without a link still runs")


def test_the_guard_is_killed(hold: Callable[..., Held]) -> None:
    held = hold()
    since = time.monotonic()
    os.kill(held.guard.pid, signal.SIGKILL)
    held.runs()
    assert time.monotonic() - since < 3


def test_the_guard_talks_nonsense(hold: Callable[..., Held]) -> None:
    """A frame that is too large: whoever says that is no guard."""
    held = hold()
    os.write(held.guard._write_fd, link.HEADER.pack(link.NOTICE, link.FRAME_LIMIT + 1))
    held.runs()


def test_frames_of_any_kind_and_length_do_no_harm(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    for kind in (*range(0x41, 0x5B), 0, 255):
        for payload in (b"", b"short", bytes(200)):
            guard.send(kind, payload)
    outer.type(b"x")
    outer.wait_for(b"[x]")
    assert not guard.taken().closed


@pytest.mark.parametrize("name", [*RELEASE_KEY])
def test_the_release_key(name: str, hold: Callable[..., Held]) -> None:
    """It lets the client go on and does not reach it; what was typed around it does."""
    held = hold()
    held.outer.type(b"ab")
    held.outer.pump(0.1)
    assert stopped(held.client)
    held.outer.type(b"c" + RELEASE_KEY[name] + b"d")
    held.guard.expect("released key")
    held.outer.wait_for(b"[a][b][c][d]")


def test_another_release_key(hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.release()
    held.guard.expect("released guard")
    held.guard.hold(key=0x07)
    held.outer.type(b"\x1d")
    held.outer.pump(0.1)
    assert stopped(held.client)
    held.outer.type(b"\x07")
    held.guard.expect("released key")
    held.outer.wait_for(b"[1d]")


def test_the_release_key_is_the_clients_when_nothing_is_held(hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.release()
    held.guard.expect("released guard")
    held.outer.type(b"\x1d")
    held.outer.wait_for(b"[1d]")


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (b"\x03", b"[03]"),
        (b"\x1b", b"[1b]"),
        (b"\x1b[99;5u", b"[1b][[][9][9][;][5][u]"),
        (b"\x1b[27u", b"[1b][[][2][7][u]"),
    ],
)
def test_ctrl_c_and_escape_end_it_and_reach_the_client(
    key: bytes, shown: bytes, hold: Callable[..., Held]
) -> None:
    held = hold()
    held.outer.type(b"a" * (key != b"\x1b"))
    held.outer.type(key)
    held.guard.expect("released interrupt")
    held.outer.wait_for(shown)


@pytest.mark.parametrize(
    "data", [b"\x1b[A", b"\x1b[I", b"\x1b[<35;10;10M", b"\x1b[200~pasted\x1b[201~", b"\x1a"]
)
def test_other_input_waits(data: bytes, hold: Callable[..., Held]) -> None:
    held = hold()
    held.outer.type(data)
    held.outer.pump(0.15)
    assert stopped(held.client)
    held.guard.release()
    held.outer.wait_for(b"".join(b"[%c]" % c if 0x20 <= c < 0x7F else b"[%02x]" % c for c in data))


def test_more_typing_than_can_wait(hold: Callable[..., Held]) -> None:
    """Nothing is lost: before the buffer is full the client goes on."""
    held = hold(COUNT, "0")
    data = os.urandom(300_000).replace(b"\x03", b"").replace(b"\x1d", b"")
    held.outer.type(data)
    held.guard.expect("released input")
    shown = held.outer.wait_for(b">")
    assert shown == f"<{len(data)} {hashlib.sha256(data).hexdigest()}>".encode()


def test_the_client_is_killed_while_held(hold: Callable[..., Held]) -> None:
    held = hold()
    held.client.kill()
    assert held.outer.wait() == -signal.SIGKILL
    assert held.outer.restored
    held.guard.expect("released exit")
    held.guard.expect(f"exit {int(signal.SIGKILL)}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_relay_is_told_to_end_while_the_client_is_held(
    number: signal.Signals, hold: Callable[..., Held]
) -> None:
    held = hold(SLEEP)
    os.kill(held.outer.pid, number)
    assert held.outer.wait() == -number
    assert held.outer.restored


def test_the_window_is_closed_while_the_client_is_held(hold: Callable[..., Held]) -> None:
    held = hold(STUBBORN)
    held.guard.notice(b"<held>", b"<over>")
    held.outer.wait_for(b"<held>")
    held.outer.hang_up()
    held.runs()
    time.sleep(1.0)  # for the client to end by itself, which this one does not
    used = psutil.Process(held.outer.pid).cpu_times()
    assert used.user + used.system < 0.5, "a busy loop"
    held.client.kill()
    assert held.outer.wait() == -signal.SIGKILL


def test_somebody_else_continues_the_client(hold: Callable[..., Held]) -> None:
    held = hold()
    os.kill(held.client.pid, signal.SIGCONT)
    held.guard.expect("released outside")
    held.outer.type(b"x")
    held.outer.wait_for(b"[x]")


def test_ctrl_z_typed_while_held_works_afterwards(hold: Callable[..., Held]) -> None:
    held = hold(SUSPENDS, str(signal.SIGSTOP), "0")
    held.outer.type(b"\x1a")
    held.outer.pump(0.15)
    held.guard.release()
    held.outer.wait_for(b"<SUSPENDED><BACK>")  # no shell here: the stop is undone
    assert held.guard.expect("suspended")
    assert held.guard.expect("resumed")


def test_sigtstp_for_the_relay_while_held(hold: Callable[..., Held]) -> None:
    held = hold(SUSPENDS, str(signal.SIGSTOP), "0")
    os.kill(held.outer.pid, signal.SIGTSTP)
    held.guard.expect("released signal")
    held.outer.type(b"x")
    held.outer.wait_for(b"[x]")


def test_holds_in_quick_succession_are_never_taken_for_ctrl_z(hold: Callable[..., Held]) -> None:
    """The reports of a stop and of its end come later than the next hold begins."""
    held = hold()
    for _ in range(60):
        commands = b""
        for _ in range(3):
            commands += link.frame(link.RELEASE)
            commands += link.frame(link.HOLD, link.OFFSET.pack(held.guard.offset) + bytes([CTRL_BRACKET]))
        commands += link.frame(link.RELEASE) if held.outer.pid % 2 else b""
        os.write(held.guard._write_fd, commands)
        held.guard.take(0.002)
    held.guard.release()
    held.outer.pump(0.2)
    held.guard.take()
    assert not [event for event in held.guard.events if event in ("suspended", "resumed")]
    held.outer.type(b"x")
    held.outer.wait_for(b"[x]")
    held.guard.quiet()
    held.guard.hold()


# What is said meanwhile


def test_a_notice_and_what_takes_it_back(hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.notice(b"<held>", b"<over>")
    held.outer.wait_for(b"<held>")
    held.guard.release()
    held.outer.wait_for(b"<over>")
    held.outer.type(b"x")
    held.outer.wait_for(b"[x]")
    held.guard.quiet()
    assert b"<" not in bytes(held.guard.output).replace(READY, b""), "the model is of the client alone"
    assert held.outer.output.count(b"<over>") == 1


@pytest.mark.parametrize("end", ["key", "lease", "kill"])
def test_a_notice_is_taken_back_however_the_hold_ends(end: str, hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.notice(b"<held>", b"<over>")
    held.outer.wait_for(b"<held>")
    if end == "key":
        held.outer.type(b"\x1d")
    elif end == "lease":
        os.kill(held.guard.pid, signal.SIGKILL)
    else:
        held.client.kill()
    held.outer.wait_for(b"<over>")


def test_no_notice_without_a_hold_or_at_another_place(hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.notice(b"<wrong place>", b"", offset=held.guard.offset + 1)
    held.guard.release()
    held.guard.expect("released guard")
    held.guard.notice(b"<not held>", b"")
    held.outer.type(b"x")
    held.outer.wait_for(b"[x]")
    held.outer.pump(0.1)
    assert b"<wrong place>" not in held.outer.output
    assert b"<not held>" not in held.outer.output


DRAWS = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"<READY>")
while True:
    for key in os.read(0, 64):
        os.write(1, {ord("s"): b"\\x1b[?25l", ord("m"): b"\\x1b[3A<MOVED>"}.get(key, b"<DRAWN>"))
"""


def test_the_mend_goes_before_the_first_drawing(hold: Callable[..., Held]) -> None:
    held = hold(DRAWS)
    held.guard.notice(b"", b"", mend=b"\x1b[7A")
    held.guard.release()
    held.guard.expect("released guard")
    held.outer.type(b"s")
    held.outer.wait_for(b"\x1b[?25l")
    held.outer.type(b"d")
    held.outer.wait_for(b"\x1b[7A<DRAWN>")
    held.outer.type(b"d")
    held.outer.wait_for(b"<DRAWN>")
    assert held.outer.output.count(b"\x1b[7A") == 1
    held.guard.quiet()
    assert held.guard.output == held.outer.output, "the model moves its cursor too"


def test_no_mend_for_a_client_that_draws_late(hold: Callable[..., Held]) -> None:
    held = hold(DRAWS)
    held.guard.notice(b"", b"", mend=b"\x1b[7A")
    held.guard.release()
    held.outer.pump(_WINDOW_S + 0.3)
    held.outer.type(b"d")
    held.outer.wait_for(b"<DRAWN>")
    assert b"\x1b[7A" not in held.outer.output


def test_a_repaint_is_a_change_of_size_and_back(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(SIZES))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.send(link.REPAINT)
    outer.wait_for(b"<40 119 960 800>")
    outer.wait_for(b"<40 120 960 800>")
