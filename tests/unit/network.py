"""The network probes, on loopback: what they find with an environment, and nothing else of this machine."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cc_guard.diagnose import engine, facts, registry, route
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

_MODULES = ("configuration", "link", "dns", "tcp", "tls", "http", "proxy", "gateway", "portal", "service")


def configured(folder: Path, environ: Mapping[str, str], **more: Any) -> route.Configuration:
    """Settings files are those in `folder`; this machine's managed ones, if any, count as well."""
    return route.read({"CLAUDE_CONFIG_DIR": str(folder), **environ}, str(folder), **more)


def context(
    folder: Path, environ: Mapping[str, str], findings: Mapping[str, Finding] | None = None
) -> Context:
    found = Context(environ, str(folder), facts.read(), configured(folder, environ))
    found.findings.update({name: [finding] for name, finding in (findings or {}).items()})
    return found


def looked(folder: Path, environ: Mapping[str, str]) -> dict[str, list[Finding]]:
    """All network probes, as the doctor runs them."""
    found = context(folder, environ)
    asyncio.run(engine.run(_probes(), found))
    return found.findings


def one(folder: Path, environ: Mapping[str, str], probe: str, **findings: Finding) -> list[Finding]:
    """A single probe, on findings that are given: `tcp_v4=Finding(…)`."""
    known = {name.replace("_", ".", 1): finding for name, finding in findings.items()}

    async def run() -> list[Finding]:
        return list(await _named(probe).run(context(folder, environ, known)))

    return asyncio.run(run())


def absent(folder: Path, environ: Mapping[str, str], probe: str, **findings: Finding) -> str:
    """Why that probe would not be run."""
    known = {name.replace("_", ".", 1): finding for name, finding in findings.items()}
    return _named(probe).absent(context(folder, environ, known))


def _named(name: str) -> Probe:
    return next(probe for probe in _probes() if probe.name == name)


def _probes() -> list[Probe]:
    import importlib

    known: list[Probe] = []
    for name in _MODULES:
        known += importlib.import_module(f"cc_guard.diagnose.probes.{name}").PROBES
    order = [probe.name for probe in registry.probes()]
    return sorted({probe.name: probe for probe in known}.values(), key=lambda probe: order.index(probe.name))
