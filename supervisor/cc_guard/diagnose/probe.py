"""What a probe is: one look at one thing, credential-free, that changes nothing.

A probe declares what has to be known first (`needs`), how long it may take, and where it can't apply. It gets
a `Context` and answers with findings; their `evidence` is what rules and later probes read, so its keys are
part of the probe's contract and stand in its docstring.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cc_guard.diagnose.facts import Facts
from cc_guard.diagnose.route import Configuration
from cc_guard.incident.record import Finding, Symptom

Section = Literal["Configuration", "Network", "Machine", "VMs and containers", "Claude Code", "Service"]
SECTIONS: tuple[Section, ...] = (
    "Configuration",
    "Network",
    "Machine",
    "VMs and containers",
    "Claude Code",
    "Service",
)


@dataclass(frozen=True)
class Context:
    """What probes may look at. `findings` holds the results of the probes that are done, by probe name.

    `symptom` is the live incident's, and `client_pid` its client; both None for `cc-guard doctor`.
    """

    environ: Mapping[str, str]
    cwd: str
    facts: Facts
    configuration: Configuration
    symptom: Symptom | None = None
    client_pid: int | None = None
    client_program: str = ""
    findings: dict[str, list[Finding]] = field(default_factory=dict)

    def of(self, probe: str) -> list[Finding]:
        """The findings of a probe that this one needs; empty when it did not run."""
        return self.findings.get(probe, [])

    def value(self, probe: str, key: str, default: Any = None) -> Any:
        """A value of the evidence of a probe with one finding."""
        found = self.of(probe)
        return found[0].evidence.get(key, default) if found else default


def always(context: Context) -> bool:
    return True


@dataclass(frozen=True)
class Probe:
    """`run` may raise: a probe that crashes is a finding (`warn`), not an error.

    It is skipped when one of `needs` did not run or has only failures; one that ends with `?` is waited for
    without that. `deadline_s` is in seconds; past it the finding is `fail_late` (a timeout is evidence for
    network probes, and none for others). `absent` says why the probe can't apply here, or nothing.

    `later`: it is work for this process and not waiting, and begins when those that wait have begun to.
    `spare` says that nobody needs to wait for it when all else is well.
    """

    name: str
    section: Section
    run: Callable[[Context], Awaitable[Sequence[Finding]]]
    needs: tuple[str, ...] = ()
    deadline_s: float = 3.0
    fail_late: Literal["fail", "warn"] = "warn"
    absent: Callable[[Context], str] = lambda context: ""
    later: bool = False
    spare: Callable[[Context], bool] = lambda context: False
