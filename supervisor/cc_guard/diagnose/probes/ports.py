"""Local ports: how many there are for connections, how many are in use, and whether one can be had.

A connection needs a local port that is not yet in use towards the same address and port. Closed connections
keep theirs for a while in TIME_WAIT: 60 s on Linux (TCP_TIMEWAIT_LEN), 30 s on macOS (twice
net.inet.tcp.msl, 15 s). When none is left, connect() fails with EADDRNOTAVAIL, and some clients say "DNS".
"""

import asyncio
import errno
import re
import socket
import struct
from collections import Counter
from typing import Any

from cc_guard.diagnose import processes, sockets, tools
from cc_guard.diagnose.facts import Facts
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

_SYSCTL = "/proc/sys/net/ipv4/"
_SOCKSTAT = "/proc/thread-self/net/sockstat"
# macOS: first and last are for connect(); hifirst and hilast for programs that ask for IP_PORTRANGE_HIGH.
_MACOS = ("first", "last", "hifirst", "hilast")
_SYSCTL_TIMEOUT_S = 1.0

# Linux has 28,232 by default (32768-60999), macOS and Windows 16,384 (49152-65535, RFC 6335). With fewer than
# this, 33 short connections a second towards one address use up all of them in the 60 s of TIME_WAIT.
_FEW = 2000
# Linux tries all ports of the range, so the last two in a hundred may still be found. At four fifths there is
# room for a minute or two of what brought it there.
_FULL, _FILLING = 0.98, 0.8
# Looking for owners walks through all processes' files: 5 to 100 ms, and worth it only when ports get scarce.
_LOOK_FOR_OWNERS = 0.5

_TRIES = 4


async def _range(context: Context) -> list[Finding]:
    """Evidence: first, last, reserved (ports inside that are kept for programs that ask for them by number:
    ip_local_reserved_ports), size (what remains), and on macOS hifirst, hilast."""
    evidence = await (_linux_range() if context.facts.system == "linux" else _macos_range())
    if evidence is None:
        return [Finding("ports.range", "na", "the range of local ports can't be read")]
    size = evidence["size"]
    text = f"{size} local ports for connections ({evidence['first']}-{evidence['last']})"
    if size < _FEW:
        return [Finding("ports.range", "warn", f"only {text}; usual are 16,000 and more", evidence)]
    return [Finding("ports.range", "pass", text, evidence)]


async def _linux_range() -> dict[str, Any] | None:
    """ip_local_port_range and ip_local_reserved_ports: the kernel's networking/ip-sysctl."""
    found = parse_range(tools.read(f"{_SYSCTL}ip_local_port_range", 64))
    if found is None:
        return None
    reserved = parse_reserved(tools.read(f"{_SYSCTL}ip_local_reserved_ports"), *found)
    return _range_evidence(*found, reserved)


async def _macos_range() -> dict[str, Any] | None:
    names = [f"net.inet.ip.portrange.{name}" for name in _MACOS]
    ran = await tools.run("sysctl", "-n", *names, timeout_s=_SYSCTL_TIMEOUT_S)
    found = parse_range(" ".join(ran.text.split()[:2]))
    if found is None:
        return None
    high = [tools.to_int(word) for word in ran.text.split()[2:4]]
    return _range_evidence(*found, 0) | dict(zip(_MACOS[2:], high, strict=False))


def _range_evidence(first: int, last: int, reserved: int) -> dict[str, Any]:
    return {"first": first, "last": last, "size": last - first + 1 - reserved, "reserved": reserved}


def parse_range(text: str) -> tuple[int, int] | None:
    """Two port numbers, the smaller one first; None when it is not that."""
    numbers = [tools.to_int(word) for word in text.split()]
    if len(numbers) != 2 or None in numbers:
        return None
    first, last = sorted(number or 0 for number in numbers)
    return (first, last) if first > 0 and last < 65536 else None


