"""Containers paused and unpaused: docs.docker.com/reference/cli/docker/container/pause. OrbStack and Colima
are engines with a Docker socket of their own (docs.orbstack.dev/docker, github.com/abiosoft/colima).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from cc_guard.diagnose import processes, tools
from cc_guard.diagnose.probes.vms import running_engines, socket_of
from cc_guard.remedies.hands import Hands, program
from cc_guard.remedies.knob import GONE, Knob
from cc_guard.remedies.remedy import Move, Plan, Remedy, Step, Unfit, everywhere, proof_of_a_pause
from cc_guard.remedies.world import World

_TIMEOUT_S = 3.0
_PATIENCE_S = 4.0
_PAUSE_S = 10.0
_CAUSES: Any = ("vm.interference", "ports.exhausted", "conntrack.full", "memory.pressure", "tcp.blocked")


@dataclass(frozen=True)
class Container(Knob):
    """running, paused, exited…: docs.docker.com/reference/api/engine, ContainerState. `id` stays the same
    when the name is given to another container."""

    kind: ClassVar = "container"
    scope: ClassVar = "boot"
    settles_s: ClassVar = 3.0  # the engine may finish what its command did not wait for
    host: str
    id: str
    label: str

    @property
    def name(self) -> str:
        return self.id

    @property
    def what(self) -> str:
        return f"the container {self.label}"

    async def read(self, hands: Hands) -> str | None:
        argv = (
            "docker",
            "--host",
            self.host,
            "inspect",
            "--type",
            "container",
            "--format",
            "{{.State.Status}}",
        )
        ran = await tools.run(*argv, self.id, timeout_s=_TIMEOUT_S)
        if ran.status == 0:
            return ran.text.strip() or None
        return GONE if "no such" in tools.decoded(ran.err).lower() else None

    def steps(self, value: str) -> tuple[Step, ...]:
        does = "pause" if value == "paused" else "unpause"
        return (Step((program("docker"), "--host", self.host, does, self.id), deadline_s=_PAUSE_S),)


def _pausing(engine: str) -> Callable[[World], Awaitable[Plan]]:
    async def plan(world: World) -> Plan:
        names = world.parameter(engine, "names", []) or world.parameter("docker", "names", [])
        if not names:
            raise Unfit("the profile names no containers that may be paused")
        path = socket_of(engine)
        if engine not in running_engines(await processes.table(world.facts)) or not path:
            raise Unfit(f"{engine} does not run")
        program("docker")
        found = [await _found(f"unix://{path}", str(name)) for name in names]
        running = [container for container in found if container is not None]
        if not running:
            raise Unfit("none of the containers that the profile names is running")
        text = (
            f"Pauses {', '.join(container.label for container in running)} (one after the other, until the "
            "API answers), and lets it go on afterwards; at once, if it was not the cause."
        )
        moves = tuple(Move(container, "running", "paused") for container in running)
        return Plan(
            text,
            moves=moves,
            check=("docker ps",),
            proof=proof_of_a_pause(world.cause),
            patience_s=_PATIENCE_S,
        )

    return plan


async def _found(host: str, name: str) -> Container | None:
    argv = (
        "docker",
        "--host",
        host,
        "inspect",
        "--type",
        "container",
        "--format",
        "{{.Id}} {{.State.Status}}",
    )
    ran = await tools.run(*argv, "--", name, timeout_s=_TIMEOUT_S)
    id_, _, state = ran.text.strip().partition(" ")
    return Container(host, id_, name) if ran.status == 0 and state == "running" else None


REMEDIES = tuple(
    Remedy(
        f"{engine}.pause",
        f"Pause containers of {label}",
        "Pauses a container that the profile names, and looks whether the API answers then. It goes on "
        "after the incident, or at once if it was not the cause.",
        _CAUSES,
        everywhere(2),
        _pausing(engine),
        until="incident",
        trial=True,
    )
    for engine, label in (("docker", "Docker"), ("orbstack", "OrbStack"), ("colima", "Colima"))
)
KNOBS = (Container,)
