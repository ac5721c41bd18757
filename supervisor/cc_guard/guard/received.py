"""When the client last got something from the API's side, by the kernel's own count of its connections.

Linux: sock_diag(7) with `tcp_info`, for which nobody needs to be root; whose sockets they are, by
/proc/PID/fd. Elsewhere nothing is known, and nothing is said.
"""

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator

_NETLINK_SOCK_DIAG, _BY_FAMILY = 4, 20
_REQUEST, _DUMP = 0x01, 0x300
_ERROR, _DONE = 2, 3
_ESTABLISHED = 1 << 1
_WITH_INFO = 1 << 1  # INET_DIAG_INFO is 2
_INFO = 2
_HEADER = struct.Struct("=IHHII")
_ANSWER = struct.Struct("=4x2xH44x16xI")  # inet_diag_msg: remote port, in network order, and inode
_ATTRIBUTE = struct.Struct("=HH")
_LAST_DATA = 52  # of tcpi_last_data_recv in tcp_info: 8 bytes, then the twelfth number of 4
_TIMEOUT_S = 0.5
_BUFFER = 65536
_MOST_PROCESSES = 200


def since_s(relay: int, port: int) -> float | None:
    """Seconds since anything has come on one of the session's open connections to `port`: those of all that
    the relay has started. None where there is none, or it can't be told."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, struct.error, ValueError):
        inodes = {inode for pid in _below(relay) for inode in _sockets(pid)}
        found = [ms for inode, far, ms in _established() if inode in inodes and far == port]
        return min(found) / 1000 if found else None
    return None


def _below(root: int) -> Iterator[int]:
    """Everything that `root` has started, but for this process: proc_tid_children(5)."""
    waiting, seen = [root], 0
    while waiting and seen < _MOST_PROCESSES:
        pid, seen = waiting.pop(), seen + 1
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            children = [int(word) for word in file.read(_BUFFER).split() if int(word) != os.getpid()]
            yield from children
            waiting += children


def _sockets(pid: int) -> Iterable[int]:
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                link = os.readlink(f"/proc/{pid}/fd/{name}")
                if link.startswith("socket:["):
                    found.add(int(link[8:-1]))
    return found


def _established() -> Iterator[tuple[int, int, int]]:
    """Inode, remote port, and milliseconds since data came, of every open connection in this namespace."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
            link.settimeout(_TIMEOUT_S)
            wanted = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, _WITH_INFO, _ESTABLISHED)
            link.send(_HEADER.pack(_HEADER.size + len(wanted), _BY_FAMILY, _REQUEST | _DUMP, 1, 0) + wanted)
            while rows := _rows(link.recv(_BUFFER)):
                yield from rows
                if rows[-1] == _END:
                    break


_END = (0, 0, 0)


def _rows(data: bytes) -> list[tuple[int, int, int]]:
    """Of one datagram; `_END` is the last row of the last one."""
    found: list[tuple[int, int, int]] = []
    while len(data) >= _HEADER.size:
        size, kind, *_ = _HEADER.unpack_from(data)
        if kind in (_DONE, _ERROR) or size < _HEADER.size:
            return [*found, _END]
        row = _row(data[_HEADER.size : size])
        if row is not None:
            found.append(row)
        data = data[(size + 3) & ~3 :]
    return found or [_END]


def _row(body: bytes) -> tuple[int, int, int] | None:
    port, inode = _ANSWER.unpack_from(body)
    rest = body[_ANSWER.size :]
    while len(rest) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(rest)
        if kind == _INFO and size >= _ATTRIBUTE.size + _LAST_DATA + 4:
            (ms,) = struct.unpack_from("=I", rest, _ATTRIBUTE.size + _LAST_DATA)
            return inode, socket.ntohs(port), ms
        rest = rest[max((size + 3) & ~3, _ATTRIBUTE.size) :]
    return None
