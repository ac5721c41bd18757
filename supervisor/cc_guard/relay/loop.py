"""The relay's loop: bytes first (passage.py), then signals, the client's state, and the guard's wishes.

Events for the guard (EVENT frames, ASCII): `pid N`, `held OFFSET`, `refused`, `released REASON`,
`suspended`, `resumed`, `exit STATUS`. Reasons: `guard` (asked for), `key`, `interrupt` (Ctrl-C or Escape),
`input` (the buffer for typed text is full), `lease`, `outside` (somebody else sent SIGCONT), `signal`.
"""

import contextlib
import errno
import os
import select
import signal
import struct
import termios
import time

from cc_guard.relay import keys, link, shim
from cc_guard.relay.guard_process import GuardProcess
from cc_guard.relay.hold import Hold
from cc_guard.relay.mend import Mend
from cc_guard.relay.passage import BUFFER_LIMIT, Passage
from cc_guard.relay.terminal import Terminal, get_winsize, in_foreground, set_winsize

_QUIET_AFTER_EXIT_S = 0.1  # processes that the client left may hold its terminal open for ever
_DRAIN_LIMIT = 64 * 1024  # more than a pty holds back: 12 KB on Linux
_TERM_GRACE_S = 10.0  # SessionEnd hooks may run after SIGTERM; then SIGKILL
_GUARD_DELAY_S = 0.3  # after the client's start, or
_GUARD_AFTER_OUTPUT_S = 0.1  # after its first output: what prints its version and ends needs no guard
_REPAINT_GAP_S = 0.05
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
HANDLED = (*_FORWARDED, signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT)


