"""The one sentence at the end, and what to do."""

from dataclasses import dataclass
from typing import Any

from cc_guard.diagnose.rules import POSSIBLE, Case, Opinion, judge
from cc_guard.explain import machine
from cc_guard.explain.advice import advise
from cc_guard.incident.record import Cause, Finding, Symptom


@dataclass(frozen=True)
class Verdict:
    """`cause` is None when nothing is wrong, `unknown` when something is and no rule knows it."""

    cause: Cause | None
    confidence: float
    summary: str
    fix: tuple[str, ...] = ()
    others: tuple[Opinion, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "cause": self.cause,
            "confidence": round(self.confidence, 2),
            "summary": self.summary,
            "fix": list(self.fix),
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
        return Verdict(best.cause, best.confidence, best.why, _fix(best.cause), tuple(others))
    if case.reachable:
        text = "Everything between here and the API works."
        return Verdict(None, 0.0, text, (), tuple(opinions))
    failed = [finding for found in findings.values() for finding in found if finding.state == "fail"]
    text = failed[0].summary if failed else "The API was not reached, and nothing says why."
    return Verdict("unknown", 0.0, text, _fix("unknown"))


def _fix(cause: Cause) -> tuple[str, ...]:
    advice = advise([cause], "", machine.platform(), {})
    return tuple(one.fix for one in advice if one.fix)
