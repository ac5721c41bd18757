"""The one sentence at the end, and what to do."""

from dataclasses import dataclass
from typing import Any

from cc_guard.diagnose import steps as steps_file
from cc_guard.diagnose.rules.case import POSSIBLE, Case, Opinion
from cc_guard.diagnose.rules.judge import is_other_reading, judge
from cc_guard.diagnose.steps import Step
from cc_guard.explain import machine
from cc_guard.incident.record import Cause, Finding, Symptom

_ON_THE_WAY = ("config.", "link.", "dns.", "tcp.", "proxy", "gateway", "tls", "http.", "upload")


@dataclass(frozen=True)
class Verdict:
    """`cause` is None when nothing is wrong, `unknown` when something is and no rule knows it. `evidence` is
    the names of the probes that say so; `steps` what to do, or to try next; `others` are further opinions,
    which the cause does not explain."""

    cause: Cause | None
    confidence: float
    summary: str
    steps: tuple[Step, ...] = ()
    evidence: tuple[str, ...] = ()
    others: tuple[Opinion, ...] = ()

    @property
    def fix(self) -> tuple[str, ...]:
        """On one line each; nothing where nothing is wrong."""
        return () if self.cause is None else tuple(map(str, self.steps))

    @property
    def behind(self) -> tuple[Opinion, ...]:
        """Faults of their own, which wait until this one is mended."""
        return tuple(other for other in self.others if not is_other_reading(other))

    @property
    def instead(self) -> tuple[Opinion, ...]:
        """Other readings of the same failure."""
        return tuple(other for other in self.others if is_other_reading(other))

    def to_json(self) -> dict[str, Any]:
        return {
            "cause": self.cause,
            "confidence": round(self.confidence, 2),
            "summary": self.summary,
            "fix": list(self.fix),
            "evidence": list(self.evidence),
            "others": [
                {"cause": other.cause, "confidence": round(other.confidence, 2), "why": other.why}
                for other in self.others
            ],
        }


def decide(findings: dict[str, list[Finding]], symptom: Symptom | None = None) -> Verdict:
    case = Case(findings, symptom)
    opinions = judge(case)
    if opinions and (opinions[0].confidence >= POSSIBLE or not case.reachable):
        best, *others = opinions
        todo = _steps(best.steps or best.cause, case)
        return Verdict(best.cause, best.confidence, sentence(best.why), todo, best.evidence, tuple(others))
    failed = [finding for found in findings.values() for finding in found if finding.state == "fail"]
    if case.reachable and not case.failed("http.api"):
        return Verdict(None, 0.0, _fine(case), _steps("healthy", case), (), tuple(opinions))
    on_the_way = [finding for finding in failed if finding.probe.startswith(_ON_THE_WAY)]
    where = case.value("config.route", "base_url") or case.host
    text = f"{where} was not reached, and no rule explains why"
    text += f"; what failed first: {on_the_way[0].summary}." if on_the_way else "."
    return Verdict("unknown", 0.0, text, _steps("unknown", case), ())


def sentence(text: str) -> str:
    """With a capital at its beginning, unless that is a host, an address or a file."""
    return text[:1].upper() + text[1:] if text.partition(" ")[0].rstrip(",:'s").isalpha() else text


def _fine(case: Case) -> str:
    where = case.value("config.route", "base_url") or "The API"
    if case.value("http.api", "slow"):
        seconds = (case.value("http.api", "ms") or 0) / 1000
        return f"{where} answers and everything on the way to it works, but slowly: it took {seconds:.1f} s."
    return f"{where} answers, and everything on the way to it works."


def _steps(name: str, case: Case) -> tuple[Step, ...]:
    return steps_file.steps(name, machine.platform(), steps_file.values(case))
