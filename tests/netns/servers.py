"""What stands at the other end: an API, its edge, proxies, portals, name servers, as a scenario wants them.

A server of a scenario is a table:

    at        addresses
    port      443 if not said
    does      api        like the real one for somebody without a key: 404 for /, 401 for a message
              answer     `status`, `type`, `body`, `headers` to every request, or with `path` to those for it,
                         and like `api` to the others
              reset      accepts, and resets at the first byte; reset_late, once TLS stands
              silent     accepts, and says nothing
              close      accepts, and closes at the first byte
              proxy      opens tunnels
              forward    passes on, in plain text, to the port `to` of the machine that the tests run on
              answers in plain text what it is given, for `speaks`
              nothing    nobody listens
    tls       good, untrusted, self_signed, expired, not_yet_valid, wrong_host; "" for plain HTTP
    delay_s   before each answer
    date_s    what its clock is ahead of ours
"""

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any

from tests.netns.namespaces import Namespace
from tests.support.peers import Handler, Peer, forwards, head, says

HOST = "api.anthropic.com"
API_4, API_6, APPLE = "160.79.104.10", "2607:6bc0::10", "17.253.144.10"
NAMES = {HOST: [API_4, API_6], "captive.apple.com": [APPLE], "proxy.corp.example": ["10.77.0.2"]}
_BEFORE_TLS = ("reset", "close", "silent")
_PUBLIC_ISSUER = "Google Trust Services"  # who signs the real one


class Certificates:
    """One authority that machines in the namespaces trust, and one that they don't."""

    def __init__(self) -> None:
        import trustme

        self._good = trustme.CA(organization_name=_PUBLIC_ISSUER, organization_unit_name="WE1")
        self._other = trustme.CA(organization_name="Example Corp Inspection", organization_unit_name="Proxy")
        self.trusted = self._good.cert_pem.bytes()
        self.untrusted = self._other.cert_pem.bytes()
        self._lock = threading.Lock()
        self._made: dict[str, ssl.SSLContext] = {}

    def context(self, kind: str) -> ssl.SSLContext:
        with self._lock:
            if kind not in self._made:
                self._made[kind] = self._make(kind)
            return self._made[kind]

    def _make(self, kind: str) -> ssl.SSLContext:
        now, day = datetime.now(UTC), timedelta(days=1)
        authority = self._other if kind in ("untrusted", "portal") else self._good
        name = {"wrong_host": "login.hotel.example", "portal": "login.hotel.example"}.get(kind, HOST)
        times: dict[str, Any] = {
            "expired": {"not_before": now - 90 * day, "not_after": now - 3 * day},
            "not_yet_valid": {"not_before": now + 3 * day, "not_after": now + 90 * day},
        }.get(kind, {"not_before": now - day, "not_after": now + 60 * day})
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if kind == "self_signed":
            _self_signed(context)
        else:
            authority.issue_cert(name, common_name=name, **times).configure_cert(context)
        return context


def _self_signed(context: ssl.SSLContext) -> None:
    """trustme signs only with authorities."""
    import tempfile

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    with tempfile.NamedTemporaryFile() as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)


@contextmanager
def serving(where: Namespace, server: Mapping[str, Any], certificates: Certificates) -> Iterator[None]:
    """All addresses of one server, until the end of the block."""
    handler = _handler(where, server)
    with contextlib.ExitStack() as stack:
        if handler is not None:
            kind = "" if server["does"] in _BEFORE_TLS else server.get("tls", "")
            tls = certificates.context(kind) if kind else None
            for address in server["at"]:
                peer = where.run(lambda a=address: Peer(handler, tls, a, server.get("port", 443)))  # type: ignore[misc]
                stack.enter_context(peer)
        yield


def _handler(where: Namespace, server: Mapping[str, Any]) -> Handler | None:
    does = server["does"]
    match does:
        case "nothing":
            return None
        case "api" | "answer":
            return lambda connection: _exchange(connection, server)
        case "reset" | "reset_late":
            return _reset
        case "close":
            return lambda connection: connection.recv(1) and None  # type: ignore[return-value]
        case "silent":
            return _swallow
        case "speaks":
            return says([str(server["body"]).encode()])
        case "forward":
            return forwards(server["to"])
        case "proxy":
            return lambda connection: _tunnel(where, connection)
    raise ValueError(f"no server does {does!r}")


