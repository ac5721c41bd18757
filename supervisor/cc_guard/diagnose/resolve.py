"""The system's own resolver, asked as the client asks it: getaddrinfo."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
from dataclasses import dataclass

from cc_guard.diagnose import tools

_HOSTS = "/etc/hosts"
_MOST = 1024 * 1024


@dataclass(frozen=True)
class Resolved:
    """`addresses` in the order in which they are tried (RFC 6724). `error`: EAI_AGAIN (no resolver answered,
    or it failed), NXDOMAIN, EAI_NODATA (the name has no addresses), EAI_FAIL, or None; `late`: nothing came
    in time, which is EAI_AGAIN, too."""

    addresses: tuple[str, ...] = ()
    error: str | None = None
    ms: float = 0.0
    late: bool = False

    def family(self, version: int) -> list[str]:
        return [address for address in self.addresses if (":" in address) == (version == 6)]


def _words() -> dict[int, str]:
    """Numbers differ between systems, and some lack one: netdb.h."""
    names = {"EAI_AGAIN": "EAI_AGAIN", "EAI_NONAME": "NXDOMAIN", "EAI_NODATA": "EAI_NODATA"}
    return {getattr(socket, name): word for name, word in names.items() if hasattr(socket, name)}


async def resolve(host: str, timeout_s: float) -> Resolved:
    """In a thread of its own that nobody waits for: getaddrinfo can't be stopped, and with a dead resolver it
    takes half a minute."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Resolved] = loop.create_future()
    started = time.perf_counter()

    def deliver(found: Resolved) -> None:
        if not answer.done():
            answer.set_result(found)

    def ask() -> None:
        found = _ask(host, started)
        with contextlib.suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(deliver, found)

    threading.Thread(target=ask, daemon=True, name="getaddrinfo").start()
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError:
        return Resolved(error="EAI_AGAIN", ms=(time.perf_counter() - started) * 1000, late=True)


def _ask(host: str, started: float) -> Resolved:
    addresses: tuple[str, ...] = ()
    error = None
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
    except socket.gaierror as failure:
        error = _words().get(failure.errno or 0, "EAI_FAIL")
    except (OSError, UnicodeError, ValueError):
        error = "EAI_FAIL"
    return Resolved(addresses, error, (time.perf_counter() - started) * 1000)


def hosts_line(host: str, path: str = _HOSTS) -> str | None:
    """Where the hosts file names the host: "line N of /etc/hosts" (hosts(5)), the first of them."""
    for number, line in enumerate(tools.read(path, _MOST).splitlines(), 1):
        names = line.partition("#")[0].lower().split()[1:]
        if host.lower().rstrip(".") in names:
            return f"line {number} of {path}"
    return None


def is_literal(host: str) -> bool:
    """Whether this is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
