"""The relay is killed: soon no shim, no client and no guard is left, and the terminal is put right."""

import os
import signal

import pytest

from tests.relay.clients import BEAT, READY, SLEEP, STUBBORN, SUSPENDS
from tests.relay.conftest import Open
from tests.relay.harness import guarded, patched, python, stopped
from tests.relay.scripted import Lobby


@pytest.mark.parametrize("client", [SLEEP, BEAT, STUBBORN], ids=["quiet", "busy", "stubborn"])
def test_nothing_remains(client: str, open_outer: Open) -> None:
    """Not even of a client that ignores SIGHUP and SIGTERM."""
    outer = open_outer(guarded(python(client)))
    outer.wait_for(READY)
    outer.guard()
    os.kill(outer.pid, signal.SIGKILL)
    assert outer.wait() == -signal.SIGKILL
    outer.nothing_remains(10)
    assert outer.restored


def test_nothing_remains_of_a_held_client(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(SLEEP))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.hold()
    held = outer.client()
    outer.until(lambda: stopped(held), "not stopped")
    os.kill(outer.pid, signal.SIGKILL)
    outer.wait()
    outer.until(lambda: guard.taken().closed, "the guard does not see it")
    guard.close()
    outer.nothing_remains(10)
    assert outer.restored


def test_nothing_remains_of_a_client_that_somebody_stopped(open_outer: Open) -> None:
    """The relay is stopped first, so that it can not undo it."""
    outer = open_outer(guarded(python(SLEEP)))
    outer.wait_for(READY)
    relay, client = outer.relay(), outer.client()
    relay.suspend()
    client.suspend()
    outer.until(lambda: stopped(client), "not stopped")
    relay.kill()
    outer.wait()
    outer.nothing_remains(10)
    assert outer.restored


def test_the_session_after_a_killed_relay_leaves_no_stopped_job(open_outer: Open) -> None:
    """Ctrl-Z without a shell, and the relay killed in the middle of it."""
    outer = open_outer(guarded(python(SUSPENDS, str(signal.SIGSTOP), "0")))
    outer.wait_for(READY)
    outer.type(b"\x1a")
    os.kill(outer.pid, signal.SIGKILL)
    outer.wait()
    outer.nothing_remains(10)
    assert outer.restored


def test_a_client_that_does_not_end_when_told_is_killed(open_outer: Open) -> None:
    """After ten seconds, in which Claude Code runs its SessionEnd hooks; here after one."""
    patch = "from cc_guard.relay import loop; loop._TERM_GRACE_S = 1.0"
    outer = open_outer(patched(patch, python(STUBBORN)))
    outer.wait_for(READY)
    os.kill(outer.pid, signal.SIGTERM)
    outer.pump(0.5)
    assert outer.process.poll() is None
    assert outer.wait() == -signal.SIGKILL
    assert outer.restored


def test_the_shim_is_killed(open_outer: Open) -> None:
    outer = open_outer(guarded(python(BEAT)))
    outer.wait_for(READY)
    outer.guard()
    outer.shim().kill()
    assert outer.wait() == -signal.SIGHUP
    outer.nothing_remains(10)
