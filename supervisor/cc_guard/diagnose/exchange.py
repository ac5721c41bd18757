"""One HTTP request over one new connection: TCP, the proxy's tunnel, TLS, the answer.

No credentials, and nobody's certificate is checked unless the caller's TLS context does so: this asks who
answers, and sends nothing that would need trust.
"""

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cc_guard import __version__
from cc_guard.diagnose.dial import dial
from cc_guard.probe.route import Route, bracketed

if TYPE_CHECKING:
    import ssl

Outcome = Literal[
    "answered",
    "reset_after_connect",
    "closed",
    "timeout",
    "tls_error",
    "not_http",
    "tunnel_refused",
    "refused",
    "reset",
    "unreachable",
    "no_local_port",
    "denied",
    "error",
]

_MOST_HEAD = 64 * 1024
_MOST_BODY = 64 * 1024
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: |\r?$)")  # RFC 9112, section 4


@dataclass
class Answer:
    """`headers` have lower-case names. `connected`: TCP stood. `tunnel` is the status of the proxy's answer
    to CONNECT. `date_at` is the local time at which the head of the answer came, in seconds since the epoch.
    `detail` says more where the outcome alone says too little."""

    outcome: Outcome = "error"
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ms: float = 0.0
    connected: bool = False
    tunnel: int | None = None
    date_at: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class Request:
    """`target` is the path with the base URL's in front of it."""

    method: str
    target: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


async def ask(
    route: Route, address: str, request: Request, timeout_s: float, context: "ssl.SSLContext | None" = None
) -> Answer:
    """Asks the API, or its proxy, at `address`. Without a TLS context nothing is verified. Never raises for
    what the network does."""
    answer = Answer()
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            await _ask(route, address, request, answer, context)
    except Exception as error:
        if answer.outcome != "answered":  # else only its body broke off
            answer.outcome, answer.detail = told(error)
    answer.ms = (time.perf_counter() - started) * 1000
    return answer


class Tunnel(Exception):
    """The proxy did not open the way."""


class _NotHttp(Exception):
    pass


class _Dial(Exception):
    pass


async def connect(
    route: Route, address: str, answer: Answer, context: "ssl.SSLContext | None" = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The stream to the API, encrypted when the route is. `answer` notes the proxy's word. Raises OSError,
    Tunnel and others, which `told` puts in words."""
    hop = route.proxy or route
    dialled = await dial(address, hop.port, 60)  # the caller has the deadline
    if dialled.sock is None:
        raise _Dial(dialled.outcome)
    answer.connected = True
    reader, writer = await asyncio.open_connection(sock=dialled.sock, limit=_MOST_HEAD)
    try:
        if route.proxy and route.proxy.tls:
            await writer.start_tls(unverified(), server_hostname=route.proxy.host)
        if route.proxy and route.tls:
            await _tunnel(route, reader, writer, answer)
        if route.tls:
            await writer.start_tls(context or unverified(), server_hostname=route.host)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


def unverified() -> "ssl.SSLContext":
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _ask(
    route: Route, address: str, request: Request, answer: Answer, context: "ssl.SSLContext | None"
) -> None:
    reader, writer = await connect(route, address, answer, context)
    try:
        writer.write(_head(route, request) + request.body)
        # The answer may come before all is sent, and is what counts.
        sending = asyncio.create_task(_drained(writer))
        try:
            await read_head(reader, answer)
            answer.outcome = "answered"
            if request.method != "HEAD" and answer.status not in (204, 304):
                await _read_body(reader, answer)
        finally:
            sending.cancel()
    finally:
        writer.transport.abort()


async def _drained(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.drain()


async def _tunnel(
    route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer
) -> None:
    authority = f"{bracketed(route.host)}:{route.port}"
    writer.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{_AGENT}\r\n".encode("latin-1"))
    await read_head(reader, answer)
    answer.tunnel = answer.status
    if not 200 <= (answer.status or 0) < 300:
        raise Tunnel(f"the proxy answered {answer.status}")
    answer.status, answer.headers = None, {}


_AGENT = f"User-Agent: cc-guard/{__version__}\r\n"


def _head(route: Route, request: Request) -> bytes:
    standard = route.port == (443 if route.tls else 80)
    authority = bracketed(route.host) if standard else f"{bracketed(route.host)}:{route.port}"
    target = request.target
    if route.proxy and not route.tls:
        target = f"http://{authority}{target}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    if request.body or request.method == "POST":
        lines += f"Content-Length: {len(request.body)}\r\n"
    text = f"{request.method} {target} HTTP/1.1\r\nHost: {authority}\r\n{_AGENT}Accept: */*\r\n"
    return f"{text}{lines}Connection: close\r\n\r\n".encode("utf-8", "replace")


async def read_head(reader: asyncio.StreamReader, answer: Answer) -> None:
    """The first answer that is not an interim one (1xx: RFC 9110, section 15.2)."""
    while True:
        line = await reader.readline()
        if not line:
            raise EOFError
        found = _STATUS.match(line.rstrip(b"\r\n") + b" ")
        if found is None:
            raise _NotHttp
        answer.status, answer.headers = int(found[1]), {}
        size = 0
        while (line := await reader.readline()).strip():
            size += len(line)
            if size > _MOST_HEAD:
                raise _NotHttp
            name, _, value = line.decode("latin-1").partition(":")
            name, value = name.strip().lower(), value.strip()
            before = answer.headers.get(name)
            answer.headers[name] = value if before is None else f"{before}, {value}"
        answer.date_at = time.time()
        if answer.status >= 200:
            return


async def _read_body(reader: asyncio.StreamReader, answer: Answer) -> None:
    """As much of it as matters; what breaks off stays what it is."""
    headers, body = answer.headers, b""
    length = headers.get("content-length", "")
    most = min(int(length), _MOST_BODY) if length.isascii() and length.isdigit() else _MOST_BODY
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    with contextlib.suppress(OSError):
        while len(body) < most and not (chunked and body.endswith(b"0\r\n\r\n")):
            part = await reader.read(most - len(body))
            if not part:
                break
            body += part
    answer.body = _unchunked(body) if chunked else body


def _unchunked(data: bytes) -> bytes:
    """RFC 9112, section 7.1; ends where the data ends."""
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            break
        if length <= 0:
            break
        body += data[:length]
        data = data[length + 2 :]
    return body


def told(error: Exception) -> tuple[Outcome, str]:
    """What `connect` and what follows it raised, as an outcome and a detail."""
    import ssl

    outcome: Any = "error"
    match error:
        case _Dial():
            outcome = str(error)
        case Tunnel():
            return "tunnel_refused", str(error)
        case _NotHttp() | ValueError():
            return "not_http", "the answer is not HTTP"
        case EOFError():
            return "closed", "the connection was closed without an answer"
        case TimeoutError():
            outcome = "timeout"
        case ssl.SSLEOFError():
            return "closed", "the connection was closed in the TLS handshake"
        case ssl.SSLError():
            return "tls_error", str(error.reason or error)
        # asyncio reports an end of stream in a handshake as a reset that has no number.
        case ConnectionError():
            outcome = "closed" if error.errno is None else "reset_after_connect"
    return outcome, str(error)