class Relay:
    """Runs one session. `run()` returns the client's wait status."""

    def __init__(
        self, terminal: Terminal, master: int, reports: int, orders: int, guard: GuardProcess
    ) -> None:
        self.terminal = terminal
        self.master = master
        self.bytes = Passage(terminal, master, guard, self._on_typed, self._on_terminal_gone)
        self.reports = reports
        self.orders = orders
        self.guard = guard
        self.hold = Hold()
        self.client = 0
        self.status: int | None = None
        self.exec_errno = 0
        self.modes = b""
        self._winsize = b""
        self._signals: set[int] = set()  # have come, and are not handled yet
        self._started = time.monotonic()
        self._exited_at = 0.0
        self._exit_offset = 0
        self._kill_at = 0.0
        self._repaint_at = 0.0
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def install_signals(self) -> None:
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in HANDLED:
            if signal.getsignal(number) != signal.SIG_IGN or number == signal.SIGCHLD:
                signal.signal(number, lambda *_: None)

    def run(self) -> int:
        self._resize()
        others = [self._wake_read, self.reports]
        while not self._finished():
            if not (self._undisturbed() and self.bytes.plain and self.bytes.pass_on(others)):
                self._turn()
        assert self.status is not None
        self._tell(b"exit %d" % self.status)
        return self.status

    def _undisturbed(self) -> bool:
        """Nothing is held or due."""
        return self.status is None and not (self.hold.group or self._kill_at or self._repaint_at)

    def _turn(self) -> None:
        """Whatever there is to do, bytes first."""
        readers, writers = self.bytes.want()
        readers.append(self._wake_read)
        if self.status is None:
            readers.append(self.reports)
        guard = self.guard.link
        if not guard.closed:
            readers.append(guard.read_fd)
        timeout = self._timeout()
        ready, writable, _ = select.select(readers, writers, [], self.bytes.timeout(timeout))

        self.bytes.serve(ready, writable)
        if self._wake_read in ready:
            self._on_signals()
        if self.reports in ready:
            self._on_reports()
        if guard.read_fd in ready and guard is self.guard.link:
            for kind, payload in guard.receive():
                self._on_command(kind, payload)
        self.bytes.copy(idle=not ready)
        if timeout is not None or self.guard.link.closed:
            self._on_time()

    def _tell(self, words: bytes) -> None:
        """An event for the guard, at once."""
        self.guard.link.send(link.EVENT, words)
        if self.guard.running:
            self.guard.link.flush()

    def _timeout(self) -> float | None:
        due = []
        if self.hold.active:
            due.append(self.hold.remaining_s())
        if self._exited_at:
            due.append(_QUIET_AFTER_EXIT_S / 4)
        if self._kill_at:
            due.append(self._kill_at - time.monotonic())
        if self._repaint_at:
            due.append(self._repaint_at - time.monotonic())
        if not self.guard.running and self.status is None:
            due.append(self._guard_due_in_s())
        return max(0.0, min(due)) if due else None

    # The client's state.

    def _on_reports(self) -> None:
        try:
            data = os.read(
                self.reports, shim.REPORT.size
            )  # 5 bytes are written and read in one piece: pipe(7)
        except OSError:
            data = b""
        if len(data) < shim.REPORT.size:
            self._ended(signal.SIGHUP)  # the shim was killed, and its end hung up on the client
            return
        kind, value = shim.REPORT.unpack(data)
        if kind == shim.STARTED:
            self.client = value
            self._tell(b"pid %d" % value)
            self._forward_signals()  # that came before there was somebody to forward them to
        elif kind == shim.EXEC_FAILED:
            self.exec_errno = value
        elif kind == shim.STOPPED:
            # A report may be older than a SIGCONT of ours: ask /proc too, where there is one.
            if not self.hold.caused(value) and self._state() in ("T", ""):
                self._suspend()
        elif kind == shim.CONTINUED:
            self.hold.continued()
            if self.hold.active and self._state() != "T":
                self._release("outside")
        elif kind == shim.EXITED:
            self._ended(value)

    def _ended(self, status: int) -> None:
        if self.status is None:
            self._release("exit")
            self.status = status
            self._exited_at = time.monotonic()
            self._exit_offset = self.bytes.offset

    def _finished(self) -> bool:
        """The client has ended, and the terminal has all that it wrote, however slow it is."""
        if self.status is None:
            return False
        if not self.bytes.terminal_open:
            return True
        if self.bytes.to_terminal:
            return False
        if not self.bytes.master_open or self.bytes.offset - self._exit_offset > _DRAIN_LIMIT:
            return True
        last = max(self.bytes.last_output, self._exited_at)
        return time.monotonic() - last > _QUIET_AFTER_EXIT_S and not self._readable(self.master)

    def _suspend(self) -> None:
        """The user suspended the client: hand the terminal back and stop, as the client alone would."""
        self._release("signal", resume=False)
        limit = self.bytes.offset + _DRAIN_LIMIT
        while self.bytes.master_open and self.bytes.offset < limit and self._readable(self.master):
            self.bytes.read_master()
        del self.bytes.to_terminal[: self.terminal.write_all(self.bytes.to_terminal, 1.0)]
        self._tell(b"suspended")
        self.order_resets(b"")
        self.terminal.restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(
            0, signal.SIGTSTP
        )  # the whole job, as the terminal would; discarded where no shell can resume it
        signal.signal(signal.SIGTSTP, lambda *_: None)
        self._resume()
        self._tell(b"resumed")
        self._on_signals()

    def _resume(self) -> None:
        """After SIGCONT: the terminal as the client had it, unless the session is to end without it."""
        self._note_signals()
        while in_foreground(self.terminal.stdin) or not {signal.SIGTERM, signal.SIGHUP} & self._signals:
            try:
                self.terminal.raw()  # in the background the kernel stops us here, until `fg`
                break
            except termios.error as error:
                self._note_signals()
                if error.args[0] != errno.EINTR:
                    self.bytes.terminal_gone()
                    break
        self._signals.discard(signal.SIGCONT)
        self.order_resets(self.modes)
        self._resize()
        self._forward_signals()
        if not self.hold.active:
            self._signal_client(signal.SIGCONT)

    def _note_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._signals.update(os.read(self._wake_read, 4096))

    def _on_signals(self) -> None:
        self._note_signals()
        if signal.SIGCONT in self._signals:
            self._resume()  # somebody stopped us by SIGSTOP
        if signal.SIGWINCH in self._signals:
            self._resize()
        if signal.SIGCHLD in self._signals and self.guard.reap():
            self._release("lease")
        self._signals.intersection_update(_FORWARDED)
        self._forward_signals()

    def _forward_signals(self) -> None:
        if self.client:
            for number in _FORWARDED:
                if number in self._signals:
                    self._signals.discard(number)
                    self._forward(number)

    def _forward(self, number: int) -> None:
        self._release("signal")
        self._signal_client(number)
        if number in (signal.SIGTERM, signal.SIGHUP):
            if self.status is not None:
                self._give_up_terminal()
            elif not self._kill_at:
                self._kill_at = time.monotonic() + _TERM_GRACE_S

    def _give_up_terminal(self) -> None:
        """Who told us to end does not want to wait for a terminal that takes nothing."""
        self.bytes.terminal_open = False

    def _signal_client(self, number: int) -> None:
        if not self.client or self.status is not None:
            return
        groups = {self.client}
        with contextlib.suppress(OSError):
            groups.add(os.tcgetpgrp(self.master))
        for group in groups:
            with contextlib.suppress(OSError):
                if group > 0:
                    os.killpg(group, number)

    def _resize(self) -> None:
        size = get_winsize(self.terminal.stdin)
        if size == self._winsize or not self.bytes.master_open:
            return
        self._winsize = size
        try:
            set_winsize(self.master, size)
        except OSError:
            return
        self.guard.link.send(link.SIZE, link.WINSIZE.pack(*struct.unpack("HHHH", size)))

    def _on_terminal_gone(self) -> None:
        self._forward(signal.SIGHUP)

    # The guard's wishes.

    def _on_command(self, kind: int, payload: bytes) -> None:
        if kind == link.HOLD and len(payload) == link.OFFSET.size + 1:
            self._start_hold(link.OFFSET.unpack_from(payload)[0], payload[-1])
        elif kind == link.RENEW:
            self.hold.renew()
        elif kind == link.RELEASE:
            self._release("guard")
        elif kind == link.NOTICE:
            self._notice(payload)
        elif kind == link.MODES:
            self.modes = payload
            self.order_resets(payload)
        elif kind == link.REPAINT:
            self._repaint()

    def order_resets(self, resets: bytes) -> None:
        """What the shim writes to the terminal if this process is killed."""
        with contextlib.suppress(OSError):
            os.write(self.orders, resets + b"\0")

    def _start_hold(self, offset: int, release_key: int) -> None:
        """Only between frames: the guard saw a complete frame that ended at `offset`, and the client has
        written nothing since."""
        fresh = offset == self.bytes.offset and not self.bytes.to_terminal and not self._readable(self.master)
        free = not self.hold.active and self.status is None and self._client_in_foreground()
        if fresh and free and self.hold.start(self.client, release_key):
            self._tell(b"held %d" % offset)
        else:
            self._tell(b"refused")

    def _release(self, reason: str, resume: bool = True) -> None:
        if not self.hold.active:
            return
        if self.hold.at_release:
            self.bytes.say(self.hold.at_release)
            self.hold.at_release = b""
        if self.hold.mend:
            self.bytes.mend = Mend(self.hold.mend) if resume else None
            self.hold.mend = b""
        if resume:
            self.hold.end()
        else:
            self.hold.abandon()
        self._tell(b"released " + reason.encode())

    def _on_typed(self, data: bytes) -> bytes:
        """While held: take the release key out; what else is typed waits in the queue of the client."""
        if not self.hold.active:
            return data
        found = keys.find_key(data, self.hold.release_key)
        if found:
            self._release("key")
            return data[: found[0]] + data[found[1] :]
        if keys.is_interrupt(data):
            self._release("interrupt")
        elif len(self.bytes.to_client) + len(data) >= BUFFER_LIMIT:
            self._release("input")
        return data

    def _notice(self, payload: bytes) -> None:
        """Words in the title while held. Refused when output has come since, so that they never land
        inside an escape sequence of the client."""
        head = link.OFFSET.size + 4
        if len(payload) < head or not self.hold.active:
            return
        offset, now_length, release_length = struct.unpack_from("!QHH", payload)
        if offset == self.bytes.offset and not self.bytes.to_terminal:
            release = head + now_length
            self.bytes.say(payload[head:release])
            self.hold.at_release = payload[release : release + release_length]
            self.hold.mend = payload[release + release_length :]

    def _repaint(self) -> None:
        rows, columns, width, height = struct.unpack("HHHH", self._winsize)
        if columns > 2 and not self.hold.active and not self._repaint_at:
            set_winsize(self.master, struct.pack("HHHH", rows, columns - 1, width, height))
            self._repaint_at = time.monotonic() + _REPAINT_GAP_S

    def _on_time(self) -> None:
        now = time.monotonic()
        if self.hold.active and (self.hold.remaining_s() <= 0 or self.guard.link.closed):
            self._release("lease")
        if self._kill_at and now >= self._kill_at:
            self._kill_at = 0.0
            self._signal_client(signal.SIGKILL)
            if self.status is not None:
                self._give_up_terminal()
        if self._repaint_at and now >= self._repaint_at:
            self._repaint_at = 0.0
            self._winsize = b""
            self._resize()
        if self.guard.link.closed and self.guard.running:
            self.guard.hung_up()
        if not self.guard.running and self.status is None and self._guard_due_in_s() <= 0:
            self._start_guard()

    def _guard_due_in_s(self) -> float:
        first = self._started + _GUARD_DELAY_S
        if self.bytes.first_output:
            first = min(first, self.bytes.first_output + _GUARD_AFTER_OUTPUT_S)
        return max(first - time.monotonic(), self.guard.start_due_in_s())

    def _start_guard(self) -> None:
        self.guard.start()
        if self.guard.restarted:
            guard = self.guard.link
            guard.send(link.EVENT, b"pid %d" % self.client)
            guard.send(link.SIZE, link.WINSIZE.pack(*struct.unpack("HHHH", self._winsize)))
            guard.send(link.STALE, link.OFFSET.pack(self.bytes.offset))

    # Small questions.

    def _client_in_foreground(self) -> bool:
        """False while the client has lent its terminal to another job, such as an editor."""
        try:
            return self.client > 0 and os.tcgetpgrp(self.master) == self.client
        except OSError:
            return False

    def _readable(self, fd: int) -> bool:
        return bool(select.select([fd], [], [], 0)[0])

    def _state(self) -> str:
        """The client's state right now as proc(5) has it, `T` when it is stopped; empty without /proc."""
        try:
            with open(f"/proc/{self.client}/stat", "rb") as file:
                return file.read().rpartition(b")")[2].split()[0].decode()
        except OSError:
            return ""


def open_pty(size: bytes, attributes: list[int | list[bytes | int]]) -> tuple[int, int]:
    """Master and slave with the size and line discipline of the user's terminal, set before exec."""
    master, slave = os.openpty()
    if size != b"\0" * 8:
        set_winsize(slave, size)
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    return master, slave
