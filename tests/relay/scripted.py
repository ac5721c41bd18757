"""A guard whose every word is chosen by the test, under the real relay.

The relay starts it as it starts the real one; all it does is hand its ends of the link to the test. So
everything around it is the real thing: the start, the restart with back-off, the end.
"""

import os
import select
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cc_guard.relay import link
from cc_guard.relay.hold import LEASE_S
from tests.relay.harness import TIMEOUT_S, Outer, Word, python

_GUARD = """\
import os, select, socket, sys
words = dict(word.partition("=")[::2] for word in sys.argv[1:] if "=" in word)
ends = [int(fd) for fd in words["link"].split(",")]
test = socket.socket(socket.AF_UNIX)
test.connect(os.path.dirname(sys.argv[0]) + "/socket")
socket.send_fds(test, [b"%d %d" % (os.getpid(), int(words["restarts"]))], ends)
os.close(ends[1])
until = select.poll()
until.register(test, select.POLLIN)
until.register(ends[0], 0)  # the relay's end of the link
while until.poll() and select.select([test], [], [], 0)[0] and test.recv(1):
    until.unregister(ends[0])  # told to stay
    os.close(ends[0])
"""

# The command line with another program in the guard's place: what the relay spawns is `sys.executable`. It is
# spawned without a delay, for the sake of sixty tests.
_COMMAND = """\
import sys
from cc_guard.relay import gate, hold, loop, restart
hold.LEASE_S = float(sys.argv.pop(1))
loop._GUARD_AFTER_OUTPUT_S = 0.0
sys.executable = sys.argv.pop(1)
exec(sys.argv.pop(1))
from cc_guard.cli import main
sys.exit(main(sys.argv[1:]))
"""


def guarded_by(guard: str, argv: Sequence[Word], lease_s: float = LEASE_S, patch: str = "") -> list[Word]:
    """cc-guard with the program `guard` for its guard. `patch` is code that sees the relay's modules."""
    return [sys.executable, "-c", _COMMAND, str(lease_s), guard, patch, "--", *argv]


