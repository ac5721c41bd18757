"""WSL: how this system reaches the network through Windows, and Windows' own local ports.

All of it is learn.microsoft.com/windows/wsl: networking, wsl-config, troubleshooting. Only `wsl.exe
--shutdown` and Windows can change any of it, so nothing here is ever more than looked at.
"""

import asyncio
import os
import re
import shutil
from typing import Any

from cc_guard.diagnose import nameservers, tools
from cc_guard.diagnose.probe import Context, Probe, always
from cc_guard.incident.record import Finding

_INTERFACES = "/sys/class/net"
# The kernel runs Windows programs for us through this entry: learn.microsoft.com/windows/wsl/filesystems.
_INTEROP = ("/proc/sys/fs/binfmt_misc/WSLInterop", "/proc/sys/fs/binfmt_misc/WSLInterop-late")
# Where Windows' programs are when its PATH is not added to ours (appendWindowsPath=false).
_SYSTEM32 = "/mnt/c/Windows/System32"
_DNS_TUNNEL = "10.255.255.254"
_MODES = ("nat", "mirrored", "virtioproxy", "bridged", "none")
_WSLINFO_TIMEOUT_S = 0.8
# Starting a Windows program from WSL takes 50 to 300 ms; the first one after a while a second.
_NETSH_TIMEOUT_S = 2.0

# Windows' default is 16,384 ports from 49152 on (learn.microsoft.com/troubleshoot/windows-server/networking/
# default-dynamic-port-range-tcpip-chang). A closed connection keeps its port for up to two minutes there.
_FEW = 2000
_EATEN = 0.5


async def _network(context: Context) -> list[Finding]:
    """Evidence: mode (nat, mirrored, virtioproxy, bridged, none, or None when unknown), said_by ("wslinfo",
    "interfaces"), dns_tunnel (bool), interop (whether Windows programs can be run), interfaces (names)."""
    names = _names()
    mode, said_by = await _mode(names)
    evidence: dict[str, Any] = {
        "mode": mode,
        "said_by": said_by,
        "dns_tunnel": _DNS_TUNNEL in [one.address for one in await nameservers.configured(context.facts)],
        "interop": _interop(),
        "interfaces": names,
    }
    if names and not [name for name in names if not _is_local(name)]:
        text = "WSL has no network interface: it could not set up networking"
        return [Finding("wsl.network", "fail", text, evidence)]
    if mode == "none":
        return [Finding("wsl.network", "fail", "WSL was started without networking", evidence)]
    how = f"networking mode {mode}" if mode else "networking mode unknown"
    tunnel = ", names are looked up by Windows" if evidence["dns_tunnel"] else ""
    return [Finding("wsl.network", "pass", f"WSL {context.facts.wsl}: {how}{tunnel}", evidence)]


async def _mode(names: list[str]) -> tuple[str | None, str]:
    ran = await tools.run("wslinfo", "--networking-mode", timeout_s=_WSLINFO_TIMEOUT_S)
    said = ran.text.strip().lower()
    if ran.status == 0 and said in _MODES:
        return said, "wslinfo"
    # Mirrored mode adds an interface for Windows' loopback; in NAT mode there is one, on a virtual switch.
    if "loopback0" in names:
        return "mirrored", "interfaces"
    return ("nat", "interfaces") if "eth0" in names else (None, "interfaces")


def _names() -> list[str]:
    try:
        return sorted(os.listdir(_INTERFACES))
    except OSError:
        return []


def _is_local(name: str) -> bool:
    """Interfaces that lead nowhere, which every Linux system of WSL has."""
    return name in ("lo", "loopback0") or name.startswith(("dummy", "sit", "tunl", "bond", "docker", "br-"))


def _interop() -> bool:
    return any(os.path.exists(path) for path in _INTEROP)


