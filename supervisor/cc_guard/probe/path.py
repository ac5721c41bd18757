"""One cheap request over the configured route: TCP, TLS, any HTTP status."""

import asyncio
import contextlib
import errno
import os
import re
import socket
import ssl
import time
from dataclasses import dataclass

from cc_guard import __version__
from cc_guard.probe import names
from cc_guard.probe.route import Proxy, Route, bracketed

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? ([1-5]\d\d)(?: |\r?\n)")  # RFC 9112, section 4
_CERTIFICATE_ALERTS = ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE")  # TLS 1.3, 1.2
_HAPPY_EYEBALLS_S = 0.25  # RFC 8305, section 8: "Connection Attempt Delay ... 250 milliseconds"


@dataclass(frozen=True)
class PathResult:
    """`ok`: somebody answered who could be the API, or the way to it. `stage` is how far it got: resolve,
    connect, proxy, tls, http."""

    ok: bool
    stage: str
    detail: str
    ms: float
    http_status: int | None = None


async def check_path(route: Route, timeout_s: float) -> PathResult:
    """Never raises: every fault is a result, also one that nobody has thought of."""
    start = time.monotonic()
    progress = ["connect"]
    status: int | None = None
    ok = False
    try:
        async with asyncio.timeout(timeout_s):
            status = await _request(route, progress)
        detail, ok = f"HTTP {status}", True
    except TimeoutError as error:
        # The kernel's ETIMEDOUT is a TimeoutError too; only that one has a number.
        detail = _sentence(error) if error.errno else f"no answer in {timeout_s:g} s"
    except _Refused as error:
        detail, ok, status = str(error), error.reachable, error.status
    except OSError as error:
        if isinstance(error, socket.gaierror):
            progress.append("resolve")
        detail, ok = _sentence(error), _wants_certificate(error)
    except Exception as error:
        detail = str(error) or error.__class__.__name__
    return PathResult(ok, progress[-1], detail, round((time.monotonic() - start) * 1000, 1), status)


class _Refused(Exception):
    """The proxy did not open the tunnel."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered {status} to CONNECT")
        self.status = status
        # 4xx is the proxy's rule or its wish for credentials, which a probe does not send: the way to the
        # proxy is good. 5xx says that the proxy can't reach the other side (RFC 9110, section 15.6).
        self.reachable = status < 500


async def _request(route: Route, progress: list[str]) -> int:
    first: Route | Proxy = route.proxy or route
    reader, writer = await _connection(await names.addresses(first.host), first.port)
    try:
        if first.tls:
            progress.append("tls")
            await writer.start_tls(_unverified(), server_hostname=first.host)
        target = "/"
        if route.proxy and route.tls:
            progress.append("proxy")
            await _tunnel(route, reader, writer)
            progress.append("tls")
            await writer.start_tls(_unverified(), server_hostname=route.host)
        elif route.proxy:
            target = f"http://{_authority(route)}/"
        progress.append("http")
        writer.write(_head("HEAD", target, _authority(route)))
        return await _status(reader)
    finally:
        with contextlib.suppress(Exception):
            writer.transport.abort()


async def _connection(addresses: list[str], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """With the first of these that takes it; the next is tried beside the ones before. Raises the OSError of
    the first."""
    tries: list[asyncio.Task[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = []
    pending: set[asyncio.Task[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = set()
    left = list(addresses)
    try:
        while left or pending:
            if left:
                tries.append(asyncio.create_task(asyncio.open_connection(left.pop(0), port)))
                pending.add(tries[-1])
            done, pending = await asyncio.wait(
                pending,
                timeout=_HAPPY_EYEBALLS_S if left else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for one in done:
                if one.exception() is None:
                    tries.remove(one)
                    return one.result()
        raise tries[0].exception() or OSError("no address")
    finally:
        for one in tries:
            _discard(one)


def _discard(one: "asyncio.Task[tuple[asyncio.StreamReader, asyncio.StreamWriter]]") -> None:
    if not one.done():
        one.cancel()
    elif not one.cancelled() and one.exception() is None:
        one.result()[1].transport.abort()


async def _tunnel(route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    authority = f"{bracketed(route.host)}:{route.port}"
    writer.write(_head("CONNECT", authority, authority))
    status = await _status(reader)
    if status >= 300:
        raise _Refused(status)
    while await reader.readline() not in (b"\r\n", b"\n", b""):
        pass


def _head(method: str, target: str, host: str) -> bytes:
    return (
        f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: cc-guard/{__version__}\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    ).encode("latin-1")


async def _status(reader: asyncio.StreamReader) -> int:
    line = await reader.readline()
    if not line:
        raise ConnectionResetError(errno.ECONNRESET, "Connection closed without an answer")
    found = _STATUS_LINE.match(line)
    if found is None:
        raise ValueError("the answer is not HTTP" if line.endswith(b"\n") else "the answer broke off")
    return int(found[1])


def _authority(route: Route) -> str:
    standard = route.port == (443 if route.tls else 80)
    return bracketed(route.host) if standard else f"{bracketed(route.host)}:{route.port}"


def _unverified() -> ssl.SSLContext:
    """Whom the client trusts is its own matter; no secret is sent here. This asks only who answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _wants_certificate(error: OSError) -> bool:
    """The server is there, but for clients with a certificate of their own, which a probe does not show."""
    return isinstance(error, ssl.SSLError) and error.reason in _CERTIFICATE_ALERTS


def _sentence(error: OSError) -> str:
    """In the system's words. asyncio's own say the same for every error, or lump those of all addresses
    together."""
    if error.errno and error.errno > 0 and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error) or error.__class__.__name__
