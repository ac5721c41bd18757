"""Whether this machine knows a way to the host, by which device, and whether that is a tunnel."""

import asyncio
import contextlib
import errno
import os
import re
import socket
from typing import Any

from cc_guard.diagnose import target
from cc_guard.diagnose.addressing import Way, parse_ip_route, parse_route_get
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.quirks import is_public
from cc_guard.diagnose.resolve import is_literal
from cc_guard.diagnose.tools import run
from cc_guard.incident.record import Finding

# Where the host's own address isn't known: one of api.anthropic.com's published ranges, 160.79.104.0/23 and
# 2607:6bc0::/48 (docs.claude.com/en/api/ip-addresses). Nothing is sent to it.
_STAND_IN = {4: "160.79.104.10", 6: "2607:6bc0::10"}
_NAMES = {
    "utun": r"utun\d+",
    "wg": r"wg\d*|wg[-_].*|wt\d+|nordlynx|proton\d*|mullvad",
    "tailscale": r"tailscale\d*",
    "warp": r"CloudflareWARP|warp\d*",
    "tun": r"tun\d+|tap\d+|ppp\d+|ipsec\d+|gpd\d+|cscotun\d+|vpn\d*|zt\w+",
}


async def _link(context: Context) -> list[Finding]:
    """One finding for each family. Evidence: family, destination (what was looked up), device, its mtu,
    gateway, source (the local address), tunnel, tunnel_kind (utun, wg, tailscale, warp, tun or None), error
    (unreachable, none: no address of that family, or None)."""
    ways = dict(
        zip(
            target.FAMILIES,
            await asyncio.gather(*(_way(context, family) for family in target.FAMILIES)),
            strict=True,
        )
    )
    return [_finding(family, *ways[family], ways) for family in target.FAMILIES]


async def _way(context: Context, family: int) -> tuple[str, Way, str | None]:
    known = target.addresses(context, family)
    destination = known[0] if known else _STAND_IN[family]
    source, error = _source(destination, family)
    if error:
        return destination, Way(), error
    way = await _looked_up(context, destination, family)
    return destination, Way(way.device or _device(source), way.gateway, source), None


def _device(address: str) -> str:
    """The device with this local address, where the system's tool is missing, as in small containers."""
    import psutil

    with contextlib.suppress(OSError, psutil.Error):
        for name, rows in psutil.net_if_addrs().items():
            if any(row.address.partition("%")[0] == address for row in rows):
                return str(name)
    return ""


def _source(destination: str, family: int) -> tuple[str, str | None]:
    """The local address for it. connect(2) on UDP looks a route up, and sends nothing."""
    with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM) as test:
        try:
            test.connect((destination, 443))
            return str(test.getsockname()[0]), None
        except OSError as failure:
            none = failure.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
            return "", "none" if none else "unreachable"


async def _looked_up(context: Context, destination: str, family: int) -> Way:
    if context.facts.system == "macos":
        ran = await run(
            "route", "-n", "get", "-inet6" if family == 6 else "-inet", destination, timeout_s=1.0
        )
        return parse_route_get(ran.text)
    ran = await run("ip", "-j", "route", "get", destination, timeout_s=1.0)
    return parse_ip_route(ran.text)


def _finding(family: int, destination: str, way: Way, error: str | None, ways: Any) -> Finding:
    kind = _kind(way.device)
    evidence = {
        "family": family,
        "destination": destination,
        "device": way.device or None,
        "mtu": _mtu(way.device),
        "gateway": way.gateway or None,
        "source": way.source or None,
        "tunnel": kind is not None,
        "tunnel_kind": kind,
        "error": error,
    }
    if error:
        unreachable = f"no way to {destination} (IPv{family}, no route)"
        text = unreachable if error == "unreachable" else f"this machine has no IPv{family} address"
        if ways[10 - family][2] is None:
            return Finding("link.route", "na", f"{text}; IPv{10 - family} has a way", evidence)
        return Finding("link.route", "fail", text, evidence)
    by = f" by {way.gateway}" if way.gateway else ""
    text = f"the way out is {way.device or 'a device that is not known'}{by} (IPv{family})"
    return Finding("link.route", "pass", f"{text}, a VPN ({kind})" if kind else text, evidence)


def _mtu(device: str) -> int | None:
    import psutil

    with contextlib.suppress(OSError, psutil.Error):
        if stats := psutil.net_if_stats().get(device):
            return int(stats.mtu)
    return None


def _kind(device: str) -> str | None:
    named = next((kind for kind, pattern in _NAMES.items() if re.fullmatch(pattern, device)), None)
    if named or not device or "/" in device:
        return named
    folder = f"/sys/class/net/{device}"  # Linux: sysfs-class-net; only TUN/TAP devices have tun_flags
    if os.path.exists(f"{folder}/tun_flags"):
        return "tun"
    try:
        with open(f"{folder}/uevent") as file:
            return "wg" if "DEVTYPE=wireguard" in file.read(4096) else None
    except OSError:
        return None


def _local(context: Context) -> str:
    hop = target.hop(context) if context.configuration.route else None
    if hop is None:
        return "it is not known where the API is"
    local = hop.host in ("localhost", "::1") or (is_literal(hop.host) and hop.host.startswith("127."))
    if local:
        return "what is dialled is on this machine"
    unknown = not any(target.addresses(context, family) for family in target.FAMILIES)
    return (
        "the host is in a private network, and its address is not known"
        if (unknown and not is_public(hop.host))
        else ""
    )


PROBES = (Probe("link.route", "Network", _link, ("config.route", "dns.system?"), 1.5, absent=_local),)
