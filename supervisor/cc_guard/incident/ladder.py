"""Which remedy is next: those that serve the cause, the gentlest first. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from cc_guard.incident.record import Cause

Policy = Literal["auto", "ask", "suggest", "off"]

# Of a cause; below that, a remedy is only told.
SURE_ENOUGH_TO_ACT = 0.7
# A remedy that is its own test needs no more than a hypothesis (cc_guard.diagnose.rules.case.GUESS).
SURE_ENOUGH_TO_TEST = 0.3
SURE_ENOUGH_TO_TELL = 0.5
# "What failed twice is not repeated in the same incident": issue 5; a test has had its answer.
_MOST_TRIES = 2
_LEVEL_ASKED = 3  # needs root: never without a question
_LEVEL_TOLD = 4  # outside this system: never done by us


@dataclass(frozen=True)
class Rung:
    """A remedy as this machine's profile allows it. `level` 0 to 4 as in DESIGN section 7. `until`: when a
    change is undone. `trial`: it is a test of its own cause: the path is probed before and after it, and
    what changed nothing is taken back at once."""

    id: str
    level: int
    policy: Policy
    causes: tuple[Cause, ...]
    title: str = ""
    until: Literal["incident", "session"] = "session"
    trial: bool = False

    @property
    def allowed(self) -> Policy:
        """Never more than its level permits, whatever a profile says."""
        if self.policy == "off":
            return "off"
        if self.level >= _LEVEL_TOLD or self.level == 0:
            return "suggest"
        return "ask" if self.level >= _LEVEL_ASKED and self.policy == "auto" else self.policy


def next_rung(
    rungs: tuple[Rung, ...],
    cause: Cause | None,
    confidence: float,
    tries: Mapping[str, int],
    refused: Collection[str],
) -> Rung | None:
    """The next remedy to carry out or to ask about. `rungs` are in the order in which they are preferred
    within a level; `tries` counts how often each was carried out in this incident."""
    fit = [
        rung
        for rung in _serving(rungs, cause)
        if rung.allowed in ("auto", "ask")
        and confidence >= (SURE_ENOUGH_TO_TEST if rung.trial else SURE_ENOUGH_TO_ACT)
        and rung.id not in refused
        and tries.get(rung.id, 0) < (1 if rung.trial else _MOST_TRIES)
    ]
    return min(fit, key=lambda rung: (tries.get(rung.id, 0), rung.level), default=None)


def to_tell(rungs: tuple[Rung, ...], cause: Cause | None, confidence: float) -> list[Rung]:
    """What people are told and nobody does."""
    if confidence < SURE_ENOUGH_TO_TELL:
        return []
    return [rung for rung in _serving(rungs, cause) if rung.allowed == "suggest"]


def _serving(rungs: tuple[Rung, ...], cause: Cause | None) -> list[Rung]:
    return [rung for rung in rungs if cause in rung.causes]
