"""The user's terminal: raw mode and back, window size, an output that never blocks."""

import errno
import fcntl
import os
import select
import struct
import termios
import time
import tty

Attributes = list[int | list[bytes | int]]

# What clients ask terminals: DA1, DA2, XTVERSION, DSR, DECRQM, kitty keyboard, colour scheme, OSC colours,
# XTGETTCAP, DECRQSS, APC graphics.
_QUERIES = (b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[>0c", b"\x1b[>q", b"\x1b[>0q", b"\x1b[5n", b"\x1b[6n",
            b"$p", b"\x1b[?u", b"\x1b[?996n", b";?\x07", b";?\x1b\\", b"\x1bP+q", b"\x1bP$q",
            b"a=q")  # fmt: skip
_LATE_REPLY_S = 0.05

_NO_SIZE = struct.pack("HHHH", 0, 0, 0, 0)


def get_winsize(fd: int) -> bytes:
    """`struct winsize` as the kernel has it: rows, columns, width and height in pixels (tty_ioctl(4))."""
    try:
        return fcntl.ioctl(fd, termios.TIOCGWINSZ, _NO_SIZE)
    except OSError:
        return _NO_SIZE


def set_winsize(fd: int, size: bytes) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, size)


def new_page(size: bytes) -> bytes:
    """What moves all that a terminal of this `struct winsize` shows into its history, and goes to the top."""
    rows = struct.unpack("HHHH", size)[0]
    return b"\x1b[r\x1b[%d;1H%s\x1b[H" % (rows, b"\n" * rows) if rows else b"\r\n"


def in_foreground(fd: int) -> bool:
    """False where the kernel would stop this process for reading or setting the terminal."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True  # not the controlling terminal


def is_raw(fd: int) -> bool:
    """As `Terminal.raw` leaves it. A shell's line editor keeps signals and output processing."""
    attributes = termios.tcgetattr(fd)
    return not (attributes[1] & termios.OPOST or attributes[3] & (termios.ICANON | termios.ISIG))


class Terminal:
    """File descriptors 0 and 1 of this process, both the same terminal."""

    def __init__(self) -> None:
        self.stdin = 0
        self.saved: Attributes = termios.tcgetattr(0)
        self.is_raw = False
        self.output, self.chunk = _non_blocking_output()

    def raw(self) -> None:
        """Raises termios.error; EINTR when a signal came while the kernel had us stopped (`bg`)."""
        tty.setraw(self.stdin, termios.TCSANOW)
        self.is_raw = True

    def restore(self) -> None:
        """From the background nothing is restored: the terminal is the shell's."""
        while self.is_raw and in_foreground(self.stdin):
            try:
                termios.tcsetattr(self.stdin, termios.TCSADRAIN, self.saved)
            except termios.error as error:
                if error.args[0] == errno.EINTR:
                    continue
            self.is_raw = False  # or the terminal is gone

    def write_all(self, data: bytes | bytearray, deadline_s: float) -> int:
        """Write what can be written within `deadline_s`; returns how many bytes that were."""
        view = memoryview(data)
        end = time.monotonic() + deadline_s
        while view and (left := end - time.monotonic()) > 0:
            if not select.select([], [self.output], [], left)[1]:
                break
            try:
                view = view[os.write(self.output, view[: self.chunk]) :]
            except BlockingIOError:
                continue
            except OSError:
                break
        return len(data) - len(view)

    def drop_late_replies(self, last_output: bytes) -> None:
        """Read away answers to queries that the client sent just before its end: a shell would take
        them for typing. Does nothing when no query is in `last_output`."""
        if not any(query in last_output for query in _QUERIES):
            return
        end = time.monotonic() + _LATE_REPLY_S
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.stdin], [], [], left)[0]:
                return
            try:
                if not os.read(self.stdin, 4096):
                    return
            except OSError:
                return


def _non_blocking_output() -> tuple[int, int]:
    """A descriptor for the terminal, and how many bytes one write may have.

    O_NONBLOCK belongs to the open file description, which the shell shares: so the terminal is opened
    once more. Where that is not possible (another user's terminal after `su`), descriptor 1 is used with
    writes so small that a terminal which select() calls writable takes them.
    """
    try:
        path = os.ttyname(1)
        fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return 1, 2048
    ours, theirs = os.fstat(fd), os.fstat(1)
    if (ours.st_dev, ours.st_ino, ours.st_rdev) != (theirs.st_dev, theirs.st_ino, theirs.st_rdev):
        os.close(fd)
        return 1, 2048
    return fd, 65536
