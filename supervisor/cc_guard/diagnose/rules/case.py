"""What a rule is given and what it may say.

A rule looks at the evidence and says nothing, or an opinion: a cause, how sure it is, and the findings that
speak for it and against it. Confidence is 0.9 when two independent findings agree, 0.7 for one that has
hardly another reading, 0.5 for one among several readings, 0.3 for a hypothesis that only a test can prove.
The words on the client's screen are never enough: five causes share one sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cc_guard.diagnose.route import OPTION, place
from cc_guard.incident.record import Cause, Finding, Symptom

SURE, LIKELY, POSSIBLE, GUESS = 0.9, 0.7, 0.5, 0.3
TCP = ("tcp.v4", "tcp.v6")
HTTP = ("http.v4", "http.v6")
_NO_SUCH_NAME = ("NXDOMAIN", "EAI_NONAME", "ENOTFOUND")


@dataclass(frozen=True)
class Opinion:
    """`why` is one sentence for people; `evidence` and `against` are names of probes; `steps` is the table of
    data/steps.toml that says what to do, where it is not that of the cause."""

    cause: Cause
    confidence: float
    why: str
    evidence: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    steps: str = ""


@dataclass(frozen=True)
class Case:
    """What is known: all findings by probe, and the live incident's symptom."""

    findings: Mapping[str, Sequence[Finding]]
    symptom: Symptom | None = None

    def all(self, probe: str) -> Sequence[Finding]:
        return self.findings.get(probe, ())

    def one(self, probe: str) -> Finding | None:
        found = self.all(probe)
        return found[0] if found else None

    def evidence(self, probe: str) -> Mapping[str, Any]:
        found = self.one(probe)
        return found.evidence if found else {}

    def value(self, probe: str, key: str, default: Any = None) -> Any:
        return self.evidence(probe).get(key, default)

    def failed(self, probe: str) -> bool:
        """It ran, and everything that it found is a failure."""
        found = self.all(probe)
        return bool(found) and all(finding.state == "fail" for finding in found)

    def passed(self, probe: str) -> bool:
        return any(finding.state == "pass" for finding in self.all(probe))

    def outcomes(self, *probes: str) -> set[str]:
        """How the connections to all addresses went, by the `tcp.*` probes."""
        return {
            outcome
            for probe in probes
            for finding in self.all(probe)
            for outcome in finding.evidence.get("outcomes", {}).values()
        }

    @property
    def reachable(self) -> bool:
        """Somebody answers HTTP on the way that the client uses."""
        return self.value("http.api", "status") is not None

    @property
    def own_host(self) -> bool:
        """The API is a gateway of the user's: a base URL is set."""
        return self.value("config.route", "default", True) is False

    @property
    def host(self) -> str:
        """Whom the client wants to reach, for people."""
        return str(self.value("config.route", "host") or "api.anthropic.com")

    @property
    def name(self) -> str:
        """The name that is looked up: the host's, or the proxy's before it."""
        return str(self.value("dns.system", "host") or self.host)

    @property
    def base(self) -> str:
        """The variable of the base URL, and where it is set."""
        known = self.evidence("config.route")
        if known.get("source") == OPTION:
            return "the address given by --url"
        return f"{known.get('base') or 'ANTHROPIC_BASE_URL'} (set in {place(known.get('source'))})"


def no_such_name(case: Case) -> bool:
    """A look-up has said that the name does not exist."""
    return case.value("dns.system", "error") in _NO_SUCH_NAME


def request(case: Case) -> str:
    """The address that the client asks for."""
    return f"{case.value('config.route', 'base_url', '')}/v1/messages"


def capital(text: str) -> str:
    """With a capital at its beginning."""
    return text[:1].upper() + text[1:]


def span(seconds: float) -> str:
    """A length of time for people, in one unit."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.75 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
