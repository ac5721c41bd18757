"""The TCP sockets of this machine (of this network namespace), as the kernel lists them.

Linux: /proc/net/tcp and tcp6, proc_net_tcp(5); the states are those of the kernel's tcp_states.h.
macOS: `netstat -anp tcp`, netstat(1).
"""

import asyncio
import binascii
import ipaddress
import re
import struct
import sys
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from cc_guard.diagnose import tools
from cc_guard.diagnose.facts import Facts

# A thread can be in another network namespace than its process: thread-self, since Linux 3.17.
_FILES = ("/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6")
_FILES_OF = ("/proc/{pid}/net/tcp", "/proc/{pid}/net/tcp6")
# 150 bytes a socket: room for 100,000 of them, which is more than there are ports.
_MOST = 16 * 1024 * 1024
_NETSTAT_TIMEOUT_S = 1.5

_STATES = {
    "01": "ESTABLISHED",
    "02": "SYN_SENT",
    "03": "SYN_RECV",
    "04": "FIN_WAIT1",
    "05": "FIN_WAIT2",
    "06": "TIME_WAIT",
    "07": "CLOSE",
    "08": "CLOSE_WAIT",
    "09": "LAST_ACK",
    "0A": "LISTEN",
    "0B": "CLOSING",
    "0C": "SYN_RECV",  # NEW_SYN_RECV
}
_BSD_STATES = {
    "CLOSED": "CLOSE",
    "SYN_RCVD": "SYN_RECV",
    "SYN_RECEIVED": "SYN_RECV",
    "FIN_WAIT_1": "FIN_WAIT1",
    "FIN_WAIT_2": "FIN_WAIT2",
}


class Socket(NamedTuple):
    """`remote` is an address as text, "" for a listener; `inode` is 0 for a socket without a process."""

    port: int
    remote: str
    remote_port: int
    state: str
    inode: int = 0


async def listed(facts: Facts) -> list[Socket] | None:
    """All of them; None when they can't be listed."""
    if facts.system == "linux":
        # 30,000 sockets take a quarter of a second on a busy machine; other probes go on meanwhile.
        return await asyncio.to_thread(_from_proc, _FILES)
    ran = await tools.run("netstat", "-anp", "tcp", timeout_s=_NETSTAT_TIMEOUT_S)
    return parse_netstat(ran.text) if ran.status == 0 else None


def of_namespace(pid: int) -> list[Socket]:
    """Linux: the sockets of the network namespace that the process `pid` lives in."""
    return _from_proc([path.format(pid=pid) for path in _FILES_OF]) or []


def by_state(found: Iterable[Socket]) -> dict[str, int]:
    """The number of sockets in each state, the most frequent first."""
    return dict(Counter(one.state for one in found).most_common())


def _from_proc(paths: Iterable[str]) -> list[Socket] | None:
    texts = [tools.read(path, _MOST) for path in paths]
    if not any(texts):
        return None
    return [one for text in texts for one in parse_proc(text)]


def parse_proc(text: str) -> list[Socket]:
    found = []
    addresses: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        fields = line.split(None, 10)
        try:
            port = int(fields[1].rpartition(":")[2], 16)
            remote, _, remote_port = fields[2].rpartition(":")
            if remote not in addresses:
                addresses[remote] = _address(remote)
            state = _STATES.get(fields[3], fields[3])
            found.append(Socket(port, addresses[remote], int(remote_port, 16), state, int(fields[9])))
        except (IndexError, ValueError):
            continue  # a line that was cut off, or that this kernel writes in another way
    return found


def _address(text: str) -> str:
    """Words of 32 bits in the machine's byte order; an IPv4 address in IPv6 is that IPv4 address.
    Raises ValueError."""
    words = struct.unpack(f"{'<' if sys.byteorder == 'little' else '>'}{len(text) // 8}I", _bytes(text))
    packed = struct.pack(f">{len(words)}I", *words)
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return "" if address.is_unspecified else str(address)


def _bytes(text: str) -> bytes:
    try:
        data = binascii.unhexlify(text)
    except binascii.Error as error:
        raise ValueError(text) from error
    if len(data) not in (4, 16):
        raise ValueError(text)
    return data


_NETSTAT = re.compile(r"^tcp\S*\s+\d+\s+\d+\s+(\S+)[.:](\d+|\*)\s+(\S+)[.:](\d+|\*)\s+([A-Z0-9_]+)")


def parse_netstat(text: str) -> list[Socket]:
    """`tcp4  0  0  192.168.1.5.51234  160.79.104.10.443  ESTABLISHED`: the port is behind the last dot."""
    found = []
    for line in text.splitlines():
        match = _NETSTAT.match(line)
        if match is None or match[2] == "*":
            continue
        remote = "" if match[3] == "*" else match[3].partition("%")[0]
        remote_port = 0 if match[4] == "*" else int(match[4])
        state = _BSD_STATES.get(match[5], match[5])
        found.append(Socket(int(match[2]), remote, remote_port, state))
    return found
