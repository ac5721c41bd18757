"""Virtual machines of Tart: suspended, or shut down by themselves, and started again with what they were
started.

From Sources/tart/Commands (Run, Suspend, Stop, List) of github.com/cirruslabs/tart, as CAUSES, "Tart
semantics", has them: `tart suspend` sends SIGUSR1 to `tart run`, which saves the machine and ends. Without
--suspendable the machine would be lost, so it is looked for right before. `tart stop` pulls the plug, and is
never used: SIGUSR2 asks the guest to shut down.
"""

import asyncio
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from cc_guard import paths
from cc_guard.diagnose import tools
from cc_guard.diagnose.probes.vms import parse_tart
from cc_guard.remedies.hands import Failed, Hands, Unclear, program
from cc_guard.remedies.knob import GONE, Knob
from cc_guard.remedies.remedy import Move, Plan, Remedy, Step, Unfit, everywhere, proof_of_a_pause
from cc_guard.remedies.world import World

_LIST_TIMEOUT_S = 5.0
_POLL_S = 0.2
# Saving writes the machine's memory to disk: 16 GB at 0.5 GB/s.
_SUSPEND_S = 40.0
_SHUT_DOWN_S = 60.0
_SUSPEND_CALL_S = 10.0  # `tart suspend` itself sends a signal and ends
_START_S = 15.0
_PATIENCE_S = 4.0  # for the path to come back once a machine is gone

_CAUSES: Any = ("vm.interference", "ports.exhausted", "conntrack.full", "memory.pressure", "tcp.blocked")


