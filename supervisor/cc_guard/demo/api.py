"""The API of the demo: a small server on this machine that answers, or is broken as the scenario wants it."""

import asyncio
import contextlib
import errno
import json
import os
import socket
import struct
import time

from cc_guard.demo.tart import is_in_the_way

_ANSWERS = (
    "All well so far: this answer came from the demo's own API.",
    "And this answer came after the trouble, by itself. The work goes on where it was.",
)
_HEAD_LIMIT = 65536
_BODY_LIMIT = 4 * 1024 * 1024
_REQUEST_S = 20.0
_FILL_S = 0.1


class Api:
    """`fault` is the name of a scenario. `login()` is the token that is good now. Times are of
    `time.monotonic()`; `back` is when the API answered again, as far as it knows."""

    def __init__(self, fault: str, folder: str, mocked: bool) -> None:
        self._fault, self._folder, self._mocked = fault, folder, mocked
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._held: list[socket.socket] = []
        self._filling: asyncio.Task[None] | None = None
        self._served = 0
        self.port = 0
        self.ports = 0
        self.broken_at: float | None = None
        self.mended_at: float | None = None
        self.answered_at: float | None = None
        self.token = "first"

    @property
    def broken(self) -> bool:
        return self.broken_at is not None and self.mended_at is None

    async def open(self, addresses: list[str], port: int = 0) -> None:
        """Raises OSError."""
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = await asyncio.start_server(
                self._serve, address, port or self.port, family=family, limit=_HEAD_LIMIT, reuse_address=True
            )
            self.port = server.sockets[0].getsockname()[1]
            self._servers.append(server)
        self._addresses = addresses

    async def break_down(self) -> None:
        if self.broken_at is not None:
            return
        self.broken_at = time.monotonic()
        if self._fault == "outage":
            await self.close()
        elif self._fault == "login":
            self.token = "second"
        elif self._fault == "ports" and not self._mocked:
            self._filling = asyncio.get_running_loop().create_task(self._fill())

    async def mend(self) -> None:
        if not self.broken:
            return
        if self._fault == "outage":
            await self.open(self._addresses)
        self.mended_at = time.monotonic()

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._filling is not None:
            self._filling.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError, TimeoutError):
            if self._cuts(writer):
                # An RST: SO_LINGER of 0 s, socket(7).
                end = writer.get_extra_info("socket")
                await asyncio.wait_for(reader.read(1), _REQUEST_S)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                async with asyncio.timeout(_REQUEST_S):
                    writer.write(await self._answer(reader))
                    await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    def _cuts(self, writer: asyncio.StreamWriter) -> bool:
        if not self.broken:
            return False
        if self._fault == "ipv6":
            return bool(writer.get_extra_info("socket").family == socket.AF_INET6)
        return self._fault == "tart" and is_in_the_way(self._folder)

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
        await reader.readexactly(min(int(fields.get("content-length", 0)), _BODY_LIMIT))
        method, path = (*first.split(" "), "", "")[:2]
        if self._fault == "server" and self.broken:
            return _http(503, "Service Unavailable", "text/plain", b"no healthy upstream")
        if not path.startswith("/v1/"):
            return _http(404, "Not Found", "application/json", _error("not_found_error", "Not found"))
        if fields.get("authorization") != f"Bearer {self.token}":
            text = "OAuth token has expired. Please obtain a new token or refresh your existing token."
            return _http(401, "Unauthorized", "application/json", _error("authentication_error", text))
        if method != "POST":
            text = "Method Not Allowed"
            return _http(405, text, "application/json", _error("invalid_request_error", text))
        if self.broken_at is not None:
            self.answered_at = self.answered_at or time.monotonic()
        text = _ANSWERS[min(self._served, 1) if self.broken_at is not None else 0]
        self._served += 1
        message = {
            "id": f"msg_demo_{self._served}",
            "type": "message",
            "role": "assistant",
            "model": "stand-in",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": 20},
        }
        return _http(200, "OK", "application/json", json.dumps(message).encode())

    async def _fill(self) -> None:
        """Take every local port of the range as it is now, also those that become free again."""
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
            first, last = map(int, file.read().split())
        self.ports = last - first + 1
        while True:
            while len(self._held) < self.ports and (one := self._connection()) is not None:
                self._held.append(one)
            await asyncio.sleep(_FILL_S)

    def _connection(self) -> socket.socket | None:
        one = socket.socket()
        one.settimeout(1.0)
        try:
            one.connect(("127.0.0.1", self.port))
        except OSError as error:
            one.close()
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
                return None
            return None
        return one


def _http(status: int, reason: str, kind: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"request-id: req_demo_{os.urandom(6).hex()}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _error(kind: str, text: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": text}}).encode()