def parse_reserved(text: str, first: int, last: int) -> int:
    """How many of `first` to `last` are in a list such as `8080,9000-9010`."""
    kept: set[int] = set()
    for part in text.strip().split(","):
        low, _, high = part.strip().partition("-")
        ends = tools.to_int(low), tools.to_int(high or low)
        if ends[0] is not None and ends[1] is not None:
            kept.update(range(max(first, ends[0]), min(last, ends[1]) + 1))
    return len(kept)


async def _use(context: Context) -> list[Finding]:
    """Evidence: total (TCP sockets), by_state, in_range (local ports of the range that can't serve a further
    connection to the API), share (in_range of size, 0 to 1), time_wait_share (of in_range, 0 to 1), towards
    ("api", "anywhere"), ports_in_range (all that are in use, towards wherever), top ([{pid, name, sockets}]
    from half of the range on; sockets in TIME_WAIT have no process), peers ([{address, port, sockets}], those
    with the most sockets in the range), sockstat (the kernel's own counts of TCP sockets on Linux: inuse,
    orphan, tw, alloc, and mem in pages).

    Linux can use a port towards several addresses, so there what counts is what is in use towards the API's;
    where those are not known, the address with the most. macOS gives a port to one connection only.
    """
    found = await sockets.listed(context.facts)
    if found is None:
        return [Finding("ports.use", "na", "the sockets of this machine can't be listed")]
    first, last, size = (context.value("ports.range", key, 0) for key in ("first", "last", "size"))
    inside = [one for one in found if first <= one.port <= last]
    used, towards = _used(inside, context)
    share = len(used) / max(size, 1)
    waiting = {one.port for one in inside if one.state == "TIME_WAIT"} & used
    evidence = {
        "total": len(found),
        "by_state": sockets.by_state(found),
        "in_range": len(used),
        "share": round(share, 4),
        "time_wait_share": round(len(waiting) / len(used), 4) if used else 0.0,
        "towards": towards,
        "ports_in_range": len({one.port for one in inside}),
        "top": await _owners(inside, context.facts) if share >= _LOOK_FOR_OWNERS else [],
        "peers": _peers(inside),
        "sockstat": parse_sockstat(tools.read(_SOCKSTAT, 4096)) if context.facts.system == "linux" else {},
    }
    text = f"{len(used)} of {size} local ports in use"
    if share >= _FILLING:
        in_wait = f", {len(waiting)} of them by connections that are closed already" if waiting else ""
        return [Finding("ports.use", "fail" if share >= _FULL else "warn", text + in_wait, evidence)]
    return [Finding("ports.use", "pass", text, evidence)]


def parse_sockstat(text: str) -> dict[str, int]:
    """`TCP: inuse 13 orphan 0 tw 17 alloc 29 mem 47`: proc_pid_net(5)."""
    row = re.search(r"^TCP: (.*)$", text, re.MULTILINE)
    pairs = re.findall(r"\b([a-z]{1,10}) (\d{1,15})\b", row[1] if row else "", re.ASCII)
    return {name: int(number) for name, number in pairs}


def _used(inside: list[sockets.Socket], context: Context) -> tuple[set[int], str]:
    if context.facts.system != "linux":
        return {one.port for one in inside}, "anywhere"
    # A port that a program bound or listens on is not given to connections at all.
    blocked = {one.port for one in inside if one.state == "LISTEN"}
    towards: dict[tuple[str, int], set[int]] = {}
    for one in inside:
        if one.remote:
            towards.setdefault((one.remote, one.remote_port), set()).add(one.port)
    hop = context.configuration.route and (context.configuration.route.proxy or context.configuration.route)
    known = list(context.value("dns.system", "addresses") or [])
    if hop and known:
        # Each address has all ports of its own: the client is stuck when the fullest one is full, because it
        # stays with the address that it tries first.
        groups = [towards.get((address, hop.port), set()) for address in known]
        return blocked | max(groups, key=len), "api"
    return blocked | max(towards.values(), key=len, default=set()), "anywhere"


