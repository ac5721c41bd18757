"""The incident as the machine tells it, written to the history."""

import contextlib
import sys
import time

from cc_guard.guard.diagnosis import Diagnosis
from cc_guard.history import History, HistoryError
from cc_guard.incident.machine import FINDINGS_KEPT, Report
from cc_guard.incident.record import Incident, new_id
from cc_guard.owner import Owner
from cc_guard.profile.resolved import GENERIC


class Journal:
    """A history that can't be written must not stop the guard from guarding: the error goes to the guard's
    log once, and `problem` keeps it for people."""

    def __init__(self, session: str, keep: tuple[int, int] = (0, 0)) -> None:
        """`keep`: days and incidents, as History.prune has them."""
        self._keep = keep
        self._session = session
        self.profile = GENERIC.name
        self._owner = Owner.current()
        self._incident: Incident | None = None
        self._last: tuple[float, Incident | None] = (0.0, None)
        self.client_version: str | None = None
        self.problem = ""
        self._history: History | None = None
        self._open()

    def _open(self) -> None:
        try:
            self._history = History()
            self._history.abandon_dead()
            self._history.prune(*self._keep)
        except Exception as error:
            self._failed(error)

    def record(self, report: Report) -> None:
        """Never raises: what follows may be the end of a hold."""
        if self._incident is None:
            self._incident = Incident(
                id=new_id(_wall(report.started)),
                session=self._session,
                started_at=_wall(report.started),
                kind=report.kind,
            )
        incident = self._incident
        _fill(incident, report)
        incident.profile = self.profile
        incident.client_version = self.client_version
        if report.outcome != "open":
            self._last = report.started, incident
            self._incident = None
            if self._history is None:
                self._open()  # what was in its way may be over, and nothing is held now
        self._save(incident)

    def _save(self, incident: Incident) -> None:
        if self._history is None:
            return
        try:
            self._history.save(incident, self._owner)
        except Exception as error:
            self._failed(error)

    def explain(self, started: float, found: Diagnosis) -> None:
        """Why the last incident failed, when that has become known after its end. What a client has recovered
        from is over before anybody could look."""
        known, incident = self._last
        ended = incident is not None and known == started and incident.outcome == "failed"
        if incident is None or not ended or incident.confidence or found.cause == "unknown":
            return
        incident.cause, incident.confidence = found.cause, found.confidence
        incident.evidence = [*incident.evidence, *found.findings][:FINDINGS_KEPT]
        self._save(incident)

    def close(self) -> None:
        if self._history is not None:
            with contextlib.suppress(HistoryError):
                self._history.close()

    def _failed(self, error: Exception) -> None:
        if not self.problem:
            sys.stderr.write(f"history: {error!r}\n")
        self.problem = str(error)


def _fill(incident: Incident, report: Report) -> None:
    incident.kind = report.kind
    incident.code = report.code
    incident.outcome = report.outcome
    incident.symptoms = list(report.symptoms)
    incident.evidence = list(report.findings)
    incident.actions = list(report.actions)
    incident.signals = list(report.sources)
    incident.held_s = report.held_s
    incident.retries_spent = report.retries_spent
    incident.cause = report.cause or "unknown"
    incident.confidence = report.confidence or 0.0
    if report.ended is not None:
        incident.ended_at = _wall(report.progressed or report.ended)
        incident.downtime_s = (report.progressed or report.ended) - report.started
    if report.progressed is not None and report.reachable is not None:
        incident.recovery_s = max(0.0, report.progressed - report.reachable)


def _wall(monotonic: float) -> float:
    """CLOCK_MONOTONIC as epoch seconds."""
    return time.time() - time.monotonic() + monotonic
