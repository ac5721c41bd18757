"""The last incidents of this user, from the history."""

from collections.abc import Sequence

from cc_guard.incident.record import Incident
from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.page import DIM, TONES, Page
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import KINDS, OUTCOMES, day, fitted, short


class PastView(Section):
    TITLE = "Last incidents"

    def __init__(self) -> None:
        super().__init__()
        self._incidents: Sequence[Incident] = ()
        self._problem = ""

    def remember(self, incidents: Sequence[Incident], problem: str) -> None:
        """`problem`: why they can't be read, or empty."""
        self._incidents, self._problem = incidents, problem
        self._draw()

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        if self._problem:
            page.words(self._problem, DIM, most=3)
        for one in self._incidents:
            sign, tone = OUTCOMES.get(one.outcome, ("–", "off"))
            took = one.downtime_s or (one.ended_at - one.started_at if one.ended_at else None)
            lasted = "" if took is None else short(took)
            what = one.cause if one.cause not in (None, "unknown") else KINDS.get(one.kind, one.kind)
            when = day(one.started_at, clock)
            room = page.width - len(when) - len(lasted) - 4
            said = fitted(str(what), room)
            page.line(
                (f"{sign} ", TONES[tone]),
                (f"{when} ", DIM),
                (said.ljust(room + 1), ""),
                (lasted, DIM),
            )