def _peers(inside: list[sockets.Socket]) -> list[dict[str, Any]]:
    counts = Counter((one.remote, one.remote_port) for one in inside if one.remote)
    return [
        {"address": address, "port": port, "sockets": count}
        for (address, port), count in counts.most_common(3)
    ]


async def _owners(inside: list[sockets.Socket], facts: Facts) -> list[dict[str, Any]]:
    """Without root only the user's own processes can be asked."""
    if facts.system == "linux":
        held = processes.holders({one.inode for one in inside if one.inode})
        names = {pid: processes.name_of(pid) for pid in held}
    else:
        held, names = await asyncio.to_thread(_macos_holders, {one.port for one in inside})
    most = sorted(held, key=lambda pid: -held[pid])[:3]
    return [{"pid": pid, "name": names[pid], "sockets": held[pid]} for pid in most]


def _macos_holders(ports: set[int]) -> tuple[dict[int, int], dict[int, str]]:
    import psutil

    held: dict[int, int] = {}
    names: dict[int, str] = {}
    for process in psutil.process_iter():
        try:
            found = process.net_connections(kind="tcp")
            count = sum(1 for one in found if one.laddr and one.laddr.port in ports)
            if count:
                held[process.pid], names[process.pid] = count, process.name()
        except (psutil.Error, OSError):
            continue
    return held, names


async def _bind(context: Context) -> list[Finding]:
    """Takes a port as a program does that is about to connect, and connects to itself, a few times. Nothing
    leaves this machine. Evidence: ok (whether a connection came about), errno (a name such as EADDRINUSE,
    None), tries, bound (a port that is free towards everything), connected (of those tries).

    bind() to port 0 and all addresses wants a port that nothing uses, so it fails before connect() does, with
    EADDRINUSE on Linux and EADDRNOTAVAIL on macOS: ip(7), ip(4). Alone, that is a warning.
    """
    tries = await asyncio.to_thread(lambda: [(_bound(), _connected()) for _ in range(_TRIES)])
    bound, connected = (sum(not one[which] for one in tries) for which in (0, 1))
    errors = [number for one in tries for number in one if number]
    name = errno.errorcode.get(errors[-1], str(errors[-1])) if errors else None
    evidence = {"ok": connected > 0, "errno": name, "tries": _TRIES, "bound": bound, "connected": connected}
    if not connected:
        return [Finding("ports.bind", "fail", f"no free local port can be had ({name})", evidence)]
    if connected < _TRIES:
        text = f"a free local port could be had in {connected} of {_TRIES} tries ({name})"
        return [Finding("ports.bind", "warn", text, evidence)]
    if bound < _TRIES:
        text = f"hardly a local port is free towards everything ({name})"
        return [Finding("ports.bind", "warn", text, evidence)]
    return [Finding("ports.bind", "pass", "a free local port can be had", evidence)]


def _bound() -> int:
    """0, or the errno of a bind to any port of all addresses, of both families where there are two."""
    both = socket.has_dualstack_ipv6()
    with socket.socket(socket.AF_INET6 if both else socket.AF_INET) as test:
        try:
            if both:
                test.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            test.bind(("", 0))
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return 0


def _connected() -> int:
    """0, or the errno of a connection to this machine itself.

    Both ends are closed with a reset (SO_LINGER of 0 s, socket(7)): a probe leaves no TIME_WAIT behind.
    """
    with socket.socket() as server, socket.socket() as client:
        try:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            client.settimeout(0.5)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.connect(server.getsockname())
        except OSError as error:
            return error.errno or errno.ETIMEDOUT
    return 0


PROBES = (
    Probe("ports.range", "Machine", _range, deadline_s=1.5),
    Probe("ports.use", "Machine", _use, ("ports.range", "dns.system?"), deadline_s=3.0),
    Probe("ports.bind", "Machine", _bind, deadline_s=3.0, later=True),
)
