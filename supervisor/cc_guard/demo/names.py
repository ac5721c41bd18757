"""A name server of a few lines (RFC 1035, sections 4.1 and 4.2.1): it knows one name and no others."""

import asyncio
import ipaddress
import struct
from typing import cast

_PORT = 53
_HEADER = struct.Struct("!6H")
_TYPES = {4: 1, 6: 28}  # A, AAAA
_ANSWER, _NO_SUCH_NAME = 0x8580, 0x8583  # a response, authoritative, recursion desired and available
_TTL_S = 5
_QUESTION_AT = 0xC00C  # a pointer to the name of the question, right behind the header


class _Server(asyncio.DatagramProtocol):
    def __init__(self, names: dict[str, list[str]]) -> None:
        self._names = names

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = answered(data, self._names)
        if answer:
            self._transport.sendto(answer, addr)


def answered(data: bytes, names: dict[str, list[str]]) -> bytes:
    """The answer to a question; empty for what is none."""
    try:
        number, _, questions, _, _, _ = _HEADER.unpack_from(data)
        labels, at = [], _HEADER.size
        while length := data[at]:
            labels.append(data[at + 1 : at + 1 + length].decode("ascii").lower())
            at += 1 + length
        (kind,) = struct.unpack_from("!H", data, at + 1)
    except (struct.error, IndexError, UnicodeDecodeError):
        return b""
    if questions != 1:
        return b""
    known = names.get(".".join(labels))
    found = [ipaddress.ip_address(one) for one in known or ()]
    records = [one.packed for one in found if _TYPES[one.version] == kind]
    head = _HEADER.pack(number, _NO_SUCH_NAME if known is None else _ANSWER, 1, len(records), 0, 0)
    rows = [struct.pack("!3HIH", _QUESTION_AT, kind, 1, _TTL_S, len(row)) + row for row in records]
    return head + data[_HEADER.size : at + 5] + b"".join(rows)


async def serve(names: dict[str, list[str]]) -> None:
    """Raises OSError."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Server(names), ("0.0.0.0", _PORT))
