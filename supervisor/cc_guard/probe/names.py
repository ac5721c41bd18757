"""From a name to addresses, while name servers may be silent.

The system's look-up can't be cancelled, and waits ten seconds and more for a silent server (resolv.conf(5)).
asyncio's own runs in a few threads that everybody shares: a probe a second fills them, and the first look-up
that would be answered waits behind the others. So each has a thread of its own here, which nobody waits for,
not even the end of the process.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from itertools import chain, zip_longest

_MOST = 64  # that are out; further ones fail, as they would in vain
_out = threading.Semaphore(_MOST)


async def addresses(host: str) -> list[str]:
    """In the system's order, but IPv6 and IPv4 by turns (RFC 8305, section 4). Raises OSError, which is
    socket.gaierror where the name leads nowhere."""
    if not _out.acquire(blocking=False):
        raise socket.gaierror(socket.EAI_AGAIN, "too many look-ups are without an answer")
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def told(result: list[str] | Exception) -> None:
        if found.done():
            return
        if isinstance(result, Exception):
            found.set_exception(result)
        else:
            found.set_result(result)

    def look_up() -> None:
        result: list[str] | Exception
        try:
            result = _addresses(host)
        except Exception as error:
            result = error
        finally:
            _out.release()
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(told, result)

    threading.Thread(target=look_up, daemon=True, name="look-up").start()
    return await found


def _addresses(host: str) -> list[str]:
    rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    ordered = list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in rows))
    first = [address for family, address in ordered if family == ordered[0][0]]
    others = [address for family, address in ordered if family != ordered[0][0]]
    return [address for address in chain.from_iterable(zip_longest(first, others)) if address is not None]
