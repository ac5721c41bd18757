"""Everything at once, in random order, and at the end not one byte may be missing or wrong.

    python -m tests.relay.soak --minutes 10 [--seed N]

A client writes at random and takes what is typed; the terminal is read now fast, now not at all; the window
changes; a guard holds and releases, types and takes back, hangs, dies; signals come. Each round is a session
of a few seconds with a seed of its own, printed first: `--seed N` begins with that round.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from cc_guard.relay import link
from tests.relay.clients import READY
from tests.relay.harness import TIMEOUT_S, Outer, environment
from tests.relay.scripted import Lobby, ScriptedGuard

RELEASE_KEY = 0x1D
WORDS = b"~~~~"  # the guard's; what its user types has nothing of them, and no DEL and no Enter

# Writes bursts from a seed, takes what comes; at SIGUSR1 it takes the rest and says what it had and wrote.
CLIENT = f"""
import hashlib, json, os, random, select, signal, sys, time, tty
chance = random.Random(int(sys.argv[1]))
had, wrote, sizes = hashlib.sha256(), hashlib.sha256(), [0, 0, 0, 0, 0]
last = False
def ended(*_):
    global last
    last = True
def changed(*_):
    put(b"<W>")
def put(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]
    wrote.update(data)
    sizes[1] += len(data)
def take(timeout):
    if select.select([0], [], [], timeout)[0]:
        data = os.read(0, 65536)
        for index, ours in enumerate((b"~", b"\\x7f", b"\\r"), 2):
            sizes[index] += data.count(ours)
        data = data.translate(None, b"~\\x7f\\r")
        had.update(data)
        sizes[0] += len(data)
        return True
    return False
signal.signal(signal.SIGUSR1, ended)
tty.setraw(0)
put({READY!r})
while not last:
    kind = chance.random()
    if kind < 0.5:
        take(chance.choice((0, 0.001, 0.01, 0.05)))
    elif kind < 0.9:
        put(chance.randbytes(chance.choice((1, 10, 200, 3000))))
    elif kind < 0.93:
        put(chance.randbytes(chance.choice((20_000, 200_000))))
    else:
        time.sleep(chance.choice((0.01, 0.1)))
while take(0.5):
    pass
with open(sys.argv[2], "w") as file:
    json.dump([sizes[0], had.hexdigest(), sizes[1], wrote.hexdigest(), sizes[2:]], file)
