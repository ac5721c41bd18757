"""The stand-in itself: its port, its connections, its fault, its log.

One thread per connection. All shared state is behind one lock; `_changed` wakes whoever waits for it.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.standin.exchange import Exchange
from tests.standin.faults import HEALTHY, Fault
from tests.standin.peer import is_older
from tests.standin.request import Request

_FIRST_BYTES_S = 0.1  # how long a connection may be silent before it is reset all the same
_CHECK_S = 0.02  # how late a connection's thread notices that a fault has taken it


class StandIn:
    def __init__(self, port: int = 0, tls: Path | None = None) -> None:
        """`tls`: a folder; serves HTTPS and writes the CA there as `ca.pem`."""
        self._changed = threading.Condition(threading.RLock())
        self._stopped = False
        self._log: list[Request] = []
        self._open: set[socket.socket] = set()
        self._fault = HEALTHY
        self._fault_began = 0.0
        self._left: int | None = None  # requests until the fault's limit
        self._plan = 0  # number of the last set_fault: timers of earlier ones are void
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
        with self._changed:
            self._stopped = True
            self._plan += 1
            self._begin(HEALTHY)
            self._hush()
            self._sever_all()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    # -- the log

    @property
    def log(self) -> list[Request]:
        with self._changed:
            return list(self._log)

    def record(self, request: Request) -> None:
        with self._changed:
            self._log.append(request)
            self._changed.notify_all()

    def wait_for(self, wanted: Callable[[Request], bool], timeout: float, since: float = 0.0) -> Request:
        """The first request from `since` (seconds since the epoch) on that is `wanted`; TimeoutError."""

        def found() -> Request | None:
            return next((request for request in self._log if request.t >= since and wanted(request)), None)

        with self._changed:
            request = self._changed.wait_for(found, timeout)
        if request is None:
            raise TimeoutError(f"no such request within {timeout} s")
        return request

    # -- the fault

    @property
    def fault(self) -> Fault:
        """What is wrong at this moment; a fault that has yet to start does not count."""
        return self._fault

    def set_fault(self, fault: Fault | str) -> Fault:
        """Ends the fault there is and begins, or schedules, another; the text is as in faults.py."""
        fault = Fault.parse(fault) if isinstance(fault, str) else fault
        with self._changed:
            self._plan += 1
            if fault.starts_in_s:
                self._begin(HEALTHY)
                self._later(fault.starts_in_s, fault)
            else:
                self._begin(fault)
        return fault

    def _begin(self, fault: Fault) -> None:
        self._fault, self._left, self._fault_began = fault, fault.limit, time.time()
        if fault.kind == "refuse":
            self._hush()
        elif self._listener is None and not self._stopped:
            self._listen()
        if fault.severs:
            self._sever_all()
        if fault.lasts_s is not None:
            self._later(fault.lasts_s, HEALTHY)

    def _later(self, delay_s: float, fault: Fault) -> None:
        plan = self._plan

        def due() -> None:
            with self._changed:
                if plan == self._plan:
                    self._begin(fault)

        timer = threading.Timer(delay_s, due)
        timer.daemon = True
        timer.start()

    def suffer(self, path: str, opening: str = "", port: int = 0) -> Fault:
        """The fault that reaches a request for `path` in a conversation that began with the prompt `opening`,
        HEALTHY if none does; counts it. `port`: where the connection comes from."""
        with self._changed:
            fault = self._fault
            if fault.old and not is_older(port, self._fault_began):
                return HEALTHY
            if not fault.reaches(path, opening):
                return HEALTHY
            if self._left is not None:
                self._left -= 1
                if self._left <= 0:
                    self._begin(HEALTHY)
            return fault

    # -- the port

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _hush(self) -> None:
        if self._listener is not None:
            # A close alone would leave the thread in accept(), and the port open.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection, address], daemon=True).start()

    # -- connections

    def _serve(self, connection: socket.socket, address: Any) -> None:
        with self._changed:
            self._open.add(connection)
            fault = self.suffer("", port=address[1]) if self._fault.before_http else HEALTHY
        try:
            if fault.before_http:
                self.record(_peeked(connection, str(fault)))
                if fault.kind == "hang":
                    self.hang(connection)
                self.sever(connection)
                return
            if self._tls:
                raw, connection = connection, self._tls.wrap_socket(connection, server_side=True)
                with self._changed:
                    self.pause(raw, 0)
                    self._open.discard(raw)
                    self._open.add(connection)
            Exchange(connection, address, self)  # type: ignore[arg-type]
        except OSError:
            pass  # the peer went away, or a fault took the connection
        finally:
            with self._changed:
                self._open.discard(connection)
            connection.close()

    def sever(self, connection: socket.socket) -> None:
        """Its thread does nothing more with it but close it, which sends an RST."""
        with self._changed, contextlib.suppress(OSError):
            self._open.discard(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._changed.notify_all()

    def _sever_all(self) -> None:
        for connection in list(self._open):
            self.sever(connection)

    def pause(self, connection: socket.socket, seconds: float) -> None:
        """Waits in the middle of an answer; ConnectionResetError if the connection is lost."""
        with self._changed:
            if self._changed.wait_for(lambda: connection not in self._open, seconds):
                raise ConnectionResetError

    def listen_to(self, connection: socket.socket) -> None:
        """Waits until the peer sends something or leaves; ConnectionResetError if the connection is lost."""
        while not select.select([connection], [], [], _CHECK_S)[0]:
            self.pause(connection, 0)

    def hang(self, connection: socket.socket) -> None:
        """Returns when the peer has left; ConnectionResetError if the connection is lost."""
        while True:
            self.listen_to(connection)
            if not connection.recv(65536):
                return


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
