"""A client's terminal line: its pty, and the shim that leads the session on it. One for each client."""

import contextlib
import errno
import fcntl
import os
import signal
import struct
import termios
import time
from collections.abc import Callable

from cc_guard.relay import shim
from cc_guard.relay.terminal import Attributes, Terminal, get_winsize, set_winsize

_ORPHAN_GRACE_S = 2.0  # as a shim gives it

Changes = dict[str, str | None]
"""To the environment; None: the variable is taken away."""


class Line:
    """`master` is the client's terminal, `reports` comes from the shim, `orders` goes to it."""

    def __init__(self, leader: int, master: int, reports: int, orders: int, name: str) -> None:
        self.leader = leader
        self.master = master
        self.reports = reports
        self.orders = orders
        self._name = name

    def order(self, word: bytes) -> None:
        """What the shim writes to the terminal if this process is killed; or shim.LEAVE."""
        with contextlib.suppress(OSError):
            os.write(self.orders, word + b"\0")

    def unread(self) -> int:
        """Bytes of input that the client has not read; -1 when that can't be known."""
        try:
            fd = os.open(self._name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return -1
        try:
            return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0])
        except OSError:
            return -1
        finally:
            os.close(fd)

    def takes_keys(self) -> bool:
        """Whether the client has put its terminal into a mode in which it reads single keys."""
        try:
            return not termios.tcgetattr(self.master)[3] & termios.ICANON
        except termios.error:
            return True  # macOS, once nobody has the slave open

    def close(self) -> None:
        for fd in (self.master, self.reports, self.orders):
            os.close(fd)

    def reap(self, wait: bool = False) -> bool:
        """Whether the shim is gone. `wait`: until it is."""
        try:
            return os.waitpid(self.leader, 0 if wait else os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True


class Beginning:
    """How a client is started: everything that is the same for the first one and for those after it."""

    def __init__(
        self,
        program: str,
        environ: dict[str, str],
        terminal: Terminal,
        stderr_too: bool,
        ignored: list[signal.Signals],
        mask: set[int | signal.Signals],
    ) -> None:
        self._program = program
        self._environ = environ
        self._terminal = terminal
        self._stderr_too = stderr_too
        self._ignored = ignored
        self._mask = mask

    def line(
        self, argv: list[str], changes: Changes, inherited: list[int], let_go: Callable[[], None]
    ) -> Line:
        """A client on a new line. `inherited` descriptors are for the client alone; `let_go()` closes in the
        shim what is the relay's. Signals that the relay handles must be blocked. Raises OSError."""
        environ = {**self._environ, **changes}
        master, slave = open_pty(get_winsize(self._terminal.stdin), self._terminal.saved)
        fds = [master, slave]
        try:
            fds += [*os.pipe(), *os.pipe()]
            _, _, reports, shim_reports, shim_orders, orders = fds
            spawn = shim.Spawn(
                self._program,
                argv,
                {name: value for name, value in environ.items() if value is not None},
                slave,
                self._stderr_too,
                self._ignored,
                self._mask,
            )
            leader = os.fork()
        except BaseException:
            for fd in fds:
                os.close(fd)
            raise
        if leader == 0:
            try:
                for fd in (master, reports, orders):
                    os.close(fd)
                let_go()
                wires = shim.Wires(shim_reports, shim_orders, self._terminal.stdin)
                shim.run(spawn, wires, self._terminal.saved, inherited)
            finally:
                os._exit(127)
        name = _name(slave)
        for fd in (slave, shim_reports, shim_orders, *inherited):
            os.close(fd)
        return Line(leader, master, reports, orders, name)


def open_pty(size: bytes, attributes: Attributes) -> tuple[int, int]:
    """Master and slave with the size and line discipline of the user's terminal, set before exec."""
    master, slave = os.openpty()
    try:
        if size != b"\0" * 8:
            set_winsize(slave, size)
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
    except termios.error as error:
        os.close(master)
        os.close(slave)
        raise OSError(*error.args) from error
    return master, slave


def end_orphan(group: int) -> None:
    """A client whose shim was killed: the kernel has hung up on it, and it gets as long as from a shim."""
    end = time.monotonic() + _ORPHAN_GRACE_S
    with contextlib.suppress(OSError):
        while time.monotonic() < end and state(group) != "Z":  # in a container perhaps for ever
            os.killpg(group, 0)
            time.sleep(0.02)
        os.killpg(group, signal.SIGKILL)


def state(pid: int) -> str:
    """A process's state right now as proc(5) has it, `T` when it is stopped; empty without /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return ""


def exec_status(number: int) -> int:
    """The wait status of a shell that can't run a program for the reason `number` (an errno)."""
    return (127 if number == errno.ENOENT else 126) << 8


def _name(slave: int) -> str:
    try:
        return os.ttyname(slave)
    except OSError:
        return ""  # a container whose /dev/pts is another one
