"""One probe at a time, with what it needs made up, run by the engine as always."""

import asyncio
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cc_guard.diagnose import engine, tools
from cc_guard.diagnose.facts import Facts, System
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.route import Configuration
from cc_guard.incident.record import Finding
from cc_guard.probe.route import Route
from tests.fakes import put

HERE: System = "macos" if sys.platform == "darwin" else "linux"
# How many times longer than a user everything may take here: the machine runs other tests, too.
PATIENCE = 10
API = Route("api.example.test", 443, True)


def context(
    system: System = HERE,
    wsl: int = 0,
    container: str = "",
    environ: Mapping[str, str] | None = None,
    configuration: Configuration | None = None,
    **more: Any,
) -> Context:
    facts = Facts(system, wsl, container, platform.machine(), os.getuid())
    known = Configuration(route=API) if configuration is None else configuration
    return Context(environ or {}, os.getcwd(), facts, known, **more)


def look(probes: Sequence[Probe], name: str, where: Context, **needs: dict[str, Any]) -> Finding:
    """The finding of one probe. `needs` is the evidence of those before it, `dns_system` for dns.system."""
    probe = next(probe for probe in probes if probe.name == name)
    probe = replace(probe, deadline_s=probe.deadline_s * PATIENCE)
    before = [_made_up(need.removesuffix("?"), needs) for need in probe.needs]
    found = asyncio.run(engine.run([*before, probe], where))
    assert "crash" not in found[-1].evidence, found[-1].summary
    return found[-1]


def _made_up(name: str, needs: Mapping[str, dict[str, Any]]) -> Probe:
    evidence = needs.get(name.replace(".", "_"), {})

    async def run(context: Context) -> list[Finding]:
        return [Finding(name, "pass", "made up", evidence)]

    return Probe(name, "Machine", run)


def only(monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> None:
    """A PATH with these fakes before Python and the shell, and no real tool of the kind that is probed.
    The fakes have more time than the real ones."""
    real = tools.run

    async def patient(*argv: str, timeout_s: float = 2.0, **more: Any) -> tools.Ran:
        return await real(*argv, timeout_s=timeout_s * PATIENCE, **more)

    monkeypatch.setattr(tools, "run", patient)
    put(folder, *names)
    for name in ("env", "sh", "cat", "sleep", "python3"):
        program = next(
            path for path in (f"/usr/bin/{name}", f"/bin/{name}", sys.executable) if os.path.exists(path)
        )
        (folder / name).exists() or script(folder / name, f'exec {shlex.quote(program)} "$@"')
    monkeypatch.setenv("PATH", str(folder))


def script(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path
