"""The outer terminal: a PTY without a person, and the real `cc-guard` (or a bare program) on it.

Output is taken only while a test waits for something, so a test decides how fast its terminal reads.
Every process of a session carries a mark in its environment: a session must leave none behind.
"""

import contextlib
import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from tests.support.client import clean_environment

CC_GUARD = str(Path(sys.executable).parent / "cc-guard")
MARK = "RELAY_TEST_MARK"
TIMEOUT_S = 20.0
SIZE = (40, 120, 960, 800)  # rows, columns, width and height in pixels

Attributes = list[Any]
Word = str | bytes


def python(code: str, *args: str | bytes) -> list[Word]:
    """A small client program: it starts in 10 ms."""
    return [sys.executable, "-ISc", code, *args]


def guarded(argv: Sequence[Word], *options: str) -> list[Word]:
    return [CC_GUARD, *options, "--", *argv]


def patched(patch: str, argv: Sequence[Word]) -> list[Word]:
    """As `guarded`, after a change to the modules under test: shorter times, planted bugs."""
    code = f"import sys\n{patch}\nfrom cc_guard.cli import main\nsys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", code, "--", *argv]


class Outer:
    """`argv` as the leader of a session of its own, on a terminal of its own."""

    def __init__(
        self,
        argv: Sequence[Word],
        env: dict[str, str],
        cwd: Path,
        *,
        size: tuple[int, int, int, int] = SIZE,
        pass_fds: Sequence[int] = (),
        stderr: int | None = None,
        before_exec: Callable[[], None] = lambda: None,
    ) -> None:
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self.output = bytearray()
        self._searched = 0
        self.master, self.slave = os.openpty()
        os.set_blocking(self.master, False)
        self.resize(*size)
        self.before = self.attributes()

        def in_child() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            before_exec()

        self.process = subprocess.Popen(
            argv,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave if stderr is None else stderr,
            env={**env, MARK: self.mark},
            cwd=cwd,
            pass_fds=pass_fds,
            start_new_session=True,
            preexec_fn=in_child,
        )
        self.pid = self.process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Time passes, as on a terminal: reading.

    def read(self, timeout_s: float, size: int = 65536) -> bytes:
        """What there is, as soon as there is something; nothing after `timeout_s`."""
        if self.master < 0 or not select.select([self.master], [], [], max(0.0, timeout_s))[0]:
            return b""
        try:
            data = os.read(self.master, size)
        except OSError:
            data = b""
        self.output += data
        return data

    def until(self, holds: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{what} within {timeout_s:g} s; output ended {bytes(self.output[-600:])!r}"
                )
            if self.master < 0:
                time.sleep(0.01)
            self.read(0.01)

    def wait_for(self, token: bytes, timeout_s: float = TIMEOUT_S) -> bytes:
        """The output up to and with the next `token`."""
        start = looked = self._searched
        at = -1

        def found() -> bool:
            nonlocal at, looked
            at = self.output.find(token, looked)
            looked = max(start, len(self.output) - len(token))
            return at >= 0

        self.until(found, f"no {token!r}", timeout_s)
        self._searched = at + len(token)
        return bytes(self.output[start : self._searched])

    def pump(self, seconds: float) -> None:
        """Lets time pass."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)

    def type(self, data: bytes) -> None:
        """As a terminal pastes: in pieces that the other side takes, reading on meanwhile."""
        view = memoryview(data)
        deadline = time.monotonic() + TIMEOUT_S
        while view:
            assert time.monotonic() < deadline, f"{len(view)} typed bytes were not taken"
            readable, writable, _ = select.select([self.master], [self.master], [], 0.5)
            if readable:
                self.read(0)
            if writable:
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(self.master, view[:4096]) :]

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """The status as Popen sees it (-n for signal n), all output taken."""
        self.until(lambda: self.process.poll() is not None, "no end", timeout_s)
        while self.read(0):
            pass
        return int(self.process.returncode)

    # The terminal itself.

    def attributes(self) -> Attributes:
        return termios.tcgetattr(self.slave)

    def unread(self) -> bytes:
        """What was typed and nobody has read: a shell would take it for its next command."""
        before, attributes = self.attributes(), self.attributes()
        attributes[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        unread = os.read(self.slave, 4096) if select.select([self.slave], [], [], 0.1)[0] else b""
        termios.tcsetattr(self.slave, termios.TCSANOW, before)
        return unread

    def resize(self, rows: int, columns: int, width: int = 0, height: int = 0) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))

    def hang_up(self) -> None:
        """The window is closed."""
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    @property
    def restored(self) -> bool:
        return self.attributes() == self.before

    @property
    def raw(self) -> bool:
        return not self.attributes()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    # The processes.

    def processes(self) -> list[psutil.Process]:
        """All that run with this session's mark."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def relay(self) -> psutil.Process:
        """The process that stands between this terminal and the client."""
        return self._one(lambda p: _is_cc_guard(p) and not _is_cc_guard(p.parent()), "relay")

    def shim(self) -> psutil.Process:
        return self._one(_is_shim, "shim")

    def client(self) -> psutil.Process:
        return self._one(lambda p: not _is_cc_guard(p) and _is_shim(p.parent()), "client")

    def guard(self) -> psutil.Process:
        return self._one(is_guard, "guard")

    def guards(self) -> list[psutil.Process]:
        return [process for process in self.processes() if _safely(is_guard, process)]

    def _one(self, wanted: Callable[[psutil.Process], bool], name: str) -> psutil.Process:
        found: list[psutil.Process] = []

        def look() -> bool:
            found[:] = [process for process in self.processes() if _safely(wanted, process)]
            return len(found) == 1

        self.until(look, f"no {name} among {self.processes()}")
        return found[0]

    def nothing_remains(self, timeout_s: float = TIMEOUT_S) -> None:
        self.until(lambda: not self.processes(), "processes remain", timeout_s)

    def only_guards(self) -> bool:
        return all(_safely(is_guard, process) or not process.is_running() for process in self.processes())

    def close(self) -> None:
        if not self.only_guards():
            for process in self.processes():
                with contextlib.suppress(psutil.Error):
                    process.kill()
        self.process.wait()
        if self.master >= 0:
            self.hang_up()


def is_guard(process: psutil.Process) -> bool:
    return "cc_guard.guard" in process.cmdline()


def stopped(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_STOPPED)


def gone(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _is_cc_guard(process: psutil.Process | None) -> bool:
    """Relay or shim: both run the console script, or its stand-in with a scripted guard."""
    if process is None:
        return False
    words = process.cmdline()[:3]
    return any(word == CC_GUARD or "cc_guard.cli" in word for word in words)


def _is_shim(process: psutil.Process | None) -> bool:
    return process is not None and _is_cc_guard(process) and _is_cc_guard(process.parent())


def _safely(wanted: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return wanted(process)
    return False


def environment(home: Path) -> dict[str, str]:
    (home / ".run").mkdir(parents=True, mode=0o700, exist_ok=True)
    return clean_environment(home)
