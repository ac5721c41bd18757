"""A client that died could not reset the terminal's modes: cc-guard does."""

import os
import shlex
import signal
from functools import partial
from operator import attrgetter
from pathlib import Path

import pytest

from cc_guard.relay import link
from tests.relay.clients import KEYS, MODES, READY, SUSPENDS
from tests.relay.conftest import Open
from tests.relay.harness import guarded, python
from tests.relay.scripted import Lobby

SET = (1049, 2004, 1004, 1000, 1006)


def modes(output: bytearray) -> dict[str, object]:
    """What a terminal has after `output`."""
    import pyghostty

    terminal = pyghostty.Terminal(120, 40)
    terminal.feed(bytes(output))
    found: dict[str, object] = {str(mode): bool(terminal.mode(mode)) for mode in SET}
    found["cursor"] = bool(terminal.mode(25))
    found["kitty keyboard"] = terminal.get("kitty_keyboard_flags", "uint8_t")
    terminal.close()
    return found


AT_REST = {**{str(mode): False for mode in SET}, "cursor": True, "kitty keyboard": 0}


@pytest.mark.parametrize("victim", ["client", "relay"])
def test_a_killed_process_leaves_the_modes_as_a_shell_expects(victim: str, open_outer: Open) -> None:
    for seconds in (1.0, 4, 15):  # until the guard has started, has looked and has said
        outer = open_outer(guarded(python(MODES)))
        outer.wait_for(b"<MODES>")
        assert modes(outer.output) == {
            **{str(mode): True for mode in SET},
            "cursor": False,
            "kitty keyboard": 1,
        }
        outer.pump(seconds)
        getattr(outer, victim)().kill()
        assert outer.wait() == -signal.SIGKILL
        outer.until(partial(attrgetter("restored"), outer), "not restored")
        while outer.read(0.1):
            pass
        if modes(outer.output) == AT_REST:
            return
    assert modes(outer.output) == AT_REST


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGHUP])
def test_after_a_signal_the_guards_last_word_is_written(
    number: signal.Signals, open_outer: Open, lobby: Lobby
) -> None:
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.send(link.MODES, b"<first>")
    guard.send(link.MODES, b"<reset>")
    outer.pump(0.2)
    outer.client().send_signal(number)
    assert outer.wait() == -number
    assert bytes(outer.output) == READY + b"<reset>"


@pytest.mark.parametrize("status", [0, 7])
def test_a_client_that_ends_by_itself_is_believed(status: int, open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(KEYS, str(status)))
    outer.wait_for(READY)
    lobby.guard(outer).send(link.MODES, b"<reset>")
    outer.pump(0.2)
    outer.type(b"q")
    assert outer.wait() == status
    assert b"<reset>" not in outer.output


def test_after_the_relays_death_the_shim_writes_them(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    for n in range(50):
        guard.send(link.MODES, b"<reset %d>" % n)
    outer.pump(0.2)
    os.kill(outer.pid, signal.SIGKILL)
    outer.wait_for(b"<reset 49>")
    assert outer.output.count(b"<reset") == 1


def test_while_suspended_the_terminal_is_the_shells(open_outer: Open, lobby: Lobby, tmp_path: Path) -> None:
    """The client has reset its modes itself, and a relay that is killed then has left nothing to do."""
    session = tmp_path / "session"
    words = lobby.client(SUSPENDS, str(int(signal.SIGTSTP)), "0")
    session.write_text(f"#!/bin/sh\nexec {shlex.join(map(str, words))}\n")
    session.chmod(0o755)
    shell = open_outer(["sh", "-i"])
    shell.type(b"./session\r")
    shell.wait_for(READY)
    lobby.guard(shell).send(link.MODES, b"<reset>")
    shell.pump(0.2)
    shell.type(b"\x1a")
    shell.wait_for(b"Stopped")
    shell.relay().kill()
    shell.until(lambda: len(shell.processes()) - len(shell.guards()) <= 2, "more than the shell remains")
    shell.pump(0.2)
    assert b"<reset>" not in shell.output
