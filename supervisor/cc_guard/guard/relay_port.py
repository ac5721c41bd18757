"""The guard's end of the link: frames in, wishes out."""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from cc_guard.relay import link
from cc_guard.relay.overlay import SHOW_HEAD

if TYPE_CHECKING:
    from cc_guard.screen.takeover import Takeover


class RelayPort:
    """`on_frame(kind, payload)` for every frame, `on_close()` once when the relay is gone."""

    def __init__(
        self, ends: tuple[int, int], on_frame: Callable[[int, bytes], None], on_close: Callable[[], None]
    ) -> None:
        """`ends`: the descriptors to read from and to write to."""
        self._read_fd, self._write_fd = ends
        for fd in ends:
            os.set_blocking(fd, False)
            os.set_inheritable(fd, False)
        self._decoder = link.Decoder()
        self._on_frame = on_frame
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read_fd, self._readable)
        self._open = True
        self._rest = bytearray()  # of a frame of which the relay has taken a part, and what followed

    def hold(self, offset: int, release_key: int) -> None:
        self._send(link.HOLD, link.OFFSET.pack(offset) + bytes([release_key]))

    def renew(self) -> None:
        self._send(link.RENEW)

    def release(self) -> None:
        self._send(link.RELEASE)

    def notice(self, offset: int, now: bytes, at_release: bytes, mend: bytes) -> None:
        lengths = len(now).to_bytes(2, "big") + len(at_release).to_bytes(2, "big")
        self._send(link.NOTICE, link.OFFSET.pack(offset) + lengths + now + at_release + mend)

    def say(self, offset: int, data: bytes) -> None:
        """Bytes for the terminal that change nothing on the screen, at most link.SAY_LIMIT of them. Answered
        by `said` or `unsaid`."""
        self._send(link.SAY, link.OFFSET.pack(offset) + data)

    def modes(self, reset: bytes) -> None:
        self._send(link.MODES, reset)

    def screen(self, argv: list[str]) -> None:
        """A program that waits to be shown while the client is held; no words: it is not needed any more."""
        data = b"".join(os.fsencode(word) + b"\0" for word in argv)
        self._send(link.SCREEN, link.COUNT.pack(len(argv)) + data)

    def show(self, offset: int, wait_s: float, over: "Takeover", picture: bytes) -> None:
        """Let it draw, and take the terminal for it in `wait_s` at the earliest. Answered by `screen …`."""
        lengths = len(over.enter), len(over.leave), len(over.paint)
        head = SHOW_HEAD.pack(offset, wait_s, *lengths)
        self._send(link.SHOW, head + over.enter + over.leave + over.paint + picture)

    def repaint(self) -> None:
        self._send(link.REPAINT)

    def type_text(self, offset: int, quiet_s: float, text: bytes) -> None:
        """One printable line into the input box, where it stands for at most 3 s. Answered by `typed text` or
        `untyped REASON`."""
        self._type(offset, quiet_s, link.TEXT, text)

    def submit(self, offset: int, quiet_s: float) -> None:
        """Enter behind our text, when the guard has seen it in the box. After `untyped` it still stands."""
        self._type(offset, quiet_s, link.SUBMIT)

    def erase(self) -> None:
        """Take our text back; nothing when none stands."""
        self._type(0, 0.0, link.ERASE)

    def type_draft(self, offset: int, quiet_s: float, text: bytes, bracketed: bool) -> None:
        """The user's own words, given back. They stay and are never submitted. `bracketed`: the client has
        mode 2004 on; only then may there be more than one line."""
        self._type(offset, quiet_s, link.PASTE if bracketed else link.DRAFT, text)

    def restart(self, argv: list[str], changes: dict[str, str | None] | None = None) -> None:
        """A new client in place of this one. `changes` to its environment; None takes a variable away."""
        words = argv + [
            name if value is None else f"{name}={value}" for name, value in (changes or {}).items()
        ]
        data = b"".join(os.fsencode(word) + b"\0" for word in words)
        self._send(link.RESTART, link.COUNT.pack(len(argv)) + data)

    def admit(self, offset: int, keep: bool) -> None:
        """After a restart: what the user typed meanwhile goes to the new client, which shows an empty input
        box; or to nobody, because it asks something."""
        self._send(link.ADMIT, link.OFFSET.pack(offset) + bytes([keep]))

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read_fd)
            self._loop.remove_writer(self._write_fd)
            os.close(self._read_fd)
            os.close(self._write_fd)
            self._on_close()

    def _readable(self) -> None:
        try:
            data = os.read(self._read_fd, 256 * 1024)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        try:
            frames = self._decoder.feed(data)
        except ValueError:
            data = b""
        if not data:
            self.close()
            return
        for kind, payload in frames:
            try:
                self._on_frame(kind, payload)
            except Exception as error:
                # The other frames must not be lost with this one: they say how far the output has come.
                self._loop.call_exception_handler({"message": f"in frame {kind:#x}", "exception": error})

    def _type(self, offset: int, quiet_s: float, kind: bytes, text: bytes = b"") -> None:
        self._send(link.TYPE, link.TYPING.pack(offset, quiet_s, kind) + text)

    def _send(self, kind: int, payload: bytes = b"") -> None:
        """Wishes are rare and most are small; a relay that takes nothing of one is gone or stopped, and its
        lease ends whatever was wished before."""
        if not self._open:
            return
        data = link.frame(kind, payload)
        if self._rest:
            if len(self._rest) + len(data) < link.FRAME_LIMIT:
                self._rest += data
            return
        try:
            sent = link.write_some(self._write_fd, data)
        except OSError:
            self.close()
            return
        if 0 < sent < len(data):
            self._rest += data[sent:]
            self._loop.add_writer(self._write_fd, self._writable)

    def _writable(self) -> None:
        try:
            del self._rest[: link.write_some(self._write_fd, self._rest)]
        except OSError:
            self.close()
            return
        if not self._rest:
            self._loop.remove_writer(self._write_fd)


def words(payload: bytes) -> list[str]:
    """The client's command line in an ARGV frame."""
    return [os.fsdecode(word) for word in payload.split(b"\0")[:-1]]
