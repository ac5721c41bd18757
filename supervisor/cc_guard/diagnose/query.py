"""One question to one nameserver, over UDP."""

import asyncio
import contextlib
import importlib
import socket
import time
from dataclasses import dataclass, field
from typing import Literal

_AGAIN_S = 0.6  # one lost packet is no dead server: the question is sent a second time after this


@dataclass(frozen=True)
class Reply:
    """`rcode` as in RFC 1035, section 4.1.1, and RFC 2136; TIMEOUT and UNREACHABLE (no route, or nobody
    listens there) stand for no answer, MALFORMED for one that can't be read."""

    rcode: str
    addresses: list[str] = field(default_factory=list)
    ms: float = 0.0


async def query(
    server: str, name: str, kind: Literal["A", "AAAA"], timeout_s: float, port: int = 53
) -> Reply:
    """Never raises for what the network or the server does."""
    # In a thread: it takes a tenth of a second, in which other probes' deadlines run. Not in this one's own.
    await asyncio.to_thread(importlib.import_module, "dns.message")
    started = time.perf_counter()
    rcode, addresses = "TIMEOUT", list[str]()
    try:
        async with asyncio.timeout(timeout_s):
            rcode, addresses = await _ask(server, name, kind, port)
    except TimeoutError:
        pass
    except OSError:
        rcode = "UNREACHABLE"
    return Reply(rcode, addresses, (time.perf_counter() - started) * 1000)


async def _ask(server: str, name: str, kind: str, port: int) -> tuple[str, list[str]]:
    import dns.exception
    import dns.message
    import dns.rcode
    import dns.rdatatype

    try:
        question = dns.message.make_query(name, kind)
    except dns.exception.DNSException:
        return "MALFORMED", []
    wire = question.to_wire()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        # Connected, so that the kernel reports what ICMP says, and lets no other sender in.
        await loop.sock_connect(sock, (server, port))
        sending = asyncio.create_task(_send(sock, wire))
        try:
            while True:
                data = await loop.sock_recv(sock, 65535)
                if data[:2] != wire[:2]:
                    continue
                try:
                    answer = dns.message.from_wire(data, ignore_trailing=True)
                except dns.exception.DNSException:
                    return "MALFORMED", []
                wanted = dns.rdatatype.from_text(kind)
                found = [str(row) for rows in answer.answer if rows.rdtype == wanted for row in rows]
                return dns.rcode.to_text(answer.rcode()), found
        finally:
            sending.cancel()


async def _send(sock: socket.socket, wire: bytes) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):  # the receiver meets it, too
        await loop.sock_sendall(sock, wire)
        await asyncio.sleep(_AGAIN_S)
        await loop.sock_sendall(sock, wire)
