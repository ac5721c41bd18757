"""One cheap request over the configured route: TCP, TLS, any HTTP status."""

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass

from cc_guard import __version__
from cc_guard.probe.route import Proxy, Route

_HAPPY_EYEBALLS_S = 0.25  # RFC 8305, section 8: "Connection Attempt Delay ... 250 milliseconds"


@dataclass(frozen=True)
class PathResult:
    """`ok`: something that speaks HTTP answered. `stage` is how far it got: resolve, connect, proxy, tls,
    http."""

    ok: bool
    stage: str
    detail: str
    ms: float
    http_status: int | None = None


async def check_path(route: Route, timeout_s: float) -> PathResult:
    """Never raises for a network fault: every fault is a result."""
    start = time.monotonic()
    progress = ["connect"]
    status: int | None = None
    try:
        async with asyncio.timeout(timeout_s):
            status = await _request(route, progress)
        detail, ok = f"HTTP {status}", True
    except TimeoutError:
        detail, ok = f"no answer in {timeout_s:g} s", False
    except _Refused as error:
        detail, ok, status = str(error), error.reachable, error.status
    except OSError as error:
        if error.__class__.__name__ == "gaierror":
            progress.append("resolve")
        detail, ok = error.strerror or error.__class__.__name__, False
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        detail, ok = _broken(error), False
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
    reader, writer = await asyncio.open_connection(
        first.host,
        first.port,
        happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
    )
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


async def _tunnel(route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    authority = f"{_bracketed(route.host)}:{route.port}"
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
        raise ConnectionResetError(104, "Connection closed without an answer")
    words = line.split(None, 2)
    if not words[0].startswith(b"HTTP/") or len(words) < 2:
        raise ValueError("the answer is not HTTP")
    return int(words[1])


def _authority(route: Route) -> str:
    standard = route.port == (443 if route.tls else 80)
    return _bracketed(route.host) if standard else f"{_bracketed(route.host)}:{route.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unverified() -> ssl.SSLContext:
    """Whom the client trusts is its own matter; no secret is sent here. This asks only who answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _broken(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else "the answer broke off"
