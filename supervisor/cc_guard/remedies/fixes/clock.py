"""The clock set by a time server, or by the clock that the machine keeps while it sleeps.

macOS: sntp(1). Linux: chronyc(1), systemd-timesyncd.service(8), timedatectl(1). WSL: hwclock(8), because its
clock stands still while Windows sleeps.
"""

from dataclasses import dataclass
from typing import ClassVar

from cc_guard.diagnose import processes, tools
from cc_guard.remedies.hands import Hands, found, program
from cc_guard.remedies.knob import Knob
from cc_guard.remedies.remedy import Move, Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

_SKEW_S = 60.0  # CAUSES, row 8
_TIMEOUT_S = 3.0
_SYNC_S = 20.0
_PATIENCE_S = 8.0  # until a time service has asked its server


@dataclass(frozen=True)
class Ntp(Knob):
    """Whether the system keeps its clock by a time server: yes or no."""

    kind: ClassVar = "ntp"
    scope: ClassVar = "disk"

    @property
    def name(self) -> str:
        return "ntp"

    @property
    def what(self) -> str:
        return "keeping the clock by a time server"

    async def read(self, hands: Hands) -> str | None:
        ran = await tools.run("timedatectl", "show", "--property=NTP", "--value", timeout_s=_TIMEOUT_S)
        return ran.text.strip() or None

    def steps(self, value: str) -> tuple[Step, ...]:
        on = "true" if value == "yes" else "false"
        return (Step((program("timedatectl", root=True), "set-ntp", on), root=True, deadline_s=_SYNC_S),)


async def _plan(world: World) -> Plan:
    skew = await world.evidence("clock", "skew_s")
    if skew is not None and abs(skew) < _SKEW_S:
        raise Unfit("the clock agrees with the server's")
    if world.facts.container:
        raise Unfit("a container has the clock of its host: set that one")
    by = f"{abs(skew):.0f} s {'behind' if skew > 0 else 'ahead'}" if skew is not None else "wrong"
    text = f"This machine's clock is {by}; it is set again."
    check = (
        "date -u",
        f"curl -skI https://{world.configuration.route.host} | grep -i ^date"
        if world.configuration.route
        else "",
    )
    moves: tuple[Move, ...] = ()
    steps: tuple[Step, ...] = ()
    if world.facts.system == "macos":
        server = world.parameter("clock", "server", "time.apple.com")
        steps = (Step((program("sntp", root=True), "-sS", server), root=True, deadline_s=_SYNC_S),)
    elif world.facts.wsl:
        steps = (Step((program("hwclock", root=True), "-s"), root=True, deadline_s=_SYNC_S),)
    else:
        steps, moves = await _linux(world)
    return Plan(text, steps, moves, check=tuple(filter(None, check)), patience_s=_PATIENCE_S)


async def _linux(world: World) -> tuple[tuple[Step, ...], tuple[Move, ...]]:
    running = {process.name for process in await processes.table(world.facts)}
    chronyc, systemctl = found("chronyc", root=True), found("systemctl", root=True)
    if "chronyd" in running and chronyc:
        return (Step((chronyc, "makestep"), root=True, deadline_s=_SYNC_S),), ()
    now = await Ntp().read(Hands(world.facts))
    if now == "no":
        return (), (Move(Ntp(), "no", "yes"),)
    if now == "yes" and systemctl and "systemd-timesyn" in running:
        return (Step((systemctl, "restart", "systemd-timesyncd"), root=True, deadline_s=_SYNC_S),), ()
    raise Unfit("no time service is known here")


REMEDY = Remedy(
    "clock.sync",
    "Set the clock",
    "Sets this machine's clock by a time server. Where that had been switched off, it is switched off "
    "again after the incident; the clock stays right.",
    ("clock.skew",),
    everywhere(3),
    _plan,
    until="incident",
)
KNOBS = (Ntp,)