@dataclass(frozen=True)
class Machine(Knob):
    """running, suspended or stopped. `argv` and `folder` are those of its `tart run`."""

    kind: ClassVar = "tart"
    scope: ClassVar = "boot"
    settles_s: ClassVar = _SUSPEND_S
    machine: str
    argv: tuple[str, ...]
    folder: str

    @property
    def name(self) -> str:
        return self.machine

    @property
    def what(self) -> str:
        return f"the virtual machine {self.machine}"

    async def read(self, hands: Hands) -> str | None:
        ran = await tools.run("tart", "list", "--format", "json", timeout_s=_LIST_TIMEOUT_S)
        machines = parse_tart(ran.text)
        if machines is None:
            return None
        states = [state for name, state in machines if name == self.machine]
        return "running" if "running" in states else states[0] if states else GONE

    def steps(self, value: str) -> tuple[Step, ...]:
        tart = program("tart")
        if value == "suspended":
            return (Step((tart, "suspend", self.machine), deadline_s=_SUSPEND_CALL_S),)
        if value == "stopped":
            return (Step(("kill", "-USR2", str(self._pid() or f"PID of tart run {self.machine}"))),)
        return (Step((tart, *self.argv[1:])),)

    async def write(self, hands: Hands, value: str) -> None:
        if value == "running":
            await self._start(hands)
        elif value == "suspended":
            if "--suspendable" not in self._arguments():
                raise Failed(f"{self.machine} was not started with --suspendable, it would be lost")
            await hands.do(self.steps(value)[0])
            await self._becomes(hands, value, _SUSPEND_S)
        else:
            pid = self._pid()
            if pid is None:
                raise Failed(f"the `tart run` of {self.machine} can't be found")
            try:
                os.kill(pid, signal.SIGUSR2)
            except OSError as error:
                raise Failed(f"{self.machine} can't be asked to shut down: {error.strerror}") from error
            await self._becomes(hands, value, _SHUT_DOWN_S)

    async def _becomes(self, hands: Hands, value: str, most_s: float) -> None:
        """Wait until the machine no longer runs."""
        end = time.monotonic() + most_s
        while await self.read(hands) == "running":
            if time.monotonic() > end:
                raise Unclear(f"{self.machine} was not {value} within {most_s:g} s")
            await asyncio.sleep(_POLL_S)

    async def _start(self, hands: Hands) -> None:
        """Its `tart run` again, in the background: it lives as long as the machine does."""
        log = os.path.join(paths.state_dir(), "tart.log")
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            process = subprocess.Popen(
                [program("tart"), *self.argv[1:]],
                cwd=self.folder if os.path.isdir(self.folder) else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + _START_S
        while await self.read(hands) != "running":
            if process.poll() is not None:
                lines = tools.read(log, 4096).strip().splitlines() or [f"status {process.returncode}"]
                raise Failed(f"tart run: {lines[-1]}")
            if time.monotonic() > end:
                raise Unclear(f"{self.machine} was not running within {_START_S:g} s")
            await asyncio.sleep(_POLL_S)

    def _pid(self) -> int | None:
        """Of its `tart run`, if that still has the arguments that are known."""
        import psutil

        for process in psutil.process_iter(["cmdline"]):
            if tuple(process.info["cmdline"] or ()) == self.argv:
                return int(process.pid)
        return None

    def _arguments(self) -> tuple[str, ...]:
        return self.argv if self._pid() is not None else ()


async def _machines(world: World) -> list[tuple[Machine, bool]]:
    """Those that run and that the profile names (all, if it names none), and whether each can be
    suspended."""
    import psutil

    names = world.parameter("tart", "names", [])
    running = await world.evidence("vm.tart", "running", []) or []
    found = []
    for vm in running:
        if vm["pid"] is None or (names and vm["name"] not in names):
            continue
        try:
            process = psutil.Process(vm["pid"])
            argv, folder = tuple(process.cmdline()), process.cwd()
        except psutil.Error:
            continue
        found.append((Machine(str(vm["name"]), argv, folder), "--suspendable" in argv))
    if not running:
        raise Unfit("no virtual machine of Tart is running")
    if not found:
        raise Unfit(
            "none of those that the profile names runs" if names else "their `tart run` can't be seen"
        )
    return found


async def _suspend(world: World) -> Plan:
    found = await _machines(world)
    able = [machine for machine, suspendable in found if suspendable]
    if not able:
        names = ", ".join(machine.machine for machine, _ in found)
        raise Unfit(f"{names} runs without --suspendable: a suspend would end it")
    names = ", ".join(machine.machine for machine in able)
    text = (
        f"Suspends {names} (one after the other, until the API answers), and starts it again with the same "
        "command afterwards; at once, if it was not the cause."
    )
    moves = tuple(Move(machine, "running", "suspended") for machine in able)
    return Plan(
        text, moves=moves, check=("tart list",), proof=proof_of_a_pause(world.cause), patience_s=_PATIENCE_S
    )


async def _stop(world: World) -> Plan:
    machines = [machine for machine, suspendable in await _machines(world) if not suspendable]
    if not machines:
        raise Unfit("what runs can be suspended instead")
    names = ", ".join(machine.machine for machine in machines)
    text = (
        f"Asks {names} to shut down, as by its power button, and starts it again afterwards: "
        f"{'; '.join(shlex.join(machine.argv) for machine in machines)}"
    )
    moves = tuple(Move(machine, "running", "stopped") for machine in machines)
    return Plan(
        text, moves=moves, check=("tart list",), proof=proof_of_a_pause(world.cause), patience_s=_PATIENCE_S
    )


REMEDIES = (
    Remedy(
        "tart.suspend",
        "Suspend virtual machines of Tart",
        "Suspends a machine that runs with --suspendable, and looks whether the API answers then. Its "
        "`tart run` is started again after the incident, in the background, or at once if it was not the "
        "cause.",
        _CAUSES,
        everywhere(2),
        _suspend,
        until="incident",
        trial=True,
    ),
    Remedy(
        "tart.stop",
        "Shut virtual machines of Tart down",
        "Asks a machine that can't be suspended to shut down, and starts it again after the incident. What "
        "was open in it is closed.",
        _CAUSES,
        everywhere(2),
        _stop,
        policy="ask",
        until="incident",
    ),
)
KNOBS = (Machine,)
