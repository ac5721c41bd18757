"""A program on a pseudo-terminal, its output kept byte for byte with times and shown on a model screen.

`save` writes asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/): output as "o", what was
typed as "i", new sizes as "r", what happened outside as markers "m". Times are seconds since the start.
"""

import codecs
import contextlib
import fcntl
import gzip
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import pyghostty

Event = tuple[float, str, str]

_TAP_S = 0.02  # how late a marker from a tap may be


class Recorder:
    def __init__(
        self, argv: list[str], env: dict[str, str], cwd: Path, cols: int, rows: int, answers: bool = False
    ) -> None:
        """`answers`: the model screen's replies to terminal queries go back to the program."""
        self.cols, self.rows = cols, rows
        self.size = f"{cols}x{rows}"
        self.events: list[Event] = []
        self.taps: list[Callable[[], Iterable[str]]] = []
        """Each is asked every 20 ms for what has happened outside since; its words become markers."""
        self._tapped = 0.0
        self.terminal = pyghostty.Terminal(cols, rows)
        self._argv, self._env = argv, env
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.start = time.time()
        self._started = time.monotonic()
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            # The size must be right before the program looks.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.chdir(cwd)
            os.execve(argv[0], argv, env)
        if answers:
            self.terminal.on_reply(lambda reply: os.write(self._master, reply) and None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sign in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, sign)
            if sign != signal.SIGCONT and self._ended(3.0):
                break
        os.close(self._master)
        self.terminal.close()

    def _ended(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.watch(0.05)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return True
        return False

    def now(self) -> float:
        return time.monotonic() - self._started

    def mark(self, text: str) -> None:
        self.events.append((self.now(), "m", text))

    def type(self, text: str) -> None:
        self.events.append((self.now(), "i", text))
        os.write(self._master, text.encode())

    def resize(self, cols: int, rows: int) -> None:
        self.cols, self.rows = cols, rows
        self.events.append((self.now(), "r", f"{cols}x{rows}"))
        self.terminal.resize(cols, rows)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def tap(self) -> None:
        if time.monotonic() - self._tapped >= _TAP_S:
            self._tapped = time.monotonic()
            for tap in self.taps:
                for text in tap():
                    self.mark(text)

    def watch(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Takes output for `seconds`, or until something holds; whether that did."""
        deadline = time.monotonic() + seconds
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.tap()
            if select.select([self._master], [], [], min(left, _TAP_S if self.taps else 0.05))[0]:
                try:
                    data = os.read(self._master, 65536)
                except OSError:
                    return until()
                self.events.append((self.now(), "o", self._decoder.decode(data)))
                self.terminal.feed(data)
        return True

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        if not self.watch(seconds, lambda: text in self.screen()):
            raise TimeoutError(f"{text!r} did not show within {seconds} s:\n{self.screen()}")

    def prompt(self, text: str, sign: str = "") -> None:
        """Types a prompt and, when the client has drawn it, Enter: in one write it would be a paste.
        `sign`: a part of it that is enough, where the model of the screen shows the rest in another way."""
        self.type(text)
        self.drawn(sign or text)
        self.type("\r")

    def drawn(self, text: str) -> None:
        """Waits until the client shows what was typed, however it breaks the line."""
        wanted = solid(text)[: self.cols * 2]
        if not self.watch(20, lambda: wanted in solid(self.screen())):
            raise TimeoutError(f"{text!r} was not drawn:\n{self.screen()}")
        self.watch(0.3)

    def screen(self) -> str:
        return str(self.terminal.text())

    def save(self, path: Path, facts: Mapping[str, object] | None = None) -> None:
        """`facts` go into the header under "cc-guard"."""
        cols, rows = map(int, self.size.split("x"))
        header = {
            "version": 2,
            "width": cols,
            "height": rows,
            "timestamp": int(self.start),
            "command": " ".join([Path(self._argv[0]).name, *self._argv[1:]]),
            "env": {name: self._env[name] for name in _TELLING if name in self._env},
        }
        if facts is not None:
            header["cc-guard"] = facts
        write(path, header, self.events)


def write(path: Path, header: dict[str, Any], events: list[Event]) -> None:
    """A path that ends in `.gz` is written compressed, and appears when it is complete."""
    lines = [json.dumps(header, ensure_ascii=False)]
    lines += [json.dumps((round(t, 3), kind, data), ensure_ascii=False) for t, kind, data in events]
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    partial = path.with_name(f".{path.name}")
    partial.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    partial.rename(path)


def read(path: Path) -> tuple[dict[str, Any], list[Event]]:
    """Header and events of a compressed recording."""
    with gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape") as file:
        header = json.loads(file.readline())
        return header, [(t, kind, data) for t, kind, data in map(json.loads, file)]


# What decides how a program draws.
_TELLING = (
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "TMUX",
    "CLAUDE_CODE_NO_FLICKER",
    "CLAUDE_AX_SCREEN_READER",
    "CLAUDE_CODE_MAX_RETRIES",
    "API_TIMEOUT_MS",
)


def solid(text: str) -> str:
    """Without blanks, line ends and the lines of a box."""
    return re.sub(r"[\s│]+", "", text)
