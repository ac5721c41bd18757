"""One connection's requests and what they are answered, fault or not."""

import contextlib
import json
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.standin import wire
from tests.standin.answers import answer_to, opening_of, prompt_of
from tests.standin.faults import HEALTHY, MESSAGES, Fault
from tests.standin.request import Request

if TYPE_CHECKING:
    from tests.standin.server import StandIn

_IN_FLIGHT_S = 0.05  # an RST makes the receiver drop what it has not read yet
_SECRETS = ("x-api-key", "authorization")


class Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "StandIn"  # type: ignore[assignment]

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        self.server.listen_to(self.connection)
        super().handle_one_request()

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.pause(self.connection, 0)
        path = urlsplit(self.path).path
        request = Request(time.time(), self.command, path, "")
        request.headers = {k.lower(): v for k, v in self.headers.items() if k.lower() not in _SECRETS}
        with contextlib.suppress(ValueError):
            body = json.loads(raw)
            request.body = body if isinstance(body, dict) else {}
        fault = self.server.suffer(path, opening_of(request.body), self.client_address[1])
        request.fault = "" if fault == HEALTHY else str(fault)
        if "messages" in request.body:
            request.prompt = prompt_of(request.body)
        self.server.record(request)
        if fault.kind == "hang":
            self.server.hang(self.connection)
            self.close_connection = True
        elif fault.kind == "status":
            self._fail(request, fault.status, fault.from_edge, fault.body, fault.claim)
        elif path != MESSAGES or self.command != "POST":
            self._fail(request, 404, edge=False)
        elif not request.body.get("messages"):
            self._fail(request, 400, edge=False)
        else:
            self.server.pause(self.connection, fault.first_s)
            self._converse(request, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer

    def _fail(self, request: Request, status: int, edge: bool, body_kind: str = "", claim: str = "") -> None:
        extra = wire.limit_headers(claim) if claim else {}
        if edge:
            kind, body = wire.edge_page(status, body_kind)
            self._send(request, status, kind, body, extra=extra)
        else:
            name = wire.request_id()
            self._send(request, status, "application/json", wire.error_json(status, name), name, extra)

    def _send(
        self,
        request: Request,
        status: int,
        kind: str,
        body: bytes,
        name: str = "",
        extra: dict[str, str] | None = None,
    ) -> None:
        request.status = status
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        if name:
            self.send_header("request-id", name)
        for key, value in (extra or {}).items():
            self.send_header(key, value)
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
            self.server.pause(self.connection, event.pause_s + (fault.chunk_s if is_delta else 0))
            data = event.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            finished += event.type == "content_block_stop"
            cut_here = is_delta or (event.type == "content_block_stop" and finished == len(blocks))
            if fault.kind == "cut" and finished == fault.after and cut_here:
                self.server.pause(self.connection, _IN_FLIGHT_S)
                self.server.sever(self.connection)
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")
