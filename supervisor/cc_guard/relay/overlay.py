"""Another program's picture in place of a held client's.

The program runs on a pty of its own that only this process reads. So what it draws reaches the terminal while
the client is held and not a byte longer, and neither its end, its death nor its silence can keep the client
waiting: it is cut off, the terminal is put right by bytes that are known beforehand, the client goes on.

The program is started early (`prepare`) and waits. With SHOW it gets the client's picture, on a pipe, and
says MARK before the first thing it draws; what it had said before is dropped. The terminal is taken when
there is something to show and nobody types. A program is shown once.

Events (EVENT frames): `screen shown`, then `screen over REASON`: `released` (the hold has ended), `closed`
(by the user, or the program has died), `late` (it has drawn nothing in time), `refused` (there is no such
program, or the client has written something).
"""

import contextlib
import os
import signal
import struct
import time
from collections.abc import Callable

from cc_guard.relay import keys, link
from cc_guard.relay.passage import BUFFER_LIMIT, READ_SIZE, Passage
from cc_guard.relay.terminal import set_winsize

SHOW_HEAD = struct.Struct("!QdHHI")  # offset, seconds until it may be shown, lengths of enter, leave, paint
MARK = b"\x1b_cc-guard draws\x1b\\"  # an application's private string (ECMA-48, 8.3.2)
PICTURE_LIMIT = 60 * 1024  # what an empty pipe takes at once
_LATE_S = 8.0  # a start takes 0.5 s, with three times more work than processors up to 4 s
_NO_KEY_S = 1.0  # a screen that takes the keys must not come up under somebody's fingers
_UNREAD_S = 0.6  # and what is typed before anybody can have read it was for the client
_AT_REST_S = 0.05  # after this long the program is not in the middle of a sequence


