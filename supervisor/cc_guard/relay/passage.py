"""Bytes between the terminal and the client, both ways, and the guard's copy of what the client says.

Nothing here blocks: what one side does not take waits in a bounded buffer, and the other side is not read
meanwhile. Bytes go through first; the copy is made when nobody has anything to say.
"""

import errno
import os
import select
import time
from collections.abc import Callable

from cc_guard.relay import keys, link
from cc_guard.relay.guard_process import GuardProcess
from cc_guard.relay.mend import Mend
from cc_guard.relay.terminal import Terminal

BUFFER_LIMIT = 256 * 1024
READ_SIZE = 64 * 1024
_TAIL = 4096
# The guard gets its copy when nothing has come for a while: waking it between two keys of a fast typist makes
# the second one 10 % slower (measured). All the same it must see a frame within 150 ms.
_COPY_DELAY_S = 0.02
_COPY_SIZE = 32 * 1024
_COPY_AGE_S = 0.1


class Passage:
    """`on_typed(data)` says what of the user's typing goes to the client now. `on_gone()` is called once,
    when there is no terminal any more."""

    def __init__(
        self,
        terminal: Terminal,
        master: int,
        guard: GuardProcess,
        on_typed: Callable[[bytes], bytes],
        on_gone: Callable[[], None],
    ) -> None:
        os.set_blocking(master, False)
        self.terminal = terminal
        self.master = master
        self.to_client = bytearray()
        self.to_terminal = bytearray()
        self.master_open = True
        self.terminal_open = True
        self.offset = 0
        """Bytes that the terminal was given, or will be: what HOLD and NOTICE refer to."""
        self.tail = b""
        self.first_output = 0.0
        self.last_output = 0.0
        self.last_typed = 0.0
        """When the terminal last sent anything but reports; it can be 0.1 s late, and never is too early."""
        self.listening = True
        """False: what is typed waits in the terminal."""
        self.mend: Mend | None = None
        self._guard = guard
        self._on_typed = on_typed
        self._on_gone = on_gone
        self._copied_at = 0.0
        self._guard_behind = False

    @property
    def plain(self) -> bool:
        """There is only passing on to do."""
        return (
            self._guard.running
            and not self._guard.link.closed
            and not self._guard.link.queued
            and not self.to_terminal
            and not self.to_client
            and self.mend is None
            and self.master_open
            and self.terminal_open
            and self.terminal.is_raw
        )

    def pass_on(self, others: list[int]) -> bool:
        """The hot path: read, write, remember. What was read is worked up when nothing has come for a while,
        so that it costs no key any time. False when there is something else to do, or to read in `others`:
        that is for `want` and `serve`."""
        terminal, master = self.terminal, self.master
        stdin, output, chunk = terminal.stdin, terminal.output, terminal.chunk
        watched = [stdin, master, self._guard.link.read_fd, *others]
        passed: list[tuple[int, bytes]] = []
        size = 0
        latest = time.monotonic() + _COPY_AGE_S
        plain = True
        while plain and size < _COPY_SIZE and (not passed or time.monotonic() < latest):
            ready = select.select(watched, (), (), _COPY_DELAY_S if passed else None)[0]
            if not ready:
                break
            if not passed:
                latest = time.monotonic() + _COPY_AGE_S
            for fd in ready:
                if fd == master:
                    data = _read(master, chunk)
                    sent = _write(output, data)
                    self.to_terminal += data[sent:]
                elif fd == stdin:
                    data = _read(stdin, READ_SIZE)
                    sent = _write(master, data)
                    self.to_client += data[sent:]
                else:
                    plain = False
                    continue
                if data:
                    passed.append((fd, data))
                    size += len(data)
                if not data or sent < len(data):
                    plain = False
        self._work_up(passed)
        return plain

    def want(self) -> tuple[list[int], list[int]]:
        """Descriptors to wait for, to read and to write."""
        readers, writers = [], []
        room = self.listening and len(self.to_client) < BUFFER_LIMIT
        if self.terminal_open and self.terminal.is_raw and room:
            readers.append(self.terminal.stdin)
        if self.master_open:
            if len(self.to_terminal) < BUFFER_LIMIT:
                readers.append(self.master)
            if self.to_client:
                writers.append(self.master)
        if self.to_terminal:
            writers.append(self.terminal.output)
        if self._guard_behind and not self._guard.link.closed:
            writers.append(self._guard.link.write_fd)
        return readers, writers

    def timeout(self, timeout: float | None) -> float | None:
        """`timeout`, or less when a copy waits for a quiet moment."""
        if not self._guard.link.queued or self._guard_behind or not self._guard.running:
            return timeout
        return _COPY_DELAY_S if timeout is None else min(timeout, _COPY_DELAY_S)

    def serve(self, readable: list[int], writable: list[int]) -> None:
        if self.terminal.output in writable:
            self._flush_terminal()
        if self.master in writable:
            del self.to_client[: self._give_client(self.to_client[:READ_SIZE])]
        if self.terminal.stdin in readable:
            self._read_terminal()
        if self.master in readable:
            self.read_master()

    def say(self, data: bytes) -> None:
        """Our own words to the terminal."""
        self.to_terminal += data
        self._flush_terminal()

    def give(self, data: bytes) -> None:
        """To the client, behind what waits for it."""
        if self.to_client:
            self.to_client += data
        else:
            self.to_client += data[self._give_client(data) :]

    def show(self, data: bytes) -> None:
        """As if the client had said it: to the terminal and in the guard's copy."""
        self.say(data)
        self._note_output(data)

    def switch(self, master: int) -> None:
        """Another client, on a terminal of its own. What the last one did not take is not for this one."""
        os.set_blocking(master, False)
        self.master = master
        self.master_open = True
        self.to_client.clear()
        self.mend = None

    def copy(self, idle: bool) -> None:
        """Give the guard its copy if the moment is good, or when it has waited too long."""
        guard = self._guard.link
        if not guard.queued or guard.closed or not self._guard.running:
            return
        now = time.monotonic()
        if not self._copied_at:
            self._copied_at = now
        if idle or self._guard_behind or guard.queued > _COPY_SIZE or now - self._copied_at > _COPY_AGE_S:
            self._copy_now()

    def terminal_gone(self) -> None:
        if self.terminal_open:
            self.terminal_open = False
            self.to_terminal.clear()
            self.terminal.is_raw = False
            self._on_gone()

    def read_master(self) -> None:
        try:
            data = os.read(self.master, READ_SIZE)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                return
            data = b""  # EIO: every holder of the slave is gone (Linux); macOS reads b""
        if not data:
            self.master_open = False
            return
        if self.mend is not None:
            before = self.mend.before(data)
            if before is not None:
                self.mend = None
                data = before + data
        if self.to_terminal:
            self.to_terminal += data
        else:
            self.to_terminal += data[self._give_terminal(data[: self.terminal.chunk]) :]
        if not self.terminal_open:
            self.to_terminal.clear()
        self._note_output(data)

    def _read_terminal(self) -> None:
        try:
            data = os.read(self.terminal.stdin, READ_SIZE)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                return
            data = b""
        if not data:
            self.terminal_gone()
            return
        self.give(self._on_typed(data))
        self._note_input(data)

    def _flush_terminal(self) -> None:
        del self.to_terminal[: self._give_terminal(self.to_terminal[: self.terminal.chunk])]

    def _give_terminal(self, data: bytes | bytearray) -> int:
        try:
            return link.write_some(self.terminal.output, data)
        except OSError:
            self.terminal_gone()
            return len(data)

    def _give_client(self, data: bytes | bytearray) -> int:
        """Bytes that the client's terminal took; all of them when there is no client any more."""
        if not self.master_open:
            return len(data)
        try:
            return link.write_some(self.master, data)
        except OSError:
            return len(data)

    def _work_up(self, passed: list[tuple[int, bytes]]) -> None:
        for fd, data in passed:
            if fd == self.master:
                self._note_output(data)
            else:
                self._note_input(data)
        if self._guard.link.queued:
            self._copy_now()

    def _copy_now(self) -> None:
        self._guard.link.flush()
        self._guard_behind = self._guard.link.queued > 0
        self._copied_at = 0.0

    def _note_output(self, data: bytes) -> None:
        self.offset += len(data)
        self.last_output = time.monotonic()
        self.first_output = self.first_output or self.last_output
        self.tail = data[-_TAIL:] if len(data) >= _TAIL else (self.tail + data)[-_TAIL:]
        self._guard.link.output(data, self.offset)

    def _note_input(self, data: bytes) -> None:
        typing = keys.is_typing(data)
        if typing or not keys.only_reports(data):
            self.last_typed = time.monotonic()
        if typing:
            self._guard.link.send(link.KEY, link.TIME.pack(time.monotonic()))


def _read(fd: int, size: int) -> bytes:
    """What there is; nothing when there is none or the other side is gone, which is `serve`'s to find out."""
    try:
        return os.read(fd, size)
    except OSError:
        return b""


def _write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data) if data else 0
    except OSError:
        return 0
