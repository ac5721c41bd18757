"""The incident of a run that failed, in the history."""

import time

from cc_guard.guard.diagnosis import Diagnosis
from cc_guard.headless.turn import Turn
from cc_guard.headless.waiting import Wait
from cc_guard.history import History
from cc_guard.incident.record import Action, Incident, Outcome, Symptom, new_id
from cc_guard.owner import Owner


class Account:
    """Every method but `save` only notes; `save` may raise history.HistoryError."""

    def __init__(self, turn: Turn, symptom: Symptom, version: str, profile: str) -> None:
        self.incident = Incident(
            id=new_id(turn.troubled_at),
            session=turn.session,
            started_at=turn.troubled_at,
            kind=symptom.kind,
            code=symptom.code,
            cause="unknown",
            confidence=0.0,
            client_version=version,
            profile=profile,
            signals=["transcript"],
        )
        self._owner = Owner.current()

    def failed(self, turn: Turn, symptom: Symptom) -> None:
        self.incident.symptoms.append(symptom)
        self.incident.retries_spent += turn.retries

    def waited(self, wait: Wait, diagnosis: Diagnosis | None) -> None:
        incident = self.incident
        if wait.waited:
            incident.held_s += wait.lasted_s
        incident.evidence += wait.findings
        if diagnosis is not None and diagnosis.confidence >= (incident.confidence or 0.0):
            incident.cause, incident.confidence = diagnosis.cause, diagnosis.confidence
            incident.evidence += diagnosis.findings

    def restarted(self, session: str, now: float) -> None:
        self.incident.session = session
        detail = f"went on with --resume {session}"
        self.incident.actions.append(Action("client.restart", "ok", detail, now))

    def ended(self, outcome: Outcome, progressed: float | None, good_at: float | None) -> None:
        """`progressed`: when the model answered again; `good_at`: since when it could have."""
        incident = self.incident
        incident.outcome = outcome
        incident.ended_at = progressed or time.time()
        incident.downtime_s = max(0.0, incident.ended_at - incident.started_at)
        if progressed is not None and good_at is not None:
            incident.recovery_s = max(0.0, progressed - good_at)

    def save(self, keep: tuple[int, int]) -> None:
        """`keep`: days and incidents, as History.prune has them."""
        with History() as history:
            history.save(self.incident, self._owner)
            history.prune(*keep)
