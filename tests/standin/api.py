"""A stand-in for the Anthropic Messages API on loopback, whose faults come on command.

As a library:

    with StandIn() as api:                      # StandIn(tls=folder) writes folder/ca.pem and serves HTTPS
        ... ANTHROPIC_BASE_URL=api.url ...
        api.set_fault("reset,for=30")           # faults.py has the table
        api.wait_for(lambda r: r.path == "/v1/messages", timeout=5)
        api.log                                 # every request so far

By hand:

    python -m tests.standin.api [--port 0] [--control-port 0] [--tls] [--fault reset]

prints one JSON line with `url`, `control` and, with TLS, `ca`, and serves until it is interrupted. Then

    curl -d status:503,limit=2 CONTROL/fault    # the answer repeats the fault, or says what is wrong
    curl CONTROL/log                            # one JSON line for each request

What the answers are is in answers.py. One thread per connection; all shared state is behind one lock.
"""

import argparse
import contextlib
import json
import select
import signal
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.standin import wire
from tests.standin.answers import answer_to, prompt_of
from tests.standin.faults import HEALTHY, MESSAGES, Fault

_FIRST_BYTES_S = 0.1  # how long a connection may be silent before it is reset all the same
_IN_FLIGHT_S = 0.05  # an RST makes the receiver drop what it has not read yet
_SECRETS = ("x-api-key", "authorization")


@dataclass
class Request:
    """One request, or one connection that was cut before it could make any (then without a method)."""

    t: float  # seconds since the epoch, when it arrived
    method: str
    path: str  # without the query
    fault: str  # the fault that reached it, or ""
    status: int = 0  # 0 = not answered
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case, without secrets
    body: dict[str, Any] = field(default_factory=dict)
    prompt: str | None = None

    @property
    def conversation(self) -> bool:
        """Whether the user's conversation sent it: not a probe, not one of the client's own questions."""
        return self.path == MESSAGES and bool(self.body.get("tools"))


class StandIn:
    def __init__(self, port: int = 0, tls: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._arrived = threading.Condition(self._lock)
        self._stopped = threading.Event()
        self._log: list[Request] = []
        self._open: set[socket.socket] = set()
        self._fault = HEALTHY
        self._left: int | None = None
        self._timers: list[threading.Timer] = []
        self.port = port
        self.ca = tls / "ca.pem" if tls else None
        self._tls = _certificate(tls) if tls else None
        self._listener: socket.socket | None = None
        self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.set_fault(HEALTHY)
        self._stopped.set()
        with self._lock:
            self._hush()
            self._sever()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self) -> list[Request]:
        with self._lock:
            return list(self._log)

    @property
    def fault(self) -> Fault:
        """What is wrong at this moment; a fault that has yet to start does not count."""
        return self._fault

    def wait_for(self, wanted: Callable[[Request], bool], timeout: float, since: float = 0.0) -> Request:
        """The first request from `since` (seconds since the epoch) on that is `wanted`."""
        deadline = time.monotonic() + timeout
        with self._arrived:
            while True:
                for request in self._log:
                    if request.t >= since and wanted(request):
                        return request
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no such request within {timeout} s")

    # -- faults

    def set_fault(self, fault: Fault | str) -> Fault:
        """Ends the fault there is and begins, or schedules, another."""
        fault = Fault.parse(fault) if isinstance(fault, str) else fault
        with self._lock:
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
            self._begin(HEALTHY)
            if fault.starts_in_s:
                self._later(fault.starts_in_s, fault)
            else:
                self._begin(fault)
        return fault

    def _begin(self, fault: Fault) -> None:
        with self._lock:
            self._fault, self._left = fault, fault.limit
            if fault.kind == "refuse":
                self._hush()
            elif self._listener is None and not self._stopped.is_set():
                self._listen()
            if fault.severs:
                self._sever()
            if fault.lasts_s is not None:
                self._later(fault.lasts_s, HEALTHY)

    def _later(self, delay_s: float, fault: Fault) -> None:
        timer = threading.Timer(delay_s, self._begin, [fault])
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def suffer(self, path: str) -> Fault:
        """The fault that reaches a request for `path`; counts it."""
        with self._lock:
            fault = self._fault
            if not fault.reaches(path):
                return HEALTHY
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    self._begin(HEALTHY)
            return fault

    # -- connections

    def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=[listener], daemon=True).start()

    def _hush(self) -> None:
        if self._listener is not None:
            # A close alone would leave the thread in accept(), and the port open.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _sever(self) -> None:
        for connection in self._open:
            _arm_reset(connection)
            # Wakes the connection's thread; the RST goes out when that closes it.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection, address], daemon=True).start()

    def _serve(self, connection: socket.socket, address: Any) -> None:
        with self._lock:
            self._open.add(connection)
            fault = self._fault
        try:
            if fault.kind in ("reset", "hang"):
                self.suffer("")
                self.record(_peeked(connection, str(fault)))
                if fault.kind == "hang":
                    self.hang(connection)
                _arm_reset(connection)
                return
            stream = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            _Handler(stream, address, self)  # type: ignore[arg-type]
            if stream is not connection:
                with contextlib.suppress(OSError):
                    stream.unwrap()
        except OSError:
            pass  # the peer went away, or a fault took the connection
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def hang(self, connection: socket.socket) -> None:
        """Returns when the peer, or the stand-in, ends the connection."""
        while not self._stopped.wait(0.1):
            readable, _, _ = select.select([connection], [], [], 0)
            if readable and not connection.recv(65536):
                return

    def record(self, request: Request) -> Request:
        with self._arrived:
            self._log.append(request)
            self._arrived.notify_all()
        return request


