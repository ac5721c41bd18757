"""This machine's network interfaces: their networks, their own addresses, and the default gateway."""

import ipaddress
import re
import socket
import struct
import sys
from contextlib import suppress

from cc_guard.diagnose import tools
from cc_guard.diagnose.facts import Facts

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_ROUTES = "/proc/thread-self/net/route"
_RTF_GATEWAY = 0x2  # linux/route.h
_ROUTE_TIMEOUT_S = 1.0


def listed() -> list[tuple[str, Interface]]:
    """Each address of this machine, with the name of its interface; empty when they can't be listed."""
    import psutil

    found: list[tuple[str, Interface]] = []
    with suppress(psutil.Error, OSError):
        for name, entries in psutil.net_if_addrs().items():
            for entry in entries:
                is_ip = entry.family in (socket.AF_INET, socket.AF_INET6)
                one = interface(entry.address, entry.netmask) if is_ip and entry.netmask else None
                if one is not None:
                    found.append((name, one))
    return found


def networks() -> list[tuple[str, Network]]:
    """Interface and network of each address; not loopback, not link-local, no single hosts."""
    return [
        (name, one.network)
        for name, one in listed()
        if not (one.is_loopback or one.is_link_local or one.network.prefixlen == one.max_prefixlen)
    ]


def overlap(one: Network, other: Network) -> bool:
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and one.overlaps(other)
    return isinstance(other, ipaddress.IPv6Network) and one.overlaps(other)


def interface(address: str, mask: str) -> Interface | None:
    """An address with its network; None when the two are not that. IPv6 masks come written out, and may
    have the interface's name behind a percent sign as addresses do."""
    try:
        bits = bin(int(ipaddress.ip_address(mask.partition("%")[0]))).count("1")
        return ipaddress.ip_interface(f"{address.partition('%')[0]}/{bits}")
    except ValueError:
        return None


async def gateway(facts: Facts) -> str | None:
    """The address behind the default route of IPv4, None without one. A tunnel has no gateway: its
    interface's name."""
    if facts.system == "linux":
        return parse_routes(tools.read(_ROUTES, 1024 * 1024))
    ran = await tools.run("route", "-n", "get", "default", timeout_s=_ROUTE_TIMEOUT_S)
    return parse_route_get(ran.text)


def parse_routes(text: str) -> str | None:
    """/proc/net/route: addresses as hexadecimal words in the machine's byte order, proc_pid_net(5)."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        try:
            if int(fields[1], 16) or int(fields[7], 16):
                continue
            word, flags, metric = int(fields[2], 16), int(fields[3], 16), int(fields[6])
            packed = struct.pack("<I" if sys.byteorder == "little" else ">I", word)
        except (IndexError, ValueError, struct.error):
            continue
        found.append((metric, socket.inet_ntoa(packed) if flags & _RTF_GATEWAY else fields[0]))
    return min(found)[1] if found else None


def parse_route_get(text: str) -> str | None:
    """macOS, route(8): lines such as `gateway: 192.168.1.1` and `interface: en0`."""
    for key in ("gateway", "interface"):
        match = re.search(rf"^\s*{key}: (\S+)$", text, re.MULTILINE)
        if match:
            return match[1]
    return None
