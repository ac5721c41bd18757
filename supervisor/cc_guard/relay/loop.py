"""The relay's loop: bytes first (passage.py), then signals, the client's state, and what the guard asks
for (requests.py).
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
from cc_guard.relay.line import Beginning, Changes, Line, state
from cc_guard.relay.mend import Mend
from cc_guard.relay.overlay import Overlay
from cc_guard.relay.passage import BUFFER_LIMIT, Passage
from cc_guard.relay.requests import Requests
from cc_guard.relay.restart import Restarts
from cc_guard.relay.terminal import Terminal, get_winsize, in_foreground, set_winsize
from cc_guard.relay.typist import Typist

_QUIET_AFTER_EXIT_S = 0.1  # processes that the client left may hold its terminal open for ever
_DRAIN_LIMIT = 64 * 1024  # more than a pty holds back: 12 KB on Linux
_TERM_GRACE_S = 10.0  # SessionEnd hooks may run after SIGTERM; then SIGKILL
_GUARD_DELAY_S = 0.3  # after the client's start, or
_GUARD_AFTER_OUTPUT_S = 0.1  # after its first output: what prints its version and ends needs no guard
_REPAINT_GAP_S = 0.05
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
HANDLED = (*_FORWARDED, signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT)


class Relay:
    """Runs one session. `run()` returns the last client's wait status."""

    def __init__(
        self,
        terminal: Terminal,
        line: Line,
        guard: GuardProcess,
        beginning: Beginning,
        argv: list[str],
        restartable: bool,
    ) -> None:
        self.terminal = terminal
        self.line = line
        self.bytes = Passage(terminal, line.master, guard, self._on_typed, self._on_terminal_gone)
        self.guard = guard
        self.argv = argv
        self.orphan = 0  # a client whose shim was killed
        self.hold = Hold()
        self.typist = Typist(self.bytes, self._unread, self.tell)
        self.overlay = Overlay(self.bytes, self.tell, self.order_undo)
        self.restarts = Restarts(self, restartable)
        self.gate = self.restarts.gate
        self._requests = Requests(self)
        self._beginning = beginning
        self.client = 0
        self.status: int | None = None
        self.exec_errno = 0
        self.modes = b""
        self._winsize = b""
        self._signals: set[int] = set()  # have come, and are not handled yet
        self._started = time.monotonic()
        self._exited_at = 0.0
        self._exit_offset = 0
        self.kill_at = 0.0
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
        self.resize()
        self.tell_argv()
        while True:
            others = [self._wake_read, self.line.reports]
            while not self._finished():
                if not (self._undisturbed() and self.bytes.plain and self.bytes.pass_on(others)):
                    self._turn()
            if not self.restarts.begin():
                break
        assert self.status is not None
        self.tell(b"exit %d" % self.status)
        return self.status

    def _undisturbed(self) -> bool:
        """Nothing is held or due."""
        return self.status is None and not (
            self.hold.group or self.kill_at or self._repaint_at or self.gate.shut or self.typist.busy
        )

    def _turn(self) -> None:
        """Whatever there is to do, bytes first."""
        self.bytes.listening = self.gate.listens if self.gate.shut else self.typist.listens
        readers, writers = self.bytes.want()
        readers.append(self._wake_read)
        if self.status is None:
            readers.append(self.line.reports)
        screen = self.overlay.reads()
        readers += screen
        guard = self.guard.link
        if not guard.closed:
            readers.append(guard.read_fd)
        timeout = self._timeout()
        ready, writable, _ = select.select(readers, writers, [], self.bytes.timeout(timeout))

        self.bytes.serve(ready, writable)
        if self._wake_read in ready:
            self._on_signals()
        if self.line.reports in ready:
            self._on_reports()
        if guard.read_fd in ready and guard is self.guard.link:
            for kind, payload in guard.receive():
                self._requests.take(kind, payload)
        if screen and screen[0] in ready and screen == self.overlay.reads():
            self._uncovered(self.overlay.read())
        self.typist.turn()
        self.bytes.copy(idle=not ready)
        if timeout is not None or self.guard.link.closed:
            self._on_time()

    def tell(self, words: bytes) -> None:
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
        if self.kill_at:
            due.append(self.kill_at - time.monotonic())
        if self._repaint_at:
            due.append(self._repaint_at - time.monotonic())
        waits = self.typist.due_in_s(), self.gate.due_in_s(time.monotonic()), self.overlay.due_in_s()
        for wait in waits:
            if wait is not None:
                due.append(wait)
        if not self.guard.running and self.status is None:
            due.append(self._guard_due_in_s())
        return max(0.0, min(due)) if due else None

    # The client's state.

    def _on_reports(self) -> None:
        try:
            data = os.read(
                self.line.reports, shim.REPORT.size
            )  # 5 bytes are written and read in one piece: pipe(7)
        except OSError:
            data = b""
        if len(data) < shim.REPORT.size:
            self.orphan = self.client
            self.restarts.cancel()
            self._ended(signal.SIGHUP)  # the shim was killed, and its end hung up on the client
            return
        kind, value = shim.REPORT.unpack(data)
        if kind == shim.STARTED:
            self.client = value
            self.restarts.tell_start(value)
            self._forward_signals()  # that came before there was somebody to forward them to
        elif kind == shim.EXEC_FAILED:
            self.exec_errno = value
        elif kind == shim.STOPPED:
            # A report may be older than a SIGCONT of ours: ask /proc too, where there is one.
            if not self.hold.caused(value) and state(self.client) in ("T", ""):
                if self.restarts.pending:
                    self.signal_client(signal.SIGCONT)
                else:
                    self._suspend()
        elif kind == shim.CONTINUED:
            self.hold.continued()
            if self.hold.active and state(self.client) != "T":
                self.release("outside")
        elif kind == shim.EXITED:
            self._ended(value)

    def _ended(self, status: int) -> None:
        if self.status is None:
            self.release("exit")
            self.typist.forget()
            if self.restarts.pending:
                self.kill_at = 0.0
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
        return time.monotonic() - last > _QUIET_AFTER_EXIT_S and not self.readable(self.bytes.master)

    def _suspend(self) -> None:
        """The user suspended the client: hand the terminal back and stop, as the client alone would."""
        self.release("signal", resume=False)
        limit = self.bytes.offset + _DRAIN_LIMIT
        while self.bytes.master_open and self.bytes.offset < limit and self.readable(self.bytes.master):
            self.bytes.read_master()
        del self.bytes.to_terminal[: self.terminal.write_all(self.bytes.to_terminal, 1.0)]
        self.tell(b"suspended")
        self.line.order(b"")
        self.terminal.restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(
            0, signal.SIGTSTP
        )  # the whole job, as the terminal would; discarded where no shell can resume it
        signal.signal(signal.SIGTSTP, lambda *_: None)
        self._resume()
        self.tell(b"resumed")
        self._on_signals()

    def _resume(self) -> None:
        """After SIGCONT: the terminal as the client had it, unless the session is to end without it."""
        self._note_signals()
        while in_foreground(self.terminal.stdin) or not self._told_to_end():
            try:
                self.terminal.raw()  # in the background the kernel stops us here, until `fg`
                break
            except termios.error as error:
                self._note_signals()
                if error.args[0] != errno.EINTR:
                    self.bytes.terminal_gone()
                    break
        self._signals.discard(signal.SIGCONT)
        self.bytes.last_typed = time.monotonic()  # somebody has just said `fg`
        self.order_undo()
        self.resize()
        self._forward_signals()
        if not self.hold.active:
            self.signal_client(signal.SIGCONT)

    def _told_to_end(self) -> bool:
        over = self.status is not None or self.kill_at > 0
        return over or bool({signal.SIGTERM, signal.SIGHUP} & self._signals)

    def _note_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._signals.update(os.read(self._wake_read, 4096))

    def _on_signals(self) -> None:
        self._note_signals()
        if signal.SIGCONT in self._signals:
            self._resume()  # somebody stopped us by SIGSTOP
        if signal.SIGWINCH in self._signals:
            self.resize()
        if signal.SIGCHLD in self._signals:
            self.restarts.reap()
            self._uncovered(self.overlay.reap())
            if self.guard.reap():
                self.release("lease")
                self.overlay.end()
        self._signals.intersection_update(_FORWARDED)
        self._forward_signals()

    def _forward_signals(self) -> None:
        if self.client:
            for number in _FORWARDED:
                if number in self._signals:
                    self._signals.discard(number)
                    self._forward(number)

    def _forward(self, number: int) -> None:
        self.release("signal")
        if number != signal.SIGTSTP:
            self.restarts.cancel()
        self.signal_client(number)
        if number in (signal.SIGTERM, signal.SIGHUP):
            if self.status is not None:
                self._give_up_terminal()
            elif not self.kill_at:
                self.kill_at = time.monotonic() + _TERM_GRACE_S

    def _give_up_terminal(self) -> None:
        """Who told us to end does not want to wait for a terminal that takes nothing."""
        self.bytes.terminal_open = False

    def signal_client(self, number: int) -> None:
        if not self.client or self.status is not None:
            return
        groups = {self.client}
        with contextlib.suppress(OSError):
            groups.add(os.tcgetpgrp(self.bytes.master))
        for group in groups:
            with contextlib.suppress(OSError):
                if group > 0:
                    os.killpg(group, number)

    def begin(self, argv: list[str], changes: Changes) -> Line:
        """Another client, in place of one that has ended, whose line is returned. Raises OSError."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            line = self._beginning.line(argv, changes, [], self._let_go)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        old = self.line
        self.line, self.argv = line, argv
        self.client, self.status = 0, None
        self.modes, self._winsize = b"", b""
        self._exited_at = self._repaint_at = self.kill_at = 0.0
        self.hold.continued()
        self.typist.forget()
        self.bytes.switch(line.master)
        self.resize()
        return old

    def _let_go(self) -> None:
        """In a new shim: what belongs to this process alone."""
        for fd in (self._wake_read, self._wake_write):
            os.close(fd)
        self.line.close()
        self.overlay.disown()
        self.guard.disown()

    @property
    def ending(self) -> bool:
        """Something has happened after which there may be no client soon."""
        over = self.status is not None or self.kill_at or self._signals or self.readable(self.line.reports)
        return bool(over) or not (self.bytes.terminal_open and self.bytes.master_open)

    def resize(self) -> None:
        size = get_winsize(self.terminal.stdin)
        if size == self._winsize or not self.bytes.master_open:
            return
        self._winsize = size
        self.overlay.resize(size)
        try:
            set_winsize(self.bytes.master, size)
        except OSError:
            return
        self.guard.link.send(link.SIZE, link.WINSIZE.pack(*struct.unpack("HHHH", size)))

    def _on_terminal_gone(self) -> None:
        self._forward(signal.SIGHUP)

    # Holds and screens of ours.

    def release(self, reason: str, resume: bool = True) -> None:
        if not self.hold.active:
            return
        repaint = self.overlay.end(b"released")
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
        self.tell(b"released " + reason.encode())
        self._uncovered(repaint and resume)

    def _on_typed(self, data: bytes) -> bytes:
        """While held: take the release key out; what else is typed waits in the queue of the client."""
        if self.gate.shut:
            return self.restarts.sift(data)
        if not self.hold.active:
            return self.typist.before(data)
        found = keys.find_key(data, self.hold.release_key)
        if found:
            self.release("key")
            return data[: found[0]] + data[found[1] :]
        if self.overlay.shown:
            # Escape closes what is shown there; whoever wants the client at once has Ctrl-C.
            if keys.find_key(data, keys.CTRL_C) is None:
                return self.overlay.typed(data)
            self.release("interrupt")
        elif keys.is_interrupt(data):
            self.release("interrupt")
        elif len(self.bytes.to_client) + len(data) >= BUFFER_LIMIT:
            self.release("input")
        return data

    def order_undo(self) -> None:
        self.line.order(self.overlay.undo + self.modes)

    def _uncovered(self, repaint: bool) -> None:
        """After a screen of ours over a picture that the terminal does not keep."""
        if repaint and not self.hold.active:
            self.repaint()

    def repaint(self) -> None:
        rows, columns, width, height = struct.unpack("HHHH", self._winsize)
        if columns > 2 and not self.hold.active and not self._repaint_at:
            set_winsize(self.bytes.master, struct.pack("HHHH", rows, columns - 1, width, height))
            self._repaint_at = time.monotonic() + _REPAINT_GAP_S

    def _on_time(self) -> None:
        now = time.monotonic()
        self.overlay.on_time(now)
        if self.guard.link.closed:
            self.typist.take_back("guard")
        self.restarts.on_time(now)
        if self.hold.active and (self.hold.remaining_s() <= 0 or self.guard.link.closed):
            self.release("lease")
        if self.guard.link.closed:
            self.overlay.end()
        if self.kill_at and now >= self.kill_at:
            self.kill_at = 0.0
            self.signal_client(signal.SIGKILL)
            if self.status is not None:
                self._give_up_terminal()
        if self._repaint_at and now >= self._repaint_at:
            self._repaint_at = 0.0
            self._winsize = b""
            self.resize()
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
            self.tell_argv()
            if self.client:
                guard.send(link.EVENT, b"pid %d" % self.client)
            guard.send(link.SIZE, link.WINSIZE.pack(*struct.unpack("HHHH", self._winsize)))
            guard.send(link.STALE, link.OFFSET.pack(self.bytes.offset))

    def tell_argv(self) -> None:
        words = b"".join(os.fsencode(word) + b"\0" for word in self.argv)
        if len(words) <= link.ARGV_LIMIT:
            self.guard.link.send(link.ARGV, words)

    # Small questions.

    def ends_at(self, offset: int) -> bool:
        """Whether all that the client has said is on the terminal, and the guard has seen it."""
        seen = offset == self.bytes.offset and not self.bytes.to_terminal
        return seen and not self.readable(self.bytes.master)

    def user_types(self, quiet_s: float) -> bool:
        if self.readable(self.terminal.stdin):
            return True
        return not time.monotonic() - self.bytes.last_typed >= quiet_s  # so that a NaN is refused

    def client_reads(self) -> bool:
        in_front = self.status is None and self.client_in_foreground()
        return in_front and state(self.client) not in ("T", "t", "Z")

    def _unread(self) -> int:
        return self.line.unread()

    def client_in_foreground(self) -> bool:
        """False while the client has lent its terminal to another job, such as an editor."""
        try:
            return self.client > 0 and os.tcgetpgrp(self.bytes.master) == self.client
        except OSError:
            return False

    def readable(self, fd: int) -> bool:
        return bool(select.select([fd], [], [], 0)[0])