def _arm_reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _peeked(connection: socket.socket, fault: str) -> Request:
    """What a connection asks for, as far as its first bytes tell; TLS tells nothing."""
    t = time.time()
    head = b""
    if select.select([connection], [], [], _FIRST_BYTES_S)[0]:
        with contextlib.suppress(OSError):
            head = connection.recv(65536, socket.MSG_PEEK)
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(words) == 3 and words[2].startswith("HTTP/"):
        return Request(t, words[0], urlsplit(words[1]).path, fault)
    return Request(t, "", "", fault)


def _certificate(folder: Path) -> ssl.SSLContext:
    """A server context for 127.0.0.1 and localhost; its CA goes to `folder`/ca.pem."""
    import trustme

    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn  # type: ignore[assignment]

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length) if length else b""
        path = urlsplit(self.path).path
        fault = self.server.suffer(path)
        request = Request(time.time(), self.command, path, "" if fault == HEALTHY else str(fault))
        request.headers = {k.lower(): v for k, v in self.headers.items() if k.lower() not in _SECRETS}
        with contextlib.suppress(ValueError):
            body = json.loads(raw)
            request.body = body if isinstance(body, dict) else {}
        if "messages" in request.body:
            request.prompt = prompt_of(request.body)
        self.server.record(request)
        if fault.kind == "hang":
            self.server.hang(self.connection)
            self.close_connection = True
        elif fault.kind == "status":
            self._fail(request, fault.status, fault.from_edge)
        elif path != MESSAGES or self.command != "POST":
            self._fail(request, 404, False)
        elif "messages" not in request.body:
            self._fail(request, 400, False)
        else:
            time.sleep(fault.first_s)
            self._converse(request, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer

    def _fail(self, request: Request, status: int, edge: bool) -> None:
        if edge:
            kind, body = wire.edge_page(status)
            self._send(request, status, kind, body)
        else:
            name = wire.request_id()
            self._send(request, status, "application/json", wire.error_json(status, name), name)

    def _send(self, request: Request, status: int, kind: str, body: bytes, name: str = "") -> None:
        request.status = status
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        if name:
            self.send_header("request-id", name)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _converse(self, request: Request, fault: Fault) -> None:
        blocks = answer_to(request.body)
        model = str(request.body.get("model", ""))
        if not request.body.get("stream"):
            body = json.dumps(wire.message(model, blocks)).encode()
            self._send(request, 200, "application/json", body, wire.request_id())
            return
        request.status = 200
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("cache-control", "no-cache")
        self.send_header("request-id", wire.request_id())
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        finished = 0
        for event in wire.events(model, blocks):
            is_delta = event.type == "content_block_delta"
            time.sleep(event.pause_s + (fault.chunk_s if is_delta else 0))
            data = event.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            finished += event.type == "content_block_stop"
            if (
                fault.kind == "cut"
                and finished == fault.after
                and event.type in ("content_block_delta", "content_block_stop")
            ):
                if is_delta or finished == len(blocks):
                    time.sleep(_IN_FLIGHT_S)
                    _arm_reset(self.connection)
                    self.close_connection = True
                    return
        self.wfile.write(b"0\r\n\r\n")


class _Control(BaseHTTPRequestHandler):
    """The control port: POST /fault, GET /log."""

    standin: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def _reply(self, status: int, body: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        try:
            self._reply(200, f"{self.standin.set_fault(text)}\n")
        except ValueError as error:
            self._reply(400, f"{error}\n")

    def do_GET(self) -> None:
        self._reply(200, "".join(json.dumps(asdict(request)) + "\n" for request in self.standin.log))


def main() -> None:
    from http.server import ThreadingHTTPServer

    parser = argparse.ArgumentParser(
        prog="python -m tests.standin.api", description="The Messages API, with faults on command."
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--tls", action="store_true", help="HTTPS with a CA made for this run")
    parser.add_argument("--fault", default="none", help="see tests/standin/faults.py")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="standin-ca-")) if options.tls else None
    with StandIn(options.port, folder) as api:
        api.set_fault(options.fault)
        _Control.standin = api
        control = ThreadingHTTPServer(("127.0.0.1", options.control_port), _Control)
        names = {"url": api.url, "control": f"http://127.0.0.1:{control.server_port}"}
        print(json.dumps(names | ({"ca": str(api.ca)} if api.ca else {})), flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            control.serve_forever()


if __name__ == "__main__":
    main()
