"""The session leader between the relay and the client.

The client must not be the session leader itself: its process group would be orphaned, the kernel would
discard its SIGTSTP, and Ctrl-Z would hang it. So the shim leads the session, the client runs in its own
foreground process group, and the shim reports what becomes of it. When the relay dies the shim ends the
client and puts the terminal right.
"""

import contextlib
import errno
import os
import select
import signal
import struct
import termios
import time

from cc_guard.relay.terminal import Attributes, is_raw

REPORT = struct.Struct("!Bi")
STARTED = 0x50  # the client's process id
EXEC_FAILED = 0x45  # errno
STOPPED = 0x53  # the signal
CONTINUED = 0x43
EXITED = 0x58  # wait status

LEAVE = b"\x01"  # an order: the client has ended, and the terminal goes on with the next one

_HANGUP_GRACE_S = 2.0  # the client needs 0.11 s to end after SIGHUP (measured)
_LEADER_IGNORES = (signal.SIGTTOU, signal.SIGTTIN, signal.SIGTSTP, signal.SIGINT, signal.SIGQUIT,
                   signal.SIGHUP, signal.SIGTERM, signal.SIGWINCH)  # fmt: skip


class Spawn:
    """What the shim needs to start the client."""

    def __init__(
        self,
        program: str,
        argv: list[str],
        environ: dict[str, str],
        slave: int,
        stderr_too: bool,
        ignored: list[signal.Signals],
        mask: set[int | signal.Signals],
    ) -> None:
        self.program = program
        self.argv = argv
        self.environ = environ
        self.slave = slave
        self.stderr_too = stderr_too
        self.ignored = ignored
        self.mask = mask


class Wires:
    """The shim's descriptors: `reports` to the relay, `orders` from it (the bytes that reset the terminal's
    modes, or LEAVE, and a zero byte; its end is the relay's death), `outer` is the user's terminal."""

    def __init__(self, reports: int, orders: int, outer: int) -> None:
        self.reports = reports
        self.orders = orders
        self.outer = outer


def run(spawn: Spawn, wires: Wires, saved: Attributes, inherited: list[int]) -> None:
    """Body of the shim process; never returns. `saved` are the terminal's attributes, `inherited`
    descriptors meant for the client alone."""
    resets = b""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the client's status would be lost
        for number in _LEADER_IGNORES:
            signal.signal(number, signal.SIG_IGN)
        os.setsid()
        _acquire_terminal(spawn.slave)
        leader = os.getpid()
        child = os.fork()
        if child == 0:
            _exec_client(spawn, wires.reports, leader)
        signal.pthread_sigmask(signal.SIG_SETMASK, spawn.mask)
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        for fd in (spawn.slave, *inherited):
            os.close(fd)
        with contextlib.suppress(OSError):  # a relay that is gone already is noticed below
            os.write(wires.reports, REPORT.pack(STARTED, child))
        ended, resets = _watch(child, wires)
        if not ended:
            _end_client(child)
    finally:
        if resets != LEAVE:
            _put_right(wires.outer, resets, saved)
        os._exit(0)


def _acquire_terminal(slave: int) -> None:
    import fcntl

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def _exec_client(spawn: Spawn, reports: int, leader: int) -> None:
    try:
        os.setpgid(0, 0)
        os.tcsetpgrp(spawn.slave, os.getpid())
        for number in (*_LEADER_IGNORES, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        for number in spawn.ignored:
            signal.signal(number, signal.SIG_IGN)
        os.dup2(spawn.slave, 0)
        os.dup2(spawn.slave, 1)
        if spawn.stderr_too:
            os.dup2(spawn.slave, 2)
        signal.pthread_sigmask(signal.SIG_SETMASK, spawn.mask)
        if os.getppid() != leader:
            return  # the shim was killed before this process could be hung up on
        os.execve(spawn.program, spawn.argv, spawn.environ)
    except OSError as error:
        os.write(reports, REPORT.pack(EXEC_FAILED, error.errno or errno.ENOEXEC))
    finally:
        os._exit(127)


def _watch(child: int, wires: Wires) -> tuple[bool, bytes]:
    """Report every change of the client's state, until the relay is done or dead. Whether the client has
    ended, and what resets the terminal's modes."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ended, resets = False, b""
    while True:
        # A client that has ended is no proof of a relay that lives: the kernel hangs up on it first.
        ended = ended or _report_changes(child, wires.reports)
        ready, _, _ = select.select([wake_read, wires.orders], [], [])
        if wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 512)
        if wires.orders in ready:
            data = os.read(wires.orders, 65536)
            if not data:
                return ended, resets
            resets = data.removesuffix(b"\0").rpartition(b"\0")[2]


def _report_changes(child: int, reports: int) -> bool:
    """True when the client has ended."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        if pid == 0:
            return False
        if os.WIFSTOPPED(status):
            report = REPORT.pack(STOPPED, os.WSTOPSIG(status))
        elif os.WIFCONTINUED(status):
            report = REPORT.pack(CONTINUED, 0)
        else:
            report = REPORT.pack(EXITED, status)
            _leave_foreground()
        with contextlib.suppress(OSError):
            os.write(reports, report)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return True


def _leave_foreground() -> None:
    """Take the foreground from what the client left running: at a session leader's end, and when the relay
    closes the client's terminal, the kernel sends SIGHUP to the foreground group, and without cc-guard nobody
    would have hung up on those processes."""
    with contextlib.suppress(OSError):
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        os.tcsetpgrp(fd, os.getpgrp())
        os.close(fd)


def _end_client(child: int) -> None:
    for number in (signal.SIGHUP, signal.SIGCONT):
        with contextlib.suppress(OSError):
            os.killpg(child, number)
    end = time.monotonic() + _HANGUP_GRACE_S
    while time.monotonic() < end:
        try:
            if os.waitpid(child, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return
        time.sleep(0.02)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)


def _put_right(outer: int, resets: bytes, saved: Attributes) -> None:
    """The terminal as a relay leaves it, in case this one could not. A shell may have taken it back by itself
    meanwhile, and its line editor has attributes of its own."""
    with contextlib.suppress(OSError, termios.error):
        if resets:
            os.write(outer, resets)
        if is_raw(outer):
            termios.tcsetattr(outer, termios.TCSANOW, saved)
