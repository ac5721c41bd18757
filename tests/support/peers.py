"""Servers on loopback that answer as they are told: the API, a gateway, a proxy, or what is none of them."""

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

Handler = Callable[[socket.socket], None]


class Peer:
    """Serves every connection with `handler`, each in a thread, until the end of the `with` block."""

    def __init__(
        self, handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._handler = handler
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if self._tls is not None:
                connection = stack.enter_context(self._handshake(connection))
            self._handler(connection)

    def _handshake(self, connection: socket.socket) -> ssl.SSLSocket:
        assert self._tls is not None
        self._open.discard(connection)
        wrapped = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(wrapped)
        try:
            wrapped.do_handshake()
        except ssl.SSLError:
            with socket.socket(fileno=wrapped.detach()) as plain:
                # Closing with something unread would be a reset, which overtakes the alert.
                plain.shutdown(socket.SHUT_WR)
                plain.settimeout(5)
                while plain.recv(4096):
                    pass
            raise
        return wrapped


def head(connection: socket.socket) -> bytes:
    """The request up to its blank line, or what there is when the other side closes."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = connection.recv(4096)
        if not more:
            break
        data += more
    return data


def answers(data: bytes, seen: list[bytes] | None = None) -> Handler:
    """Reads a request, notes it in `seen`, sends `data` and closes."""

    def handler(connection: socket.socket) -> None:
        request = head(connection)
        if seen is not None:
            seen.append(request)
        connection.sendall(data)

    return handler


def says(parts: list[bytes]) -> Handler:
    """Speaks when it has heard something, whatever that was."""

    def handler(connection: socket.socket) -> None:
        connection.recv(4096)
        for part in parts:
            connection.sendall(part)

    return handler


def status(code: int, seen: list[bytes] | None = None) -> Handler:
    return answers(f"HTTP/1.1 {code} Whatever\r\ncontent-length: 0\r\n\r\n".encode(), seen)


def silent(connection: socket.socket) -> None:
    """Takes everything and says nothing."""
    while connection.recv(4096):
        pass


def resets(connection: socket.socket) -> None:
    """A request is answered with RST."""
    head(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def connect_proxy(target_port: int, seen: list[bytes]) -> Handler:
    """Opens every tunnel, to `target_port`."""

    def handler(connection: socket.socket) -> None:
        seen.append(head(connection))
        with socket.create_connection(("127.0.0.1", target_port)) as target:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")
            _pipe(connection, target)

    return handler


def forwards(port: int) -> Handler:
    """Passes everything on to a port of this machine, and back."""

    def handler(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as target:
            _pipe(connection, target)

    return handler


def _pipe(one: socket.socket, other: socket.socket) -> None:
    while True:
        pending = [s for s in (one, other) if isinstance(s, ssl.SSLSocket) and s.pending()]
        ready = pending or select.select([one, other], [], [])[0]
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)


@contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