def _reset(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _swallow(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def _exchange(connection: socket.socket, server: Mapping[str, Any]) -> None:
    start = b""
    while b"\r\n\r\n" not in start:
        data = connection.recv(65536)
        if not data:
            return
        start += data
    start, _, body = start.partition(b"\r\n\r\n")
    method, path = start.decode("latin-1").split(" ")[:2]
    rows = (row.lower().partition(b":") for row in start.split(b"\r\n"))
    left = next((int(value) for name, _, value in rows if name == b"content-length"), 0) - len(body)
    while left > 0 and (data := connection.recv(65536)):
        left -= len(data)
    time.sleep(server.get("delay_s", 0))
    status, kind, page, headers = _answer(method, path, server)
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {kind}", f"content-length: {len(page)}"]
    lines += [f"date: {formatdate(time.time() + server.get('date_s', 0), usegmt=True)}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join((*lines, "", "")).encode() + (b"" if method == "HEAD" else page))


def _answer(method: str, path: str, server: Mapping[str, Any]) -> tuple[int, str, bytes, dict[str, str]]:
    if server["does"] == "answer" and path.startswith(server.get("path", "")):
        kind = server.get("type", "text/html")
        return server["status"], kind, server.get("body", "").encode(), server.get("headers", {})
    status, error = (401, "authentication_error") if path == "/v1/messages" else (404, "not_found_error")
    if path == "/v1/messages" and method != "POST":
        status, error = 405, "invalid_request_error"
    message = "x-api-key header is required" if status == 401 else "Not found"
    body = {"type": "error", "error": {"type": error, "message": message}}
    headers = {"server": "cloudflare", "request-id": "req_011CTest", "cf-ray": "9a1b2c3d4e5f-FRA"}
    return status, "application/json", json.dumps(body).encode(), headers


def _tunnel(where: Namespace, connection: socket.socket) -> None:
    words = head(connection).split(b" ")
    if len(words) < 2:
        return
    host, _, port = words[1].decode().rpartition(":")
    host = NAMES.get(host, [host.strip("[]")])[0]
    if words[0] != b"CONNECT" or not port.isdigit():
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        return
    try:
        far = where.run(lambda: socket.create_connection((host, int(port)), 5))
    except OSError:
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        return
    with far:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        while True:
            for source in select.select([connection, far], [], [], 30)[0]:
                data = source.recv(65536)
                if not data:
                    return
                (far if source is connection else connection).sendall(data)


@contextmanager
def answering_names(where: Namespace, address: str, table: Mapping[str, Any]) -> Iterator[None]:
    """A name server. `does`: answer (from `records`: name to addresses), servfail, refused, nxdomain, silent,
    nothing (nobody listens), garbage; `v6` says the same for AAAA alone."""
    if table.get("does") == "nothing":
        yield
        return
    sock = where.run(lambda: _bound(address))
    done = threading.Event()
    thread = threading.Thread(target=_answer_names, args=(sock, table, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(5)
        sock.close()


def _bound(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))
    sock.settimeout(0.2)
    return sock


def _answer_names(sock: socket.socket, table: Mapping[str, Any], done: threading.Event) -> None:
    while not done.is_set():
        try:
            data, sender = sock.recvfrom(65535)
        except OSError:
            continue
        with contextlib.suppress(Exception):
            reply = _reply(data, table)
            if reply is not None:
                sock.sendto(reply, sender)


def _reply(data: bytes, table: Mapping[str, Any]) -> bytes | None:
    import dns.message
    import dns.rcode
    import dns.rdatatype
    import dns.rrset

    question = dns.message.from_wire(data)
    row = question.question[0]
    wants_v6 = row.rdtype == dns.rdatatype.AAAA
    does = table.get("v6") if wants_v6 and "v6" in table else table.get("does", "answer")
    if does == "silent":
        return None
    if does == "garbage":
        return data[:2] + b"\x81\x80nonsense"
    answer = dns.message.make_response(question)
    rcodes = {"servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED, "nxdomain": dns.rcode.NXDOMAIN}
    records = table.get("records", {})
    name = str(row.name).rstrip(".")
    known: list[str] = records.get(name, records.get("*", []))
    if does in rcodes or not known:
        answer.set_rcode(rcodes.get(str(does), dns.rcode.NXDOMAIN))
        return answer.to_wire()
    found = [address for address in known if (":" in address) == wants_v6]
    if found and row.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
        answer.answer.append(dns.rrset.from_text(row.name, 60, "IN", row.rdtype, *found))
    return answer.to_wire()