async def _ports(context: Context) -> list[Finding]:
    """Evidence: start, count (Windows' dynamic port range for TCP), excluded ([[first, last]…], ranges that
    Windows keeps for itself), excluded_total (ports in them), excluded_in_range, mode.

    In NAT mode every connection of WSL takes one of these ports, too. In mirrored mode WSL has a range of
    its own, which `ports.range` shows.
    """
    mode = context.value("wsl.network", "mode")
    if mode in ("mirrored", "none", "virtioproxy"):
        text = f"in mode {mode} connections do not go through Windows' range of ports"
        return [Finding("wsl.ports", "na", text, {"mode": mode})]
    netsh = _netsh()
    if not netsh:
        return [Finding("wsl.ports", "na", "Windows programs can't be run from here", {"mode": mode})]
    dynamic, excluded = await asyncio.gather(
        *(
            tools.run(netsh, "int", "ipv4", "show", *what, timeout_s=_NETSH_TIMEOUT_S)
            for what in (("dynamicport", "tcp"), ("excludedportrange", "protocol=tcp"))
        )
    )
    found = parse_dynamic(dynamic.text)
    if found is None:
        why = "netsh.exe did not answer in time" if dynamic.status is None else "netsh.exe says no range"
        return [Finding("wsl.ports", "na", why, {"mode": mode, "status": dynamic.status})]
    return [_judge(*found, parse_excluded(excluded.text), mode)]


def _judge(start: int, count: int, excluded: list[list[int]], mode: str | None) -> Finding:
    kept = {port for first, last in excluded for port in range(first, last + 1)}
    inside = sum(start <= port < start + count for port in kept)
    evidence = {
        "start": start,
        "count": count,
        "excluded": excluded,
        "excluded_total": len(kept),
        "excluded_in_range": inside,
        "mode": mode,
    }
    if count < _FEW:
        text = f"Windows has only {count} ports for connections, and WSL's are among them"
        return Finding("wsl.ports", "warn", text, evidence)
    if inside >= count * _EATEN or count - inside < _FEW:
        text = f"Windows keeps {inside} of its {count} ports for connections to itself"
        return Finding("wsl.ports", "warn", text, evidence)
    return Finding("wsl.ports", "pass", f"Windows has {count - inside} ports for connections", evidence)


def _netsh() -> str:
    path = os.path.join(_SYSTEM32, "netsh.exe")
    return shutil.which("netsh.exe") or (path if os.access(path, os.X_OK) else "")


# In every language a line of the settings ends with a colon and the number; a few put the wide colon of
# Chinese and Japanese. A code page that was guessed wrong changes the words, and no digit or ASCII colon.
_SETTING = re.compile(r":\s*(\d{1,5})\s*$|\uff1a\s*(\d{1,5})\s*$", re.MULTILINE)
_LAST_NUMBER = re.compile(r"\D(\d{1,5})\s*$", re.MULTILINE)


def parse_dynamic(text: str) -> tuple[int, int] | None:
    """`netsh int ipv4 show dynamicport tcp`: the first port and how many, in any language; None when the
    text has no two such numbers."""
    numbers = [int(one or other) for one, other in _SETTING.findall(text)]
    if len(numbers) != 2:
        numbers = [int(number) for number in _LAST_NUMBER.findall(text)]
    if len(numbers) != 2:
        return None
    start, count = numbers
    return (start, count) if 0 < start < 65536 and 0 < count <= 65536 - start else None


_PAIR = re.compile(r"^\s*(\d{1,5})\s+(\d{1,5})\s*\*?\s*$", re.MULTILINE)


def parse_excluded(text: str) -> list[list[int]]:
    """`netsh int ipv4 show excludedportrange protocol=tcp`: lines of first and last port, some with a star
    for a range that an administrator reserved."""
    pairs = ([int(first), int(last)] for first, last in _PAIR.findall(text))
    return [pair for pair in pairs if 0 < pair[0] <= pair[1] < 65536]


def _outside(context: Context) -> str:
    return "" if context.facts.wsl else "this is not WSL"


def _no_windows_ports(context: Context) -> str:
    if context.facts.wsl == 1:
        return "WSL 1 has no network of its own"
    return _outside(context)


PROBES = (
    Probe("wsl.network", "Network", _network, absent=_outside, deadline_s=2.0, spare=always),
    Probe(
        "wsl.ports",
        "Machine",
        _ports,
        ("wsl.network?",),
        absent=_no_windows_ports,
        deadline_s=3.0,
        spare=always,
    ),
)