class Overlay:
    """`on_change()` when `undo` has changed. `tell(words)` sends an event."""

    def __init__(
        self, passage: Passage, tell: Callable[[bytes], None], on_change: Callable[[], None]
    ) -> None:
        self.shown = False
        self._passage = passage
        self._tell = tell
        self._on_change = on_change
        self._pid = 0
        self._ended: list[int] = []  # not reaped yet
        self._master = self._pipe = -1
        self._enter = self._leave = self._paint = b""
        self._wanted = False
        self._drawn: bytearray | None = None  # None: the mark has not come yet
        self._heard = b""
        self._due = self._until = 0.0
        self._last_drawn = 0.0
        self._clients_key = 0.0  # the last one that was for the client
        self._cut = b""

    # The guard's wishes

    def prepare(self, argv: list[str], size: bytes) -> None:
        """Start the program; its last word is the pipe's descriptor. `size` is a `struct winsize`. Without
        words, end the one that there is."""
        self.end()
        if not argv:
            return
        fds: list[int] = []
        try:
            fds += os.openpty()
            fds += os.pipe()
            master, slave, reads, pipe = fds
            set_winsize(slave, size)
            os.set_inheritable(reads, True)
            actions = [
                (os.POSIX_SPAWN_DUP2, slave, 0),
                (os.POSIX_SPAWN_DUP2, slave, 1),
                (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_RDWR, 0),
            ]
            self._pid = os.posix_spawn(argv[0], [*argv, str(reads)], os.environ, file_actions=actions)
        except OSError:
            for fd in fds:
                os.close(fd)
            return
        for fd in (slave, reads):
            os.close(fd)
        self._master, self._pipe = master, pipe
        os.set_blocking(master, False)
        os.set_blocking(pipe, False)

    def show(self, payload: bytes) -> None:
        """A SHOW frame, while the client is held."""
        if len(payload) < SHOW_HEAD.size or self._wanted:
            return
        offset, delay_s, *lengths = SHOW_HEAD.unpack_from(payload)
        parts, at = [], SHOW_HEAD.size
        for length in lengths:
            parts.append(payload[at : at + length])
            at += length
        there = offset == self._passage.offset and not self._passage.to_terminal
        if not there or not self._hand_over(payload[at:]):
            self._tell(b"screen over refused")
            return
        self._enter, self._leave, self._paint = parts
        self._wanted, self._drawn, self._heard, self._cut = True, None, b"", b""
        self._due = time.monotonic() + max(0.0, min(delay_s, 60.0))  # so that a NaN is 0
        self._until = self._due + _LATE_S

    # Its end

    def end(self, reason: bytes = b"closed") -> bool:
        """The terminal is the client's again, and the program is gone. Whether the client should draw its
        picture anew."""
        shown, wanted = self.shown, self._wanted
        self.shown = self._wanted = False
        if shown:
            self._passage.say(self._leave + self._paint)
            self._on_change()
        if self._cut:
            self._passage.give(self._cut)
            self._cut = b""
        self.disown()
        if self._pid:
            with contextlib.suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)
            self._ended.append(self._pid)
            self._pid = 0
        if wanted:
            self._tell(b"screen over " + reason)
        return shown and bool(self._paint)

    def disown(self) -> None:
        """Close what is ours; also in a process that was forked from the relay."""
        for fd in (self._master, self._pipe):
            if fd >= 0:
                os.close(fd)
        self._master = self._pipe = -1

    def reap(self) -> bool:
        """After SIGCHLD. As `end`."""
        self._ended = [pid for pid in self._ended if not _gone(pid)]
        if self._pid and _gone(self._pid):
            self._pid = 0
            return self.end()
        return False

    # In the relay's loop

    @property
    def undo(self) -> bytes:
        """What brings the terminal back to the modes that the client has set."""
        return self._leave if self.shown else b""

    @property
    def quiet(self) -> bool:
        """Something else may be written to the terminal between two of the program's pictures."""
        return not self.shown or time.monotonic() - self._last_drawn > _AT_REST_S

    def reads(self) -> list[int]:
        room = len(self._passage.to_terminal) < READ_SIZE
        enough = self._drawn is not None and len(self._drawn) >= BUFFER_LIMIT
        return [self._master] if self._wanted and self._master >= 0 and room and not enough else []

    def due_in_s(self) -> float | None:
        if not self._wanted or self.shown or self._passage.to_terminal:
            return None
        return (self._until if self._drawn is None else self._free_at()) - time.monotonic()

    def read(self) -> bool:
        """As `end`."""
        try:
            data = os.read(self._master, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if not data:
            return self.end()
        if self._drawn is None:
            data = self._after_mark(data)
            if self._drawn is None:
                return False
        if self.shown:
            self._last_drawn = time.monotonic()
            self._passage.say(data)
        else:
            self._drawn += data
            self.on_time(time.monotonic())
        return False

    def on_time(self, now: float) -> None:
        if not self._wanted or self.shown:
            return
        if self._drawn is None:
            if now >= self._until:
                self.end(b"late")
        elif now >= self._free_at() and not self._passage.to_terminal:
            self.shown = True
            self._last_drawn = self._clients_key = now
            self._passage.say(self._enter + self._drawn)
            self._drawn.clear()
            self._on_change()
            self._tell(b"screen shown")

    def resize(self, size: bytes) -> None:
        if self._master >= 0:
            with contextlib.suppress(OSError):
                set_winsize(self._master, size)

    def typed(self, data: bytes) -> bytes:
        """What of it is for the client all the same: the terminal's answers to its questions, and the rest of
        a word that was begun before this screen came up."""
        through = b""
        now = time.monotonic()
        pieces = keys.split(self._cut + data)
        self._cut = b""
        for kind, piece in pieces:
            if piece.startswith(b"\x1b[<"):
                self._press(piece)
            elif kind == keys.CUT:
                self._cut = piece
            elif kind == keys.REPORT:
                through += piece
            elif now - self._clients_key < _UNREAD_S:
                self._clients_key = now
                through += piece
            else:
                self._press(piece)
        return through

    def _press(self, piece: bytes) -> None:
        """Lost when the program takes nothing any more."""
        with contextlib.suppress(OSError):
            os.write(self._master, piece)

    def _free_at(self) -> float:
        return max(self._due, self._passage.last_typed + _NO_KEY_S)

    def _after_mark(self, data: bytes) -> bytes:
        self._heard += data
        at = self._heard.find(MARK)
        if at < 0:
            self._heard = self._heard[-len(MARK) :]
            return b""
        rest, self._heard = self._heard[at + len(MARK) :], b""
        self._drawn = bytearray()
        return rest

    def _hand_over(self, picture: bytes) -> bool:
        """Whether the program has got it: all or nothing, as its pipe is empty."""
        if self._pipe < 0 or len(picture) > PICTURE_LIMIT:
            return False
        try:
            done = link.write_some(self._pipe, picture) == len(picture)
        except OSError:
            done = False
        os.close(self._pipe)
        self._pipe = -1
        return done


def _gone(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True