"""


class Round:
    """One session. `run` raises AssertionError for what must never be."""

    def __init__(self, seed: int, seconds: float) -> None:
        self.chance = random.Random(seed)
        self.seed, self.seconds = seed, seconds
        self.typed = bytearray()
        self.guard: ScriptedGuard | None = None
        self.guards: list[ScriptedGuard] = []
        self.holds = 0
        self.texts = 0

    def run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="soak-") as name, Lobby() as self.lobby:
            folder = Path(name)
            command = self.lobby.client(CLIENT, str(self.seed), str(folder / "summary"))
            with Outer(command, environment(folder / "home"), folder) as self.outer:
                self.outer.wait_for(READY)
                deadline = time.monotonic() + self.seconds
                while time.monotonic() < deadline:
                    self.step()
                self.finish(folder / "summary")

    def step(self) -> None:
        self.meet_guard()
        actions = [self.read] * 10 + [self.type] * 6 + [self.hold] * 6 + [self.release] * 4
        actions += [self.guard_types] * 6
        actions += [self.resize, self.resize, self.wait, self.signal, self.talk, self.lose_guard]
        self.chance.choice(actions)()

    def meet_guard(self) -> None:
        if self.lobby.waiting:
            self.guard = self.lobby.guard(self.outer)
            self.guards.append(self.guard)
        if self.guard is not None:
            self.guard.take()
            self.holds += sum(event.startswith("held") for event in self.guard.events)
            self.texts += self.guard.events.count("typed text")
            self.guard.events.clear()
            if self.guard.closed:
                self.guard = None

    def read(self) -> None:
        for _ in range(self.chance.choice((1, 5, 50))):
            self.outer.read(self.chance.choice((0, 0.001, 0.01)))

    def type(self) -> None:
        data = self.chance.randbytes(self.chance.choice((1, 1, 3, 100, 5000)))
        data = data.translate(None, b"\x1d~\x7f\r")
        with contextlib.suppress(BlockingIOError):
            self.typed += data[: os.write(self.outer.master, data)]

    def hold(self) -> None:
        """Where the client's output ends, or where it ended a while ago."""
        if self.guard is not None:
            back = self.chance.choice((0, 0, 0, 1))
            self.send(link.HOLD, link.OFFSET.pack(max(0, self.guard.offset - back)) + bytes([RELEASE_KEY]))

    def release(self) -> None:
        kind = self.chance.random()
        if kind < 0.5:
            self.send(link.RELEASE)
        elif kind < 0.7:
            self.send(link.RENEW)
        elif kind < 0.8:
            self.send(link.RELEASE)
            self.hold()

    def guard_types(self) -> None:
        if self.guard is not None:
            kind = self.chance.choice((link.TEXT, link.TEXT, link.SUBMIT, link.SUBMIT, link.ERASE))
            head = link.TYPING.pack(self.guard.offset, self.chance.choice((0.0, 0.01)), kind)
            self.send(link.TYPE, head + (WORDS if kind == link.TEXT else b""))

    def resize(self) -> None:
        self.outer.resize(
            self.chance.randint(1, 60), self.chance.randint(3, 200), self.chance.randint(0, 999)
        )

    def wait(self) -> None:
        """The terminal is busy with something else."""
        time.sleep(self.chance.choice((0.01, 0.05, 0.3)))

    def signal(self) -> None:
        number = self.chance.choice((signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP, signal.SIGCHLD))
        os.kill(self.outer.pid, number)

    def talk(self) -> None:
        self.send(self.chance.choice((link.MODES, link.REPAINT, 0x7F)), self.chance.randbytes(20))

    def lose_guard(self) -> None:
        if self.guard is not None and self.chance.random() < 0.3:
            if self.chance.random() < 0.5:
                os.kill(self.guard.pid, signal.SIGKILL)
            else:
                self.guard.hang_up()
            self.guard = None

    def send(self, kind: int, payload: bytes = b"") -> None:
        if self.guard is not None:
            try:
                self.guard.send(kind, payload)
            except BrokenPipeError:
                self.guard = None

    def finish(self, summary: Path) -> None:
        outer = self.outer
        self.send(link.RELEASE)
        self.send(link.TYPE, link.TYPING.pack(0, 0.0, link.ERASE))
        client = outer.client()
        outer.pump(1.0)
        client.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + TIMEOUT_S
        while outer.process.poll() is None:
            assert time.monotonic() < deadline, f"no end; the client is {client.status()}"
            outer.read(0.01)
            self.meet_guard()
        assert outer.wait() == 0
        typed, typed_digest, wrote, wrote_digest, ours = json.loads(summary.read_text())
        assert len(outer.output) == wrote
        assert hashlib.sha256(outer.output).hexdigest() == wrote_digest, "output"
        assert len(self.typed) == typed
        assert hashlib.sha256(self.typed).hexdigest() == typed_digest, "what was typed"
        words, erased, submitted = ours
        assert words == erased + len(WORDS) * submitted, "words of the guard are left"
        for guard in self.guards:
            with contextlib.suppress(OSError):
                guard.take()
            for offset, piece in guard.pieces:
                assert outer.output[offset : offset + len(piece)] == piece, "the guard's copy"
        assert outer.restored
        for guard in self.guards:
            guard.close()
        outer.nothing_remains()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.relay.soak", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--round", type=float, default=5.0, metavar="SECONDS", help="length of one session")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    seed = options.seed
    while time.monotonic() < end:
        print(f"seed {seed} ", end="", flush=True)
        one = Round(seed, options.round)
        one.run()
        print(
            f"{len(one.outer.output)} bytes out, {len(one.typed)} in, "
            f"{one.holds} holds, {one.texts} texts, {len(one.guards)} guards"
        )
        seed += 1
    sys.exit(0)


if __name__ == "__main__":
    main()
