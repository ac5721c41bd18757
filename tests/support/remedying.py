"""Remedies on a made-up machine: facts that are given, and fakes in the place of its tools."""

import asyncio
import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cc_guard.diagnose import tools
from cc_guard.diagnose.facts import Facts, System
from cc_guard.diagnose.route import Configuration
from cc_guard.incident.record import Cause, Finding
from cc_guard.owner import Owner
from cc_guard.probe.route import Route
from cc_guard.remedies import hands, registry
from cc_guard.remedies.carry_out import Answer, carry_out, plan_only
from cc_guard.remedies.hands import Hands
from cc_guard.remedies.journal import Owners
from cc_guard.remedies.knob import GONE, Knob, Scope
from cc_guard.remedies.remedy import Step
from cc_guard.remedies.world import World
from tests.fakes import put
from tests.fakes.looking import script

PATIENCE = 10  # how many times longer looking may take here: the machine runs other tests, too
_REAL = ("env", "sh", "cat", "sleep", "python3", "true", "tee", "kill")


class Machine:
    """Fakes by name, and nothing else but a shell and Python. `calls()` is what was called, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> None:
        self.env = monkeypatch
        self.folder = folder
        self.programs = put(folder / "bin", *names)
        for name in _REAL:
            program = sys.executable if name == "python3" else shutil.which(name)
            if program and not (self.programs / name).exists():
                script(self.programs / name, f'exec {shlex.quote(program)} "$@"')
        monkeypatch.setenv("PATH", str(self.programs))
        monkeypatch.setattr(hands, "SYSTEM", [str(self.programs)])
        monkeypatch.setattr(hands, "WINDOWS", str(self.programs))
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        monkeypatch.setenv("FAKE_LOG", str(folder / "log"))
        real = tools.run

        async def patient(*argv: str, timeout_s: float = 2.0, **more: Any) -> tools.Ran:
            return await real(*argv, timeout_s=timeout_s * PATIENCE, **more)

        monkeypatch.setattr(tools, "run", patient)

    def file(self, name: str, variable: str, content: Any) -> Path:
        """A file that a fake reads and writes, named by a variable."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        self.env.setenv(variable, str(path))
        return path

    def does(self, **how: str) -> None:
        """How fakes misbehave: acting.py. `docker_pause="hang"`."""
        self.env.setenv("FAKE_DOES", json.dumps({key.replace("_", " "): value for key, value in how.items()}))

    def calls(self, *tools_: str) -> list[list[str]]:
        """All, or those of some tools. Looking is left out of what sudo does not do."""
        log = self.folder / "log"
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [row for row in rows if not tools_ or row[0] in tools_]


def world(
    system: System = "linux",
    wsl: int = 0,
    uid: int = 501,
    container: str = "",
    cause: Cause | None = None,
    environ: Mapping[str, str] | None = None,
    configuration: Configuration | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    tried: tuple[str, ...] = (),
    **looked: Finding,
) -> World:
    """`looked` is what the doctor's probes say: `vm_tart=Finding(…)`."""
    known = configuration or Configuration(route=Route("api.example.test", 443, True))
    found = {finding.probe: [finding] for finding in looked.values()}
    facts = Facts(system, wsl, container, "arm64", uid)
    environ = dict(os.environ) if environ is None else environ
    return World(environ, os.getcwd(), facts, known, parameters or {}, cause, (), tried, found, PATIENCE)


def seen(probe: str, state: Any = "pass", summary: str = "made up", **evidence: Any) -> Finding:
    return Finding(probe, state, summary, evidence)


def here() -> Owners:
    """A session that lives: this process."""
    return Owners(Owner.current(), Owner.current())


def planned(id_: str, where: World) -> Answer:
    return asyncio.run(plan_only(_remedy(id_), where))


def done(id_: str, where: World, consent: bool = True, owners: Owners | None = None) -> Answer:
    hands_ = Hands(where.facts)
    return asyncio.run(carry_out(_remedy(id_), where, owners or here(), consent, hands_))


def _remedy(id_: str) -> Any:
    found = registry.remedy(id_)
    assert found is not None
    return found


def commands(answer: Answer) -> list[str]:
    return [step["command"] for step in answer.to_json()["plan"]["steps"]]


@dataclass(frozen=True)
class Dial(Knob):
    """A file with a value, set by a shell command. `slow_s`: how long that takes."""

    kind: ClassVar = "test"
    scope: ClassVar[Scope] = "net"
    path: str
    slow_s: str = "0"

    @property
    def name(self) -> str:
        return self.path

    @property
    def what(self) -> str:
        return "the dial"

    async def read(self, hands: Hands) -> str | None:
        try:
            return Path(self.path).read_text().strip() or None
        except FileNotFoundError:
            return GONE

    def steps(self, value: str) -> tuple[Step, ...]:
        aside = f"{self.path}.new"
        code = f'sleep {self.slow_s}; echo "$1" > {aside}; mv {aside} {self.path}'
        return (Step(("/bin/sh", "-c", code, "sh", value)),)


@dataclass(frozen=True)
class LastingDial(Dial):
    """Its value outlives a restart."""

    kind: ClassVar = "test.lasting"
    scope: ClassVar[Scope] = "disk"


@dataclass(frozen=True)
class LateDial(Dial):
    """The command comes back at once, and the value changes half a second later."""

    kind: ClassVar = "test.late"
    settles_s: ClassVar = 5.0

    def steps(self, value: str) -> tuple[Step, ...]:
        later = f"(sleep 0.5; echo {value} > {self.path}) < /dev/null > /dev/null 2>&1 &"
        return (Step(("/bin/sh", "-c", later if value != "old" else f"echo old > {self.path}")),)


def known_dials(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the journal knows them."""
    dials = {kind.kind: kind for kind in (Dial, LastingDial, LateDial)}
    monkeypatch.setattr(registry, "knobs", lambda: dials)
