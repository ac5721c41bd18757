"""The outer terminal: one wrapper on a PTY of its own, its keys and its output."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from collections.abc import Mapping
from pathlib import Path

from . import processes
from .contestants import Contestant

ROWS, COLUMNS = 50, 173
READY = b"<READY>"
QUIT = b"Q"
READY_WITHIN = 10.0
QUIT_WITHIN = 3.0
TAIL = 400


class SessionFailed(Exception):
    """The wrapper did not do its part; the text says what was seen."""


class Session:
    """A wrapper around one child program, as session leader on the slave side of a raw PTY."""

    def __init__(
        self, contestant: Contestant, folder: Path, program: str, environment: Mapping[str, str]
    ) -> None:
        self.contestant = contestant
        self.mark = str(folder)  # unique: a second bench may run beside this one
        self.program = program
        self._tail = b""  # the latest output, to show when something goes wrong
        self._ended = False
        command = contestant.command(folder, program)
        environment = {**environment, processes.MARK: self.mark}
        self._master, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.started = time.perf_counter()  # before the fork: it costs every contestant the same
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._master)
                os.login_tty(slave)
                os.execvpe(command[0], command, environment)
            except OSError as error:
                os.write(2, f"{command[0]}: {error.strerror}".encode())
            finally:
                os._exit(127)
        os.close(slave)

    def send(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def read(self, timeout: float) -> bytes:
        """What there is, as soon as there is something; nothing after `timeout`, and after the end."""
        if self._ended or not select.select([self._master], [], [], max(0.0, timeout))[0]:
            return b""
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: the last slave is closed
            data = b""
        if not data:
            self._ended = True
        self._tail = (self._tail + data)[-TAIL:]
        return data

    def pump(self, seconds: float) -> None:
        """Let time pass, as a terminal does: reading."""
        until = time.perf_counter() + seconds
        while not self._ended and (left := until - time.perf_counter()) > 0:
            self.read(left)

    def wait_for(self, token: bytes, timeout: float, into: list[bytes] | None = None) -> float:
        """The moment the read returned that completed `token`; what was read goes `into` a list.

        Tokens are unique in a session: one that came earlier is not looked for.
        """
        until = time.perf_counter() + timeout
        window = b""
        while True:
            data = self.read(until - time.perf_counter())
            now = time.perf_counter()
            if into is not None:
                into.append(data)
            window = window[-len(token) :] + data  # a read may cut the token
            if token in window:
                return now
            if self._ended:
                raise SessionFailed(f"ended before {token.decode()}: {_readable(self._tail)}")
            if now >= until:
                raise SessionFailed(f"no {token.decode()} within {timeout:g} s: {_readable(self._tail)}")

    def usage(self) -> list[processes.Usage]:
        return processes.wrapper_usage(self.contestant, self.mark, self.pid, self.program)

    def close(self, into: list[bytes] | None = None) -> list[str]:
        """End the child with its own key and wait until every process of the session is gone.

        What still runs after that is ended by pid and returned: a wrapper that leaves something behind.
        """
        with contextlib.suppress(OSError):  # it may have ended before
            self.send(QUIT)
        until = time.perf_counter() + QUIT_WITHIN
        while time.perf_counter() < until:
            data = self.read(0.02)
            if into is not None:
                into.append(data)
            if self._ended:
                if not processes.alive(processes.find(self.mark, self.pid)):
                    break
                time.sleep(0.02)
        left = processes.end(processes.find(self.mark, self.pid))
        os.close(self._master)
        with contextlib.suppress(ChildProcessError):  # psutil may have reaped it
            os.waitpid(self.pid, 0)
        return left


def _readable(output: bytes) -> str:
    """The end of an output without its escape sequences, for an error text."""
    text = re.sub(rb"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b.|[\x00-\x1f]+", b" ", output)
    return text.decode(errors="replace").strip()[-160:] or "no output"
