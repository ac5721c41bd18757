"""The guard's Unix socket: JSON lines, one object each, `v` is the version of the protocol.

To whoever connects: `{"v": 1, "type": "state", …}` at once and at every change, the last one counts
(status.py). From them, requests, and nothing else is ever done:

    {"v": 1, "type": "answer", "question": ID, "answer": "yes" | "no" | "always" | "never"}
    {"v": 1, "type": "release"}            let the client go on now
    {"v": 1, "type": "retry"}              let one attempt through
    {"v": 1, "type": "observe", "on": …}   act on nothing from now on, or act again
    {"v": 1, "type": "code", "code": …}    what a sign-in that is under way waits for; kept nowhere

Each is answered by `{"v": 1, "type": "answered", "to": TYPE, "ok": …, "why": …}`.

Nobody who connects can make the guard wait: what a reader does not take is dropped with the reader, and who
asks too often is heard later. Only the user's own processes get in: the folder is 0700, and the kernel tells
who is at the other end.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from typing import Any, Literal, Protocol, cast, get_args

VERSION = 1
Answer = Literal["yes", "no", "always", "never"]

_LINE_LIMIT = 4096
_QUEUE_LIMIT = 1024 * 1024
_MOST_GUESTS = 32
_PAUSE_S = 0.05  # after each request of one guest


class Requests(Protocol):
    """What may be asked for. Each says why not, or "" when it was taken, and none of them waits."""

    def answer(self, question: str, answer: Answer) -> str: ...

    def release(self) -> str: ...

    def retry(self) -> str: ...

    def observe(self, on: bool) -> str: ...

    def code(self, text: str) -> str: ...


class Door:
    """The socket at `path`, while it is open."""

    def __init__(self, path: str, requests: Requests) -> None:
        self._path = path
        self._requests = requests
        self._guests: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._state: dict[str, Any] = {}

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

    @property
    def watched(self) -> bool:
        """Whether anybody is there."""
        return bool(self._guests)

    def publish(self, state: dict[str, Any]) -> None:
        """The state as it is now, to all who are there; nothing when it is as it was."""
        if state == self._state:
            return
        self._state = state
        if self._guests:
            line = self._told()
            for guest in list(self._guests):
                self._send(guest, line)

    def _told(self) -> bytes:
        return _line({"type": "state", **self._state})

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
            self._send(guest, self._told())
            while line := await reader.readline():
                self._send(guest, _line({"type": "answered", **self._heard(line)}))
                await asyncio.sleep(_PAUSE_S)
        except (OSError, ValueError):  # ValueError: a line without an end
            pass
        finally:
            self._guests.discard(guest)
            guest.transport.abort()

    def _heard(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
            version, kind = message["v"], message["type"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"to": None, "ok": False, "why": "not understood"}
        if version != VERSION:
            return {"to": None, "ok": False, "why": f"this guard speaks version {VERSION}"}
        why = self._asked(kind, message)
        return {"to": kind if why != _UNKNOWN else None, "ok": not why, "why": why}

    def _asked(self, kind: object, message: dict[str, Any]) -> str:
        match kind:
            case "answer":
                question, answer = message.get("question"), message.get("answer")
                if not isinstance(question, str) or answer not in get_args(Answer):
                    return "there is no such answer"
                return self._requests.answer(question, cast(Answer, answer))
            case "release":
                return self._requests.release()
            case "retry":
                return self._requests.retry()
            case "observe":
                on = message.get("on")
                return self._requests.observe(on) if isinstance(on, bool) else "on has to be true or false"
            case "code":
                code = message.get("code")
                return self._requests.code(code) if isinstance(code, str) and code else "there is no code"
        return _UNKNOWN


_UNKNOWN = "there is no such request"


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
