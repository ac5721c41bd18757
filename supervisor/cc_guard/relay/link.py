"""Frames between relay and guard: one byte of type, four of length (network order), the payload.

The relay never waits for the guard. When the guard falls behind, the whole copy of the output that is
still queued is dropped, and one STALE frame tells the guard that its screen model is no longer right.
"""

import errno
import os
import struct

HEADER = struct.Struct("!BI")
OFFSET = struct.Struct("!Q")
WINSIZE = struct.Struct("!HHHH")
TIME = struct.Struct("!d")
TYPING = struct.Struct("!Qdc")  # offset, seconds without a key, what is typed
COUNT = struct.Struct("!H")

# relay -> guard
OUTPUT = 0x6F  # the client's bytes, as forwarded to the terminal
STALE = 0x78  # OFFSET: output up to here was dropped
SIZE = 0x77  # WINSIZE: rows, columns, width and height in pixels
KEY = 0x6B  # TIME: CLOCK_MONOTONIC of a key press; never its content
EVENT = 0x65  # ASCII words, see relay/requests.py
ARGV = 0x61  # the client's command line, each word ended by NUL: to each new guard, and after a restart

# guard -> relay
HOLD = 0x48  # OFFSET + one byte: stop the client if its output still ends here; the release key
RENEW = 0x4C  # the hold's lease
RELEASE = 0x52
NOTICE = (
    0x4E  # OFFSET + u16 lengths of A and B + A + B + C: to the terminal A now, B at the release; C is a Mend
)
MODES = 0x4D  # bytes that undo the terminal modes which the client has set so far
REPAINT = 0x57  # make the client draw everything anew (a change of size and back)
TYPE = 0x54  # TYPING + bytes: type them if the output still ends at the offset; relay/typist.py
RESTART = 0x41  # COUNT of words + the words of the new client's command line + NAME=VALUE or NAME (away with
#                 it) for its environment, each ended by NUL
SAY = 0x59  # OFFSET + bytes: to the terminal, once, if the client's output still ends at the offset
ADMIT = 0x4B  # OFFSET + one byte: what was typed during a restart goes to the client (1) or to nobody (0)
SCREEN = 0x42  # COUNT of words + those of a program that waits to be shown while the client is held (relay/
#                overlay.py), each ended by NUL; no words: it is not needed any more
SHOW = 0x56  # overlay.SHOW_HEAD + enter + leave + paint + picture: let it draw, and take the terminal for it

# What TYPE types.
TEXT = b"t"  # stands in the input box until it is submitted or taken back
SUBMIT = b"s"  # the Enter behind it
ERASE = b"e"  # takes it back
DRAFT = b"d"  # one line of the user's own
PASTE = b"p"  # the same as a bracketed paste, with line ends and tabs

SAY_LIMIT = 4096  # bytes
QUEUE_LIMIT = 256 * 1024
ARGV_LIMIT = QUEUE_LIMIT // 2  # a longer command line is not told: its guard restarts nothing
RECORDING_QUEUE_LIMIT = 64 * 1024 * 1024  # seconds of all that a client can write: nothing is to be missing
FRAME_LIMIT = 1024 * 1024


def frame(kind: int, payload: bytes = b"") -> bytes:
    return HEADER.pack(kind, len(payload)) + payload


class Decoder:
    """Splits a byte stream into frames. A frame above FRAME_LIMIT is a broken peer: ValueError."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        buffer = self._buffer
        buffer += data
        frames = []
        start = 0
        while len(buffer) - start >= HEADER.size:
            kind, length = HEADER.unpack_from(buffer, start)
            if length > FRAME_LIMIT:
                raise ValueError(f"frame of {length} bytes")
            end = start + HEADER.size + length
            if len(buffer) < end:
                break
            frames.append((kind, bytes(buffer[start + HEADER.size : end])))
            start = end
        del buffer[:start]
        return frames


class GuardLink:
    """The relay's end: one pipe each way. `closed` is set when the guard is gone.

    Sending only queues; `flush` writes. The relay flushes when the terminal and the client have nothing to
    say, so that waking the guard never delays a key. `limit`: bytes of output that may be queued.
    """

    def __init__(self, read_fd: int, write_fd: int, limit: int = QUEUE_LIMIT) -> None:
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.closed = False
        self.queued = 0
        self._limit = limit
        self._decoder = Decoder()
        self._queue: list[bytes] = []
        self._first_sent = 0
        self._dropped = False
        self._end = 0  # offset of all output

    def output(self, data: bytes, offset: int) -> None:
        """Copy `data`, which ends at `offset` of all output, to the guard, or drop the copy."""
        self._end = offset
        if self.queued + len(data) > self._limit:
            self._drop_output()
        if not self._dropped:
            self.send(OUTPUT, data)
        elif not self._queue:
            self._stale()

    def send(self, kind: int, payload: bytes = b"") -> None:
        """To a guard that reads nothing any more, nothing is said any more."""
        if not self.closed and self.queued < 2 * self._limit:
            data = frame(kind, payload)
            self._queue.append(data)
            self.queued += len(data)

    def flush(self) -> None:
        while not self.closed:
            if not self._queue:
                if not self._dropped:
                    return
                self._stale()
            first = self._queue[0]
            try:
                sent = write_some(self.write_fd, memoryview(first)[self._first_sent :])
            except OSError:
                self.closed = True
                return
            if not sent:
                return
            self.queued -= sent
            self._first_sent += sent
            if self._first_sent == len(first):
                del self._queue[0]
                self._first_sent = 0

    def receive(self) -> list[tuple[int, bytes]]:
        try:
            data = os.read(self.read_fd, 65536)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            data = b""
        try:
            frames = self._decoder.feed(data)
        except ValueError:
            data = b""
        if not data:
            self.closed = True
            return []
        return frames

    def close(self) -> None:
        self.closed = True
        for fd in (self.read_fd, self.write_fd):
            if fd >= 0:
                os.close(fd)
        self.read_fd = self.write_fd = -1

    def _stale(self) -> None:
        self._dropped = False
        self.send(STALE, OFFSET.pack(self._end))

    def _drop_output(self) -> None:
        """Frames that are not output stay, and a frame of which a part is on its way must be finished."""
        self._dropped = True
        begun = 1 if self._first_sent else 0
        self._queue[begun:] = [f for f in self._queue[begun:] if f[0] != OUTPUT]
        self.queued = sum(map(len, self._queue)) - self._first_sent


def write_some(fd: int, data: bytes | bytearray | memoryview) -> int:
    """Bytes that `fd` took now, 0 when it is full. Raises OSError when it is gone."""
    try:
        return os.write(fd, data)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR):
            return 0
        raise
