"""More local ports for connections.

Linux: net.ipv4.ip_local_port_range, for IPv6 as well (the kernel's networking/ip-sysctl). macOS:
net.inet.ip.portrange.first, ip(4). Under WSL 2 with NAT each connection takes a port of Windows', too, and
only Windows' administrator can give more: learn.microsoft.com/troubleshoot/windows-server/networking/
default-dynamic-port-range-tcpip-chang.
"""

from dataclasses import dataclass
from typing import ClassVar

from cc_guard.diagnose import tools
from cc_guard.diagnose.facts import Facts
from cc_guard.remedies.hands import Hands, program
from cc_guard.remedies.knob import GONE, Knob
from cc_guard.remedies.remedy import Level, Move, Plan, Remedy, Step, Unfit
from cc_guard.remedies.world import World

_LINUX = "net.ipv4.ip_local_port_range"
_MACOS = "net.inet.ip.portrange.first"
# Services listen below 32768; CAUSES, row 15, has 10240 as the lower end where the rest is not enough.
_START, _COUNT = 32768, 28232
_WIDEST = (10240, 65535)
_WINDOWS_DEFAULT = (49152, 16384)
_ELEVATED = "Windows, in a terminal of the administrator"
_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Sysctl(Knob):
    """A value of sysctl(8); several numbers are separated by one blank."""

    kind: ClassVar = "sysctl"
    scope: ClassVar = "net"
    variable: str

    @property
    def name(self) -> str:
        return self.variable

    @property
    def what(self) -> str:
        return "the range of local ports" if self.variable in (_LINUX, _MACOS) else self.variable

    async def read(self, hands: Hands) -> str | None:
        if hands.facts.system == "linux":
            text = tools.read(f"/proc/sys/{self.variable.replace('.', '/')}", 4096)
            return " ".join(text.split()) or GONE
        ran = await tools.run("sysctl", "-n", self.variable, timeout_s=_TIMEOUT_S)
        return None if ran.status is None else " ".join(ran.text.split()) or GONE

    def steps(self, value: str) -> tuple[Step, ...]:
        return (Step((program("sysctl", root=True), "-w", f"{self.variable}={value}"), root=True),)


async def _plan(world: World) -> Plan:
    start = world.parameter("ports", "start", _START)
    count = world.parameter("ports", "count", _COUNT)
    if not (1024 <= start < start + count <= 65536):
        raise Unfit(f"ports.start = {start} and ports.count = {count} in the profile are no range of ports")
    if world.facts.wsl == 1:
        return _windows(start, count, *_WINDOWS_DEFAULT)
    if world.facts.wsl == 2:
        return await _wsl(world, start, count)
    return await (_linux if world.facts.system == "linux" else _macos)(world, start, start + count - 1)


async def _linux(world: World, first: int, last: int) -> Plan:
    now = await Sysctl(_LINUX).read(Hands(world.facts))
    low, high = _range(now)
    wanted = (min(low, first), max(high, last))
    if wanted == (low, high):
        wanted = (min(low, _WIDEST[0]), max(high, _WIDEST[1]))
    if wanted == (low, high):
        raise Unfit(f"connections can use ports {low} to {high} already")
    text = f"Connections may use the local ports {wanted[0]} to {wanted[1]} instead of {low} to {high}."
    move = Move(Sysctl(_LINUX), f"{low} {high}", f"{wanted[0]} {wanted[1]}")
    return Plan(text, moves=(move,), check=(f"cat /proc/sys/{_LINUX.replace('.', '/')}", "ss -s"))


async def _macos(world: World, first: int, last: int) -> Plan:
    now = tools.to_int(await Sysctl(_MACOS).read(Hands(world.facts)) or "")
    if now is None:
        raise Unfit("the range of local ports can't be read")
    wanted = first if first < now else 16384  # CAUSES, row 15
    if wanted >= now:
        raise Unfit(f"connections can use ports from {now} on already")
    text = f"Connections may use the local ports from {wanted} on instead of from {now} on."
    move = Move(Sysctl(_MACOS), str(now), str(wanted))
    check = (
        "sysctl net.inet.ip.portrange.first net.inet.ip.portrange.last",
        "netstat -anp tcp | grep -c TIME_WAIT",
    )
    return Plan(text, moves=(move,), check=check)


def _range(text: str | None) -> tuple[int, int]:
    from cc_guard.diagnose.probes.ports import parse_range

    found = parse_range(text or "")
    if found is None:
        raise Unfit("the range of local ports can't be read")
    return found


async def _wsl(world: World, start: int, count: int) -> Plan:
    """In mirrored mode WSL has a range of its own, and Windows' is not in the way."""
    mode = await world.evidence("wsl.network", "mode")
    if mode in ("mirrored", "virtioproxy"):
        low, high = _range(await Sysctl(_LINUX).read(Hands(world.facts)))
        step = Step(("sysctl", "-w", f"{_LINUX}={min(low, start)} {max(high, start + count - 1)}"), root=True)
        text = f"In WSL's {mode} mode connections take WSL's own ports, {low} to {high}, and not Windows'."
        check, undo = (
            (f"cat /proc/sys/{_LINUX.replace('.', '/')}",),
            f"sudo sysctl -w '{_LINUX}={low} {high}'",
        )
        return Plan(text, advice=(step,), check=check, undo=(undo,))
    was = (await world.evidence("wsl.ports", "start"), await world.evidence("wsl.ports", "count"))
    old = was if None not in was else _WINDOWS_DEFAULT
    return _windows(start, count, *old)


def _windows(start: int, count: int, old_start: int, old_count: int) -> Plan:
    if (start, count) == (old_start, old_count):
        raise Unfit(f"Windows has {count} ports from {start} on already")
    netsh = ("netsh", "int", "ipv4")

    def dynamic(first: int, number: int) -> tuple[str, ...]:
        return (*netsh, "set", "dynamicport", "tcp", f"start={first}", f"numberofports={number}")

    advice = (
        Step(
            dynamic(start, count), f"{count} ports from {start} on, instead of {old_count}", where=_ELEVATED
        ),
        Step(
            ("wsl", "--shutdown"),
            "last, and only if it does not help by itself: it ends every WSL window, this session too. "
            "Save your work first; afterwards: cc-guard claude --continue",
            where="Windows",
        ),
    )
    text = (
        "WSL's connections go through Windows, which has no ports left for them. Only Windows can give more."
    )
    check = (
        "netsh.exe int ipv4 show dynamicport tcp",
        "cat /proc/sys/net/ipv4/ip_local_port_range   (WSL's own range; it should be as large: 32768 60999)",
    )
    return Plan(text, advice=advice, check=check, undo=(" ".join(dynamic(old_start, old_count)),))


def _level(facts: Facts) -> Level:
    return 4 if facts.wsl else 3


REMEDY = Remedy(
    "ports.widen",
    "Give connections more local ports",
    "Widens the range of ports that connections may use. Taken back at the end of the session; a restart "
    "of the machine takes it back, too. Programs that listen on a port of the wider range may find it "
    "taken.",
    ("ports.exhausted",),
    _level,
    _plan,
    until="session",
)
KNOBS = (Sysctl,)
