"""What a remedy may look at when it plans."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cc_guard.diagnose import engine
from cc_guard.diagnose.facts import Facts
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.route import Configuration
from cc_guard.incident.record import Cause, Finding


@dataclass
class World:
    """`parameters` are the profile's, by the first word of the remedies that they are for; `settings` the
    files that the client got by --settings; `tried` the remedies of this incident so far."""

    environ: Mapping[str, str]
    cwd: str
    facts: Facts
    configuration: Configuration
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cause: Cause | None = None
    settings: Sequence[str] = ()
    tried: Sequence[str] = ()
    looked: dict[str, list[Finding]] = field(default_factory=dict)
    patience: float = 2.0
    """How many times longer than for the doctor a probe may take: nobody waits for a page to come."""

    def parameter(self, table: str, key: str, default: Any) -> Any:
        """A value of the profile's; the default when there is none or it is of another type."""
        value = self.parameters.get(table, {}).get(key, default)
        return value if isinstance(value, type(default)) else default

    async def find(self, probe: str) -> list[Finding]:
        """What one of the doctor's probes says, with those that it needs; each is run once."""
        from cc_guard.diagnose.registry import probes

        if probe not in self.looked:
            context = Context(
                self.environ, self.cwd, self.facts, self.configuration, findings=dict(self.looked)
            )
            wanted = _with_needs(probe, probes(), self.looked)
            patient = [dataclasses.replace(one, deadline_s=one.deadline_s * self.patience) for one in wanted]
            await engine.run(patient, context)
            self.looked.update(context.findings)
        return self.looked[probe]

    async def evidence(self, probe: str, key: str, default: Any = None) -> Any:
        """A value of the first finding of a probe."""
        found = await self.find(probe)
        return found[0].evidence.get(key, default) if found else default


def _with_needs(wanted: str, known: Sequence[Probe], looked: Mapping[str, list[Finding]]) -> list[Probe]:
    by_name = {probe.name: probe for probe in known}
    names: set[str] = set()

    def add(name: str) -> None:
        if name not in names:
            names.add(name)
            for need in by_name[name].needs if name not in looked else ():
                add(need.removesuffix("?"))

    add(wanted)
    return [_seen(probe, looked) for probe in known if probe.name in names]


def _seen(probe: Probe, looked: Mapping[str, list[Finding]]) -> Probe:
    """A probe that was run before says the same again."""
    if probe.name not in looked:
        return probe

    async def again(_: Context) -> list[Finding]:
        return looked[probe.name]

    return dataclasses.replace(probe, run=again, needs=(), absent=lambda context: "")
