"""A resolver of the user's own machine that remembers a wrong address."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.netns.namespaces import Namespace


@contextmanager
def remembering(namespace: Namespace, cache: Path) -> Iterator[None]:
    """A resolver that answers from its cache, a file, and asks the real one when there is none."""
    import dns.message
    import dns.query
    import dns.rdatatype
    import dns.rrset

    done = threading.Event()
    sock = namespace.run(_socket)

    def answer(data: bytes) -> bytes:
        question = dns.message.from_wire(data)
        row = question.question[0]
        if not cache.exists() or "anthropic" not in str(row.name):
            wire = namespace.run(lambda: dns.query.udp(question, "10.77.0.2", timeout=5).to_wire())
            return bytes(wire)
        reply = dns.message.make_response(question)
        if row.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(row.name, 60, "IN", "A", cache.read_text()))
        return bytes(reply.to_wire())

    def serve() -> None:
        while not done.is_set():
            try:
                data, sender = sock.recvfrom(4096)
                sock.sendto(answer(data), sender)
            except (OSError, dns.exception.DNSException):
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10)
        sock.close()


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.53", 53))
    sock.settimeout(0.2)
    return sock
