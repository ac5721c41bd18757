"""Which nameservers this machine asks."""

import ipaddress
import re
from dataclasses import dataclass

from cc_guard.diagnose import tools
from cc_guard.diagnose.facts import Facts
from cc_guard.diagnose.resolve import is_literal

# Docker's embedded server (docs.docker.com/engine/network, "DNS services"); WSL's tunnel to Windows
# (learn.microsoft.com/windows/wsl/wsl-config, "dnsTunneling"); systemd-resolved.service(8).
_KINDS = {
    "127.0.0.11": "docker",
    "10.255.255.254": "wsl-tunnel",
    "127.0.0.53": "systemd-stub",
    "127.0.0.54": "systemd-stub",
}
_MOST_FILE = 1024 * 1024
_MOST = 6  # servers looked at; more are of the same kind


@dataclass(frozen=True)
class Server:
    """`kind`: docker, wsl-tunnel, systemd-stub, local (a private address), public. `scope`: the names or the
    interface it is for; "" for all."""

    address: str
    kind: str
    scope: str = ""


async def configured(facts: Facts) -> list[Server]:
    """Each once, in the system's order; behind systemd's stub, those that it asks."""
    if facts.system == "macos":
        ran = await tools.run("scutil", "--dns", timeout_s=1.0)
        if found := from_scutil(ran.text):
            return found[:_MOST]
    found = [server(address) for address in from_resolv_conf(tools.read("/etc/resolv.conf", _MOST_FILE))]
    if any(one.kind == "systemd-stub" for one in found):
        # The list that systemd-resolved keeps of them: systemd-resolved.service(8), "/etc/resolv.conf".
        behind = from_resolv_conf(tools.read("/run/systemd/resolve/resolv.conf", _MOST_FILE))
        found += [server(address) for address in behind if address not in {one.address for one in found}]
    return found[:_MOST]


def server(address: str, scope: str = "") -> Server:
    kind = _KINDS.get(address) or ("public" if _is_global(address) else "local")
    return Server(address, kind, scope)


def from_resolv_conf(text: str) -> list[str]:
    """The first three, as glibc takes them (MAXNS in resolv.conf(5)); what is no address is left out."""
    found = re.findall(r"^nameserver[ \t]+(\S+)", text, re.MULTILINE)
    return [address for address in dict.fromkeys(found) if is_literal(address)][:3]


def from_scutil(text: str) -> list[Server]:
    """`scutil --dns`: blocks "resolver #N" of "key : value" lines; multicast DNS is left out."""
    found: dict[str, Server] = {}
    for block in re.split(r"(?m)^[ \t]*resolver #\d+[ \t]*$", text)[1:]:
        rows = re.findall(r"(?m)^[ \t]+(\w+)(?:\[\d+\])?[ \t]*:[ \t]*(.*\S)", block)
        values = dict(rows)
        if "mdns" in values.get("options", ""):
            continue
        scope = values.get("domain", "")
        if "Scoped" in values.get("flags", ""):
            device = re.search(r"\(([^)]*)\)", values.get("if_index", ""))
            scope = device[1] if device else "interface"
        for key, value in rows:
            if key == "nameserver" and is_literal(value):
                found.setdefault(value, server(value, scope))
    return list(found.values())


def _is_global(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_global
