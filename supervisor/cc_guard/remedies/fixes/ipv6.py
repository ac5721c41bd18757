"""IPv4 in the place of an IPv6 that connects and then breaks: the client does not fall back by itself, but it
does where IPv6 can't be reached at all (CAUSES, row 9b).

Linux: one more route, which says that the public IPv6 addresses (2000::/3, RFC 4291, section 2.4, and IANA's
ipv6-address-space) are unreachable. Nothing else of the configuration is touched; disable_ipv6 would drop
addresses and routes, which no undo brings back. macOS: networksetup(8), which outlives a restart.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from cc_guard.diagnose import tools
from cc_guard.remedies.hands import Failed, Hands, program
from cc_guard.remedies.knob import GONE, Knob
from cc_guard.remedies.remedy import Move, Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

_PUBLIC = "2000::/3"
# By these it is known for ours: no daemon has this number (rtnetlink(7), iproute2's rt_protos), and no other
# route to so large a network would have to come before all others.
_MARKS = ("metric", "1", "proto", "199")
_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Unreachable(Knob):
    kind: ClassVar = "ipv6.unreachable"
    scope: ClassVar = "net"

    @property
    def name(self) -> str:
        return _PUBLIC

    @property
    def what(self) -> str:
        return "the way to public IPv6 addresses"

    async def read(self, hands: Hands) -> str | None:
        ran = await tools.run(
            "ip", "-6", "route", "show", "type", "unreachable", *_MARKS[2:], timeout_s=_TIMEOUT_S
        )
        if ran.status != 0:
            return None
        return "closed" if _PUBLIC in ran.text.split() else "open"

    def steps(self, value: str) -> tuple[Step, ...]:
        does = "add" if value == "closed" else "del"
        route = ("route", does, "unreachable", _PUBLIC, *_MARKS)
        return (Step((program("ip", root=True), "-6", *route), root=True),)


@dataclass(frozen=True)
class Service(Knob):
    """How a network service of macOS gets IPv6: automatic, off, manual, linklocal…"""

    kind: ClassVar = "ipv6.service"
    scope: ClassVar = "disk"
    service: str

    @property
    def name(self) -> str:
        return self.service

    @property
    def what(self) -> str:
        return f"IPv6 of {self.service}"

    async def read(self, hands: Hands) -> str | None:
        ran = await tools.run("networksetup", "-getinfo", self.service, timeout_s=_TIMEOUT_S)
        found = re.search(r"^IPv6: *(\w+)", ran.text, re.MULTILINE)
        if found:
            return found[1].lower()
        # Errors go to stdout, some with status 0: "… is not a recognized network service."
        return GONE if "not a recognized" in ran.text else None

    def steps(self, value: str) -> tuple[Step, ...]:
        if value not in ("automatic", "off"):
            raise Failed(f"IPv6 can't be set to {value}")
        return (Step((program("networksetup", root=True), f"-setv6{value}", self.service), root=True),)


async def _plan(world: World) -> Plan:
    if not any(finding.state == "pass" for finding in await world.find("http.v4")):
        raise Unfit("the API is not reached by IPv4 either")
    if world.facts.system == "macos":
        return await _macos(world)
    knob = Unreachable()
    now = await knob.read(Hands(world.facts))
    if now != "open":
        raise Unfit("IPv6 is out of the way already" if now else "the routes of IPv6 can't be read")
    text = "Public IPv6 addresses become unreachable for this machine, so that everything takes IPv4."
    return Plan(text, moves=(Move(knob, "open", "closed"),), check=("ip -6 route get 2607:6bc0::10",))


async def _macos(world: World) -> Plan:
    way = await tools.run("route", "-n", "get", "default", timeout_s=_TIMEOUT_S)
    device = re.search(r"interface: (\S+)", way.text)
    order = await tools.run("networksetup", "-listnetworkserviceorder", timeout_s=_TIMEOUT_S)
    service = service_of(order.text, device[1]) if device else ""
    if not service:
        raise Unfit("it is not known by which network service the API is reached")
    knob = Service(service)
    now = await knob.read(Hands(world.facts))
    if now != "automatic":
        raise Unfit(f"IPv6 of {service} is {now or 'unknown'}, and only an automatic one can be brought back")
    text = f"IPv6 of {service} is switched off, so that everything takes IPv4."
    return Plan(text, moves=(Move(knob, now, "off"),), check=(f"networksetup -getinfo '{service}'",))


def service_of(text: str, device: str) -> str:
    """`networksetup -listnetworkserviceorder`: `(1) Wi-Fi`, and below it `(Hardware Port: Wi-Fi, Device:
    en0)`. One that is switched off has a star for its number."""
    pairs = re.findall(r"^\(\d+\) (.+)\n\(Hardware Port: .*, Device: (\S*)\)", text, re.MULTILINE)
    return next((service for service, its in pairs if its == device), "")


REMEDY = Remedy(
    "ipv6.prefer_v4",
    "Use IPv4 instead of a broken IPv6",
    "Makes public IPv6 addresses unreachable for this machine (macOS: switches IPv6 of the network service "
    "off), so that programs use IPv4. Taken back at the end of the session.",
    ("ipv6.broken",),
    everywhere(3),
    _plan,
    until="session",
)
KNOBS = (Unreachable, Service)
