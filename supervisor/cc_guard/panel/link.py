"""The panel's end of the guard's socket. It comes back after the guard was restarted, and ends with the
session."""

import asyncio
import contextlib
import json
from typing import Any, Protocol

from cc_guard.owner import Owner
from cc_guard.panel import state
from cc_guard.panel.state import Snapshot

_VERSION = 1
_LIMIT = 4 * 1024 * 1024
_AGAIN_S = 0.5
_WAITING_LIMIT = 64 * 1024  # bytes of requests that the guard does not take


class Listener(Protocol):
    def on_state(self, now: Snapshot) -> None: ...

    def on_reply(self, ok: bool, why: str) -> None:
        """To the last request."""

    def on_lost(self) -> None:
        """The guard does not listen (any more); the session goes on."""

    def on_over(self) -> None:
        """The session has ended."""


class Link:
    """`path` is the socket, `relay` the process that the session lives and ends with."""

    def __init__(self, path: str, relay: int) -> None:
        self._path = path
        self._owner = Owner.of(relay)
        self._writer: asyncio.StreamWriter | None = None

    async def run(self, listener: Listener) -> None:
        """Until the session has ended."""
        lost = False
        while True:
            with contextlib.suppress(OSError, ValueError, RecursionError):
                reader, self._writer = await asyncio.open_unix_connection(self._path, limit=_LIMIT)
                try:
                    lost = False
                    await _listen(reader, listener)
                finally:
                    self._writer.transport.abort()
                    self._writer = None
            if not self._owner.started or await asyncio.to_thread(self._is_gone):
                listener.on_over()
                return
            if not lost:
                lost = True
                listener.on_lost()
            await asyncio.sleep(_AGAIN_S)

    def _is_gone(self) -> bool:
        """Of a session in another namespace it can't be told: then it is waited for."""
        return self._owner.is_gone() is True

    def answer(self, question: str, answer: str) -> bool:
        return self._send({"type": "answer", "question": question, "answer": answer})

    def release(self) -> bool:
        return self._send({"type": "release"})

    def retry(self) -> bool:
        return self._send({"type": "retry"})

    def observe(self, on: bool) -> bool:
        return self._send({"type": "observe", "on": on})

    def _send(self, message: dict[str, Any]) -> bool:
        """Whether it is on its way; it is not when nobody listens."""
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > _WAITING_LIMIT:
            return False
        writer.write(json.dumps({"v": _VERSION, **message}).encode() + b"\n")
        return True


async def _listen(reader: asyncio.StreamReader, listener: Listener) -> None:
    while line := await reader.readline():
        message = json.loads(line)
        if not isinstance(message, dict) or message.get("v") != _VERSION:
            continue
        if message.get("type") == "state":
            listener.on_state(state.read(message))
        elif message.get("type") == "answered":
            listener.on_reply(message.get("ok") is True, state.clean(str(message.get("why") or "")))
