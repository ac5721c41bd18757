"""A program on a pseudo-terminal, its output kept byte for byte with times and shown on a model screen.

`save` writes asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/): output as "o", what was
typed as "i", what happened outside as markers "m". Times are seconds since the start.
"""

import codecs
import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pyghostty


class Recorder:
    def __init__(
        self, argv: list[str], env: dict[str, str], cwd: Path, cols: int, rows: int, answers: bool = False
    ) -> None:
        """`answers`: the model screen's replies to terminal queries go back to the program."""
        self.cols, self.rows = cols, rows
        self.events: list[tuple[float, str, str]] = []
        self.terminal = pyghostty.Terminal(cols, rows)
        self._argv, self._env = argv, env
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.start = time.time()
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
        return time.time() - self.start

    def mark(self, text: str) -> None:
        self.events.append((self.now(), "m", text))

    def type(self, text: str) -> None:
        self.events.append((self.now(), "i", text))
        os.write(self._master, text.encode())

    def watch(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Takes output for `seconds`, or until something holds; whether that did."""
        deadline = time.monotonic() + seconds
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if select.select([self._master], [], [], min(left, 0.05))[0]:
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

    def prompt(self, text: str) -> None:
        """Types a prompt and, when the client has drawn it, Enter: in one write it would be a paste."""
        self.type(text)
        self.wait_for(text[: self.cols - 10])
        self.watch(0.3)
        self.type("\r")

    def screen(self) -> str:
        return str(self.terminal.text())

    def save(self, path: Path) -> None:
        header = {
            "version": 2,
            "width": self.cols,
            "height": self.rows,
            "timestamp": int(self.start),
            "command": " ".join(self._argv),
            "env": {name: self._env[name] for name in ("TERM", "COLORTERM")},
        }
        with path.open("w", encoding="utf-8", errors="surrogateescape") as file:
            for line in (header, *self.events):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
