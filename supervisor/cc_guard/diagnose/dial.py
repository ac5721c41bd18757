"""One TCP connection to one address, and in one word what came of it.

connected      the other side accepted
refused        it answered with RST: nobody listens, or a firewall says so
reset          the connection was accepted and torn down before it stood
timeout        nothing came back
unreachable    no route, here or on the way (ICMP); also a family without an address of its own
no_local_port  this machine has no free local port for it
denied         a local rule forbids it
error          anything else
"""

import asyncio
import errno
import socket
import struct
import time
from dataclasses import dataclass
from typing import Literal

Outcome = Literal[
    "connected", "refused", "reset", "timeout", "unreachable", "no_local_port", "denied", "error"
]

# What connect(2) fails with; EINVAL is a blackhole route's word to the sender (ip-route(8)).
_WORDS: dict[int, Outcome] = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.EINVAL: "unreachable",
    errno.EAFNOSUPPORT: "unreachable",
    errno.EADDRNOTAVAIL: "no_local_port",
    errno.EADDRINUSE: "no_local_port",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
}


@dataclass
class Dialled:
    """`sock` is there when it is connected, and belongs to the caller; `ms` is the time it took."""

    address: str
    outcome: Outcome
    ms: float
    sock: socket.socket | None = None


async def dial(address: str, port: int, timeout_s: float) -> Dialled:
    """Never raises for what the network does."""
    started = time.perf_counter()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    outcome: Outcome = "connected"
    connection: socket.socket | None = None
    try:
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        # Closed with RST: a look at the network must not use up the ports that may be what is missing
        # (TIME_WAIT: RFC 9293, section 3.3.2; SO_LINGER: socket(7)).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except OSError as error:  # also TimeoutError, which has no number when it is ours
        outcome = "timeout" if error.errno is None else _WORDS.get(error.errno, "error")
        if outcome == "no_local_port" and not has_source(address):
            outcome = "unreachable"
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    if outcome != "connected" and connection is not None:
        connection.close()
        connection = None
    return Dialled(address, outcome, (time.perf_counter() - started) * 1000, connection)


def has_source(address: str) -> bool:
    """Whether this machine has a route to the address, and an address of that family to speak from. Without
    one, connect(2) fails as it does without a free port: EADDRNOTAVAIL. UDP has ports of its own, and sends
    nothing here."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as test:
        try:
            test.connect((address, 9))
        except OSError:
            return False
    return True
