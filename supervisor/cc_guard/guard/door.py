"""The guard's Unix socket: JSON lines, one object each, `v` is the version of the protocol.

To whoever connects: `{"v": 1, "type": "state", …}` at once and at every change, the last one counts.
From them: `{"v": 1, "type": "answer", "question": ID, "answer": "yes" | "no" | "always" | "never"}`, which is
answered by `{"v": 1, "type": "answered", "ok": …, "why": …}`.

Nobody who connects can make the guard wait: what a reader does not take is dropped with the reader. Only the
user's own processes get in: the folder is 0700, and the kernel tells who is at the other end.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

VERSION = 1
_LINE_LIMIT = 4096
_QUEUE_LIMIT = 1024 * 1024
_MOST_GUESTS = 32


class Door:
    """`on_answer(question, answer)` says why not, or "" when it was taken."""

    def __init__(self, path: str, on_answer: Callable[[str, str], str]) -> None:
        self._path = path
        self._on_answer = on_answer
        self._guests: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._last = b""

    async def open(self) -> None:
        """Raises OSError where there can be no socket: a path that is too long, a full disk."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # of a guard that was killed: the relay has started us in its place
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LINE_LIMIT)
        finally:
            os.umask(before)

    async def close(self) -> None:
        for guest in self._guests:
            guest.transport.abort()
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def publish(self, state: dict[str, Any]) -> None:
        """The state as it is now, to all who are there; nothing when it is as it was."""
        line = _line({"type": "state", **state})
        if line != self._last:
            self._last = line
            for guest in list(self._guests):
                self._send(guest, line)

    def _send(self, guest: asyncio.StreamWriter, line: bytes) -> None:
        if guest.transport.get_write_buffer_size() > _QUEUE_LIMIT:
            self._guests.discard(guest)
            guest.transport.abort()
        elif not guest.is_closing():
            guest.write(line)

    async def _serve(self, reader: asyncio.StreamReader, guest: asyncio.StreamWriter) -> None:
        if len(self._guests) >= _MOST_GUESTS or not _is_own(guest.get_extra_info("socket")):
            guest.transport.abort()
            return
        self._guests.add(guest)
        try:
            self._send(guest, self._last or _line({"type": "state"}))
            while line := await reader.readline():
                self._send(guest, _line(self._heard(line)))
        except (OSError, ValueError):  # ValueError: a line without an end
            pass
        finally:
            self._guests.discard(guest)
            guest.transport.abort()

    def _heard(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
            version, kind = message["v"], message["type"]
            question, answer = message["question"], message["answer"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"type": "answered", "ok": False, "why": "not understood"}
        if version != VERSION or kind != "answer":
            return {"type": "answered", "ok": False, "why": f"this guard speaks version {VERSION}"}
        why = self._on_answer(str(question), str(answer))
        return {"type": "answered", "ok": not why, "why": why}


def path_of(runtime_dir: str, relay: int) -> str:
    """The socket of the guard that belongs to the relay with this pid."""
    return os.path.join(runtime_dir, f"guard-{relay}.sock")


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps({"v": VERSION, **message}, ensure_ascii=False).encode(errors="replace") + b"\n"


def _is_own(end: Any) -> bool:
    """SO_PEERCRED, unix(7): pid, uid and gid of who has connected; LOCAL_PEERCRED on macOS, with the uid as
    its second word (sys/ucred.h)."""
    try:
        if sys.platform == "linux":
            data = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            uid = struct.unpack("3i", data)[1]
        else:
            uid = struct.unpack_from("=II", end.getsockopt(0, 1, 256))[1]
    except (OSError, struct.error):
        return False
    return bool(uid == os.getuid())
