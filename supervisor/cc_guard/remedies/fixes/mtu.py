"""Smaller packets, for a way that loses the full ones without a word (RFC 2923, section 2.1).

Linux: ip-link(8). macOS: ifconfig(8). Setting a device's MTU sets that of IPv6 on it, too, which a router may
have made smaller (net.ipv6.conf.*.mtu, RFC 4861, section 4.6.4): so both are remembered.
"""

import json
import re
from dataclasses import dataclass
from typing import ClassVar

from cc_guard.diagnose import tools
from cc_guard.remedies.hands import Hands, program
from cc_guard.remedies.knob import GONE, Knob
from cc_guard.remedies.remedy import Move, Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

# RFC 8200, section 5: every way that carries IPv6 carries this many. Below it there is no IPv6, and above it
# there are tunnels in tunnels that lose what is larger; against 1350 it costs 0.3 % of what is sent.
_LEAST = 1280
_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class LinuxMtu(Knob):
    """In bytes; `1500 1400` where IPv6 has a smaller one than the device."""

    kind: ClassVar = "mtu"
    scope: ClassVar = "net"
    device: str

    @property
    def name(self) -> str:
        return self.device

    @property
    def what(self) -> str:
        return f"the MTU of {self.device}"

    async def read(self, hands: Hands) -> str | None:
        ran = await tools.run("ip", "-j", "link", "show", "dev", self.device, timeout_s=_TIMEOUT_S)
        mtu = _parsed(ran.text)
        v6 = tools.read_int(f"/proc/sys/net/ipv6/conf/{self.device}/mtu")
        return f"{mtu} {v6}" if mtu and v6 and str(v6) != mtu else mtu or _no_value(ran)

    def steps(self, value: str) -> tuple[Step, ...]:
        whole, _, v6 = value.partition(" ")
        first = Step((program("ip", root=True), "link", "set", "dev", self.device, "mtu", whole), root=True)
        if not v6:
            return (first,)
        variable = f"net.ipv6.conf.{self.device.replace('.', '/')}.mtu"  # sysctl(8): / where a name has dots
        return first, Step((program("sysctl", root=True), "-w", f"{variable}={v6}"), root=True)

    def midway(self, value: str) -> tuple[str, ...]:
        whole, _, v6 = value.partition(" ")
        return (whole,) if v6 else ()


@dataclass(frozen=True)
class MacosMtu(Knob):
    kind: ClassVar = "mtu.macos"
    scope: ClassVar = "boot"
    device: str

    @property
    def name(self) -> str:
        return self.device

    @property
    def what(self) -> str:
        return f"the MTU of {self.device}"

    async def read(self, hands: Hands) -> str | None:
        ran = await tools.run("ifconfig", self.device, timeout_s=_TIMEOUT_S)
        found = re.search(r"\bmtu (\d+)", ran.text)
        return found[1] if found else _no_value(ran)

    def steps(self, value: str) -> tuple[Step, ...]:
        return (Step((program("ifconfig", root=True), self.device, "mtu", value), root=True),)


def _parsed(text: str) -> str:
    try:
        return str(int(json.loads(text)[0]["mtu"]))
    except (ValueError, LookupError, TypeError):
        return ""


def _no_value(ran: tools.Ran) -> str | None:
    """Both tools fail with status 1 for a device that does not exist."""
    return GONE if ran.status else None


async def _plan(world: World) -> Plan:
    wanted = world.parameter("mtu", "bytes", _LEAST)
    if wanted < _LEAST:
        raise Unfit(f"mtu.bytes = {wanted} in the profile is below {_LEAST}, with which IPv6 would end")
    ways = [finding.evidence for finding in await world.find("link.route") if finding.state == "pass"]
    device = next((str(way["device"]) for way in ways if way.get("device")), "")
    if not device:
        raise Unfit("it is not known by which device the API is reached")
    knob: Knob = LinuxMtu(device) if world.facts.system == "linux" else MacosMtu(device)
    now = await knob.read(Hands(world.facts))
    if now is None or now == GONE:
        raise Unfit(f"the MTU of {device} can't be read")
    if int(now.split()[0]) <= wanted:
        raise Unfit(f"the MTU of {device} is {now.split()[0]} already")
    text = f"Packets by {device} get at most {wanted} bytes instead of {now.split()[0]}."
    return Plan(text, moves=(Move(knob, now, str(wanted)),))


REMEDY = Remedy(
    "mtu.lower",
    "Send smaller packets",
    "Lowers the MTU of the device that leads to the API, for a VPN that loses large packets. Taken back at "
    "the end of the session; a restart of the machine takes it back, too.",
    ("mtu.blackhole",),
    everywhere(3),
    _plan,
    until="session",
)
KNOBS = (LinuxMtu, MacosMtu)
