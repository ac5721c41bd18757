"""The guard may hang, die, or never come up: the session does not notice."""

import os
import signal
import stat
import time
from pathlib import Path

import psutil
import pytest

from tests.relay.clients import BLAST_ON_KEY, ECHO, KEYS, READY, RETRIES
from tests.relay.conftest import Open
from tests.relay.harness import Outer, guarded, python, stopped
from tests.relay.scripted import Lobby, guarded_by
from tests.relay.test_bytes import digest, material


@pytest.fixture
def held(open_outer: Open, env: dict[str, str]) -> Outer:
    """A client that retries for ever, held by the real guard: nothing answers where its API should be."""
    outer = open_outer(guarded(python(RETRIES)), env=env | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"})
    outer.wait_for(READY)
    client = outer.client()
    outer.until(lambda: stopped(client), "not held")
    return outer


def test_the_guard_is_killed_while_the_client_is_held(held: Outer) -> None:
    client, first = held.client(), held.guard()
    first.kill()
    since = time.monotonic()
    held.until(lambda: not stopped(client), "still stopped")
    assert time.monotonic() - since < 5
    held.type(b"a")
    held.wait_for(b"<a>")

    held.until(lambda: stopped(client), "the next guard does not hold")
    assert held.guard().pid != first.pid
    assert b"restarts=1" in " ".join(held.guard().cmdline()).encode()
    held.type(b"\x1d")
    held.until(lambda: not stopped(client), "the release key does not work")
    held.type(b"q")
    assert held.wait() == 0
    assert held.restored


def test_the_guard_hangs_while_the_client_is_held(held: Outer) -> None:
    client = held.client()
    held.guard().suspend()
    since = time.monotonic()
    held.until(lambda: not stopped(client), "still stopped")
    assert time.monotonic() - since < 5 + 2
    held.type(b"q")
    assert held.wait() == 0
    for guard in held.guards():
        guard.kill()  # a stopped process does not see the end of its link


def test_the_relay_is_killed_while_the_client_is_held(held: Outer) -> None:
    os.kill(held.pid, signal.SIGKILL)
    held.wait()
    held.nothing_remains(10)
    assert held.restored


def script(folder: Path, body: str) -> str:
    path = folder / "guard"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_guard_that_dies_at_every_start(open_outer: Open, tmp_path: Path) -> None:
    """It is tried again with growing pauses, and the session is as it would be without."""
    starts = tmp_path / "starts"
    guard = script(tmp_path, f'echo start >> "{starts}"; exit 1')
    data = material(1 << 20)
    outer = open_outer(guarded_by(guard, python(ECHO, str(len(data)))))
    outer.wait_for(READY)
    outer.until(starts.exists, "never started")
    outer.pump(2.2)
    assert 2 <= len(starts.read_text().split()) <= 4
    start = len(outer.output)
    outer.type(data)
    assert outer.wait() == 0
    assert digest(outer.output[start:-64]) == digest(data)


def test_no_guard_can_be_started(open_outer: Open) -> None:
    outer = open_outer(guarded_by("/no/such/python", python(KEYS)))
    outer.wait_for(READY)
    outer.pump(0.6)
    used = psutil.Process(outer.pid).cpu_times()
    assert used.user < 0.5
    outer.type(b"xq")
    assert outer.wait() == 0


def test_a_guard_that_closes_its_link_is_ended(open_outer: Open, lobby: Lobby) -> None:
    """It is of no use any more, whatever it does; there is never more than one."""
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    first = lobby.guard(outer)
    first.hang_up()
    lobby.guard(outer)
    assert not psutil.pid_exists(first.pid)


def test_the_next_guard_knows_where_it_is(open_outer: Open, lobby: Lobby) -> None:
    """It gets the client's id and size, and is told that it has missed all output so far."""
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    first = lobby.guard(outer)
    pid = first.expect("pid ")
    outer.resize(50, 90, 900, 1000)
    outer.type(b"abc")
    outer.wait_for(b"[c]")
    os.kill(first.pid, signal.SIGKILL)
    second = lobby.guard(outer)
    assert second.restarts == 1
    assert second.expect("pid ") == pid
    outer.until(lambda: bool(second.taken().stale), "not stale")
    assert second.sizes == [(50, 90, 900, 1000)]
    assert second.stale == [len(READY + b"[a][b][c]")]
    second.hold()
    second.release()


def test_a_guard_that_falls_behind(open_outer: Open, lobby: Lobby, tmp_path: Path) -> None:
    """Its copy is dropped and never delays the client; it is told so even if no output follows."""
    data = material(20 << 20)
    (tmp_path / "material").write_bytes(data)
    outer = open_outer(lobby.client(BLAST_ON_KEY, str(tmp_path / "material")))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    outer.type(b"g")
    outer.until(lambda: len(outer.output) == len(READY) + len(data), "output is missing")
    assert psutil.Process(outer.pid).memory_info().rss < 40 << 20
    outer.until(lambda: guard.taken().offset == len(outer.output), "the guard is not told")
    assert guard.stale
    for offset, piece in guard.pieces:
        assert outer.output[offset : offset + len(piece)] == piece
    guard.hold()
    guard.release()


def test_a_guard_that_reads_nothing_at_all(open_outer: Open, lobby: Lobby) -> None:
    """What waits for it is bounded, also key times and changes of size."""
    outer = open_outer(lobby.client(ECHO, str(1 << 30)))
    outer.wait_for(READY)
    lobby.guard(outer)
    relay = psutil.Process(outer.pid)
    outer.type(bytes(1 << 20))
    before = relay.memory_info().rss
    for n in range(3000):
        outer.type(b"x")
        outer.resize(20 + n % 2, 80)
        outer.read(0)
    outer.until(lambda: len(outer.output) == len(READY) + (1 << 20) + 3000, "an echo is missing")
    assert relay.memory_info().rss - before < 3 << 20