class Lobby:
    """Where scripted guards report for duty."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lobby-"))  # a socket's path must be short
        self._guard = self._folder / "guard"
        self._guard.write_text(f"#!{sys.executable} -IS\n{_GUARD}")
        self._guard.chmod(0o755)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / "socket"))
        self._listener.listen()
        self._guards: list[ScriptedGuard] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for guard in self._guards:
            guard.close()
        self._listener.close()
        shutil.rmtree(self._folder)

    def client(self, code: str, *args: str, lease_s: float = LEASE_S, patch: str = "") -> list[Word]:
        """cc-guard with a small client, and a scripted guard."""
        return self.program(python(code, *args), lease_s, patch)

    def program(self, argv: Sequence[Word], lease_s: float = LEASE_S, patch: str = "") -> list[Word]:
        return guarded_by(str(self._guard), argv, lease_s, patch)

    @property
    def waiting(self) -> bool:
        """A guard has been started that nobody has met yet."""
        return bool(select.select([self._listener], [], [], 0)[0])

    def guard(self, outer: Outer) -> "ScriptedGuard":
        """The next guard that the relay starts."""
        outer.until(lambda: self.waiting, "no guard was started")
        connection, _ = self._listener.accept()
        words, ends, _, _ = socket.recv_fds(connection, 64, 2)
        pid, restarts = map(int, words.split())
        self._guards.append(ScriptedGuard(outer, connection, ends, pid, restarts))
        return self._guards[-1]


class ScriptedGuard:
    """The guard's end of the link. `offset` is where the client's output ends, as far as it was told."""

    def __init__(
        self, outer: Outer, connection: socket.socket, ends: list[int], pid: int, restarts: int
    ) -> None:
        self._outer = outer
        self._connection = connection
        self._read_fd, self._write_fd = ends
        self._decoder = link.Decoder()
        self.pid = pid
        self.restarts = restarts
        self.offset = 0
        self.output = bytearray()
        self.pieces: list[tuple[int, bytes]] = []  # of the output, with where they begin
        self.events: list[str] = []
        self.sizes: list[tuple[int, ...]] = []
        self.keys: list[float] = []
        self.stale: list[int] = []
        self.argv: list[bytes] = []
        self.closed = False

    def take(self, timeout_s: float = 0.0) -> None:
        """What the relay has said."""
        if self.closed or not select.select([self._read_fd], [], [], timeout_s)[0]:
            return
        data = os.read(self._read_fd, 1 << 20)
        self.closed = not data
        for kind, payload in self._decoder.feed(data):
            if kind == link.OUTPUT:
                self.output += payload
                self.pieces.append((self.offset, payload))
                self.offset += len(payload)
            elif kind == link.STALE:
                self.stale.append(link.OFFSET.unpack(payload)[0])
                self.offset = self.stale[-1]
            elif kind == link.EVENT:
                self.events.append(payload.decode())
            elif kind == link.SIZE:
                self.sizes.append(link.WINSIZE.unpack(payload))
            elif kind == link.ARGV:
                self.argv = payload.split(b"\0")[:-1]
            elif kind == link.KEY:
                self.keys.append(link.TIME.unpack(payload)[0])

    def taken(self) -> Self:
        """This guard, after it has listened."""
        self.take()
        return self

    def quiet(self, seconds: float = 0.15) -> None:
        """Until the client has written nothing for a while."""
        began = since = time.monotonic()
        while time.monotonic() - since < seconds:
            before = self.offset
            self._outer.read(0.005)
            self.take(0.005)
            if self.offset != before:
                since = time.monotonic()
                assert since - began < TIMEOUT_S, "the client is never quiet"

    def expect(self, event: str, timeout_s: float = TIMEOUT_S) -> str:
        """The next event, which must begin with `event`; what came before it is forgotten."""

        def came() -> bool:
            self.take()
            return any(said.startswith(event) for said in self.events)

        self._outer.until(came, f"no event {event!r} (but {self.events})", timeout_s)
        at = next(n for n, said in enumerate(self.events) if said.startswith(event))
        found = self.events[at]
        del self.events[: at + 1]
        return found

    def hold(self, key: int = 0x1D) -> None:
        """Stop the client where its output ends. When it has written on meanwhile, try again."""
        for _ in range(200):
            self._outer.read(0.001)
            self.take(0.005)
            self.ask_hold(self.offset, key)
            if self.expect("").startswith("held"):
                return
        raise AssertionError("never held")

    def ask_hold(self, offset: int, key: int = 0x1D) -> None:
        self.events.clear()
        self.send(link.HOLD, link.OFFSET.pack(offset) + bytes([key]))

    def renew(self) -> None:
        self.send(link.RENEW)

    def release(self) -> None:
        self.send(link.RELEASE)

    def notice(self, now: bytes, at_release: bytes, mend: bytes = b"", offset: int | None = None) -> None:
        head = link.OFFSET.pack(self.offset if offset is None else offset)
        lengths = len(now).to_bytes(2, "big") + len(at_release).to_bytes(2, "big")
        self.send(link.NOTICE, head + lengths + now + at_release + mend)

    def type(self, kind: bytes, data: bytes = b"", quiet_s: float = 0.0, offset: int | None = None) -> None:
        at = self.offset if offset is None else offset
        self.send(link.TYPE, link.TYPING.pack(at, quiet_s, kind) + data)

    def typed(self, kind: bytes, data: bytes = b"", quiet_s: float = 0.0) -> str:
        """What the relay answers, when it does not only answer that output has come meanwhile."""
        for _ in range(200):
            self._outer.read(0.001)
            self.take(0.005)
            self.type(kind, data, quiet_s)
            answer = self.expect("")
            if answer != "untyped output":
                return answer
        raise AssertionError("never typed")

    def restart(self, argv: Sequence[Word], *changes: str) -> None:
        words = b"".join(os.fsencode(word) + b"\0" for word in (*argv, *changes))
        self.send(link.RESTART, link.COUNT.pack(len(argv)) + words)

    def admit(self, keep: bool) -> str:
        for _ in range(200):
            self._outer.read(0.001)
            self.take(0.005)
            self.send(link.ADMIT, link.OFFSET.pack(self.offset) + bytes([keep]))
            answer = self.expect("")
            if answer != "untyped output":
                return answer
        raise AssertionError("never admitted")

    def send(self, kind: int, payload: bytes = b"") -> None:
        os.write(self._write_fd, link.frame(kind, payload))

    def hang_up(self) -> None:
        """Close the link; the process stays."""
        self._connection.send(b"s")
        os.close(self._read_fd)
        os.close(self._write_fd)
        self._read_fd = self._write_fd = -1
        self.closed = True

    def close(self) -> None:
        if self._read_fd >= 0:
            os.close(self._read_fd)
            os.close(self._write_fd)
            self._read_fd = self._write_fd = -1
            self.closed = True
        self._connection.close()
