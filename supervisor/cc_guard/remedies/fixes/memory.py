"""Who has the memory, and what would give some back."""

from cc_guard.remedies.remedy import Plan, Remedy, Step, everywhere
from cc_guard.remedies.world import World

_SHOWN = 5


async def _plan(world: World) -> Plan:
    top = await world.evidence("memory", "top", []) or []
    finding = (await world.find("memory"))[0]
    sessions = await world.evidence("sessions", "others", []) or []
    machines = await world.evidence("vm.tart", "running", []) or []
    largest = ", ".join(f"{one['name']} (process {one['pid']}, {one['mb']} MB)" for one in top[:_SHOWN])
    advice = [Step(("/compact",), "in Claude Code: a shorter conversation needs less", where="Claude Code")]
    if sessions:
        others = ", ".join(
            f"process {one['pid']} in {one['cwd'] or '?'}, {one['mb']} MB" for one in sessions[:_SHOWN]
        )
        advice.append(
            Step(("/exit",), f"in sessions that you do not need: {others}", where="another Claude Code")
        )
    advice += [
        Step(("tart", "suspend", str(vm["name"])), "a virtual machine holds all of its memory")
        for vm in machines
        if vm["suspendable"]
    ]
    text = f"{finding.summary[:1].upper()}{finding.summary[1:]}. The largest: {largest or 'unknown'}."
    return Plan(
        text,
        advice=tuple(advice),
        check=("free -m" if world.facts.system == "linux" else "memory_pressure -Q",),
    )


REMEDY = Remedy(
    "memory.relieve",
    "Make room in memory",
    "Names the largest processes, and what would give memory back. cc-guard ends no process.",
    ("memory.pressure",),
    everywhere(0),
    _plan,
    policy="suggest",
)
