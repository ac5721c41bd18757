"""Bytes pass unchanged in both directions, however fast, slow or stuck the other side is."""

import gzip
import hashlib
import json
import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.relay.clients import BLAST, BLAST_ON_KEY, COUNT, ECHO, KEYS, READY, SLEEP
from tests.relay.conftest import Open
from tests.relay.harness import Outer, Word, guarded, patched, python

RECORDINGS = Path(__file__).parent.parent / "recordings"


def recorded() -> bytes:
    """What Claude Code 1.0.120, 2.0.60 and 2.1.330 put on a terminal."""
    output = b""
    for path in sorted(RECORDINGS.glob("*-bash-120x40.cast.gz")):
        for line in gzip.decompress(path.read_bytes()).splitlines()[1:]:
            _, kind, data = json.loads(line)
            if kind == "o":
                output += data.encode(errors="surrogateescape")
    assert len(output) > 20_000
    return output


def material(size: int) -> bytes:
    """Half random, half recorded, in turns."""
    chance, real = random.Random(size), recorded()
    data = b""
    while len(data) < size:
        data += chance.randbytes(len(real)) + real
    return data[:size]


def digest(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()


def blast(tmp_path: Path, data: bytes) -> list[Word]:
    file = tmp_path / "material"
    file.write_bytes(data)
    return python(BLAST, str(file))


def test_16_mb_of_output(open_outer: Open, tmp_path: Path) -> None:
    data = material(16 << 20)
    outer = open_outer(guarded(blast(tmp_path, data)))
    assert outer.wait() == 0
    assert len(outer.output) == len(data)
    assert digest(outer.output) == digest(data)


@pytest.mark.parametrize("when", ["at once", "with a guard"])
def test_1_mb_pasted_into_a_client_that_echoes(when: str, open_outer: Open) -> None:
    data = material(1 << 20)
    outer = open_outer(guarded(python(ECHO, str(len(data)))))
    outer.wait_for(READY)
    if when == "with a guard":
        outer.guard()
        outer.pump(0.2)
    start = len(outer.output)
    outer.type(data)
    assert outer.wait() == 0
    echo, had = outer.output[start:-64], outer.output[-64:].decode()
    assert len(echo) == len(data)
    assert had == digest(data), "what the client had"
    assert digest(echo) == digest(data), "what the terminal got back"


def test_paste_to_a_client_that_is_busy(open_outer: Open) -> None:
    """The kernel holds 20 KB for a client that does not read; the relay keeps 256 KB more."""
    data = material(200_000)
    outer = open_outer(guarded(python(COUNT, "1.5")))
    outer.wait_for(READY)
    outer.guard()
    outer.pump(0.2)
    outer.type(data)
    assert outer.wait_for(b">") == f"<{len(data)} {digest(data)}>".encode()


def test_what_a_client_writes_just_before_its_end(open_outer: Open, tmp_path: Path) -> None:
    data = material(300_000)
    for _ in range(5):
        outer = open_outer(guarded(blast(tmp_path, data)))
        assert outer.wait() == 0
        assert (len(outer.output), digest(outer.output)) == (len(data), digest(data))


def test_a_terminal_that_reads_slowly(open_outer: Open, tmp_path: Path) -> None:
    data = material(300_000)
    outer = open_outer(guarded(blast(tmp_path, data)))
    while outer.process.poll() is None:
        outer.read(0, size=700)
        time.sleep(0.002)
    assert outer.wait() == 0
    assert digest(outer.output) == digest(data)


def test_a_terminal_that_stops_reading(open_outer: Open, tmp_path: Path) -> None:
    """A tmux in its copy mode, a connection that hangs; the client has ended long since."""
    data = material(200_000)
    outer = open_outer(guarded(blast(tmp_path, data)))
    outer.wait_for(data[:1000])
    time.sleep(3.5)
    assert outer.wait() == 0
    assert digest(outer.output) == digest(data)


def test_a_terminal_that_does_not_read_at_first(open_outer: Open, tmp_path: Path) -> None:
    """In the middle of a session, when everything else is idle."""
    data = material(200_000)
    (tmp_path / "material").write_bytes(data)
    outer = open_outer(guarded(python(BLAST_ON_KEY, str(tmp_path / "material"))))
    outer.wait_for(READY)
    outer.guard()
    outer.pump(0.2)
    outer.type(b"gq")
    time.sleep(0.5)
    assert outer.wait() == 0
    assert digest(outer.output) == digest(READY + data)


def ends_unread(outer: Outer) -> bool:
    """Whether it ends in time while its terminal reads nothing."""
    deadline = time.monotonic() + 10
    while outer.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return outer.process.returncode is not None


def test_told_to_end_it_does_not_wait_for_a_stuck_terminal(open_outer: Open, tmp_path: Path) -> None:
    """As a bare client that is stuck in write(2)."""
    data = material(200_000)
    outer = open_outer(guarded(blast(tmp_path, data)))
    outer.wait_for(data[:1000])
    time.sleep(0.5)
    assert outer.process.poll() is None
    os.kill(outer.pid, signal.SIGTERM)
    assert ends_unread(outer)


def test_nor_when_the_client_still_ran(open_outer: Open, tmp_path: Path) -> None:
    """It has some seconds for its last words then; here one."""
    data = material(2_000_000)
    patch = "from cc_guard.relay import loop; loop._TERM_GRACE_S = 1.0"
    outer = open_outer(patched(patch, blast(tmp_path, data)))
    outer.wait_for(data[:1000])
    os.kill(outer.pid, signal.SIGTERM)
    assert ends_unread(outer)
    assert outer.process.returncode == -signal.SIGTERM


def test_buffers_are_bounded_towards_the_terminal(open_outer: Open, tmp_path: Path) -> None:
    progress = tmp_path / "progress"
    code = """
import os, sys, tty
tty.setraw(0)
log = open(sys.argv[1], "w", buffering=1)
total = 0
while True:
    total += os.write(1, b"x" * 4096)
    print(total, file=log)
"""
    open_outer(guarded(python(code, str(progress))))
    before, now = -1, 0
    while now != before:  # nothing is read
        time.sleep(0.4)
        before, now = now, int(progress.read_text().splitlines()[-1] if progress.exists() else -2)
    assert 0 < now < 600_000


def test_buffers_are_bounded_towards_the_client(open_outer: Open) -> None:
    outer = open_outer(guarded(python(SLEEP)))
    outer.wait_for(READY)
    taken, idle = 0, 0
    while idle < 20:
        try:
            taken += os.write(outer.master, b"x" * 4096)
            idle = 0
        except BlockingIOError:
            idle += 1
            time.sleep(0.02)
    assert taken < 600_000
    assert psutil.Process(outer.pid).memory_info().rss < 40 << 20


@pytest.mark.parametrize("group", ["os.setpgid(0, 0)", ""], ids=["own group", "client's group"])
def test_a_process_that_outlives_the_client(group: str, open_outer: Open) -> None:
    """It holds the client's terminal open. The session ends all the same, and the process lives."""
    code = f"""
import os, sys, time
if os.fork() == 0:
    {group}
    time.sleep(60)
os.write(1, b"<END>")
os._exit(3)
"""
    outer = open_outer(guarded(python(code)))
    assert outer.wait(10) == 3
    assert outer.output.endswith(b"<END>")
    (left,) = [process for process in outer.processes() if "time.sleep(60)" in process.cmdline()[2]]
    left.kill()


def test_a_process_that_outlives_the_client_and_never_stops_writing(open_outer: Open) -> None:
    code = """
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if os.fork() == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    while True:
        os.write(1, b"y" * 512)
os._exit(4)
"""
    outer = open_outer(guarded(python(code)))
    assert outer.wait(10) == 4


def test_line_ends_are_made_once(open_outer: Open) -> None:
    outer = open_outer(guarded(["/bin/echo", "one\ntwo"]))
    assert outer.wait() == 0
    assert outer.output == b"one\r\ntwo\r\n"


def test_the_shells_terminal_stays_blocking(open_outer: Open) -> None:
    """O_NONBLOCK belongs to the open file, which the shell shares."""
    outer = open_outer(guarded(python(KEYS)))
    outer.wait_for(READY)
    assert os.get_blocking(outer.slave)
    outer.type(b"q")
    assert outer.wait() == 0
    assert os.get_blocking(outer.slave)


def test_somebody_made_the_shells_terminal_non_blocking(open_outer: Open, tmp_path: Path) -> None:
    data = material(300_000)
    outer = open_outer(guarded(blast(tmp_path, data)), before_exec=lambda: os.set_blocking(1, False))
    outer.wait_for(data[:1000])
    time.sleep(0.3)
    assert outer.wait() == 0
    assert digest(outer.output) == digest(data)
