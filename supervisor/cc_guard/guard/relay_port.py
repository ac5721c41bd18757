"""The guard's end of the link: frames in, wishes out."""

import asyncio
import os
from collections.abc import Callable

from cc_guard.relay import link


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

    def hold(self, offset: int, release_key: int) -> None:
        self._send(link.HOLD, link.OFFSET.pack(offset) + bytes([release_key]))

    def renew(self) -> None:
        self._send(link.RENEW)

    def release(self) -> None:
        self._send(link.RELEASE)

    def notice(self, offset: int, now: bytes, at_release: bytes, mend: bytes) -> None:
        lengths = len(now).to_bytes(2, "big") + len(at_release).to_bytes(2, "big")
        self._send(link.NOTICE, link.OFFSET.pack(offset) + lengths + now + at_release + mend)

    def modes(self, reset: bytes) -> None:
        self._send(link.MODES, reset)

    def repaint(self) -> None:
        self._send(link.REPAINT)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read_fd)
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

    def _send(self, kind: int, payload: bytes = b"") -> None:
        """Wishes are rare and small; a relay that does not take one is gone or stopped, and its lease ends
        whatever was wished before."""
        if not self._open:
            return
        try:
            link.write_some(self._write_fd, link.frame(kind, payload))
        except OSError:
            self.close()
