"""What happened: the failure as the client shows it, its attempt, and the time to the next."""

from cc_guard.panel.state import Incident, Snapshot
from cc_guard.panel.widgets.page import DIM, Page
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import KINDS, bar, span

_BAR = 20


class TroubleView(Section):
    TITLE = "What happened"

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        incident = now.incident
        if incident is None:
            return
        code = f" ({incident.code})" if incident.code else ""
        page.words(KINDS.get(incident.kind, "Claude Code's request has failed") + code)
        if incident.error:
            page.words(f"“{' '.join(incident.error.split())}”", DIM, most=3)
        _attempts(page, incident, now.phase, clock)


def _attempts(page: Page, incident: Incident, phase: str, clock: float) -> None:
    if incident.attempt is None:
        return
    of = f" of {incident.attempts}" if incident.attempts else ""
    if incident.attempts:
        width = min(_BAR, page.width)
        full, empty = bar(incident.attempt / incident.attempts, width)
        page.line((full, "$warning"), (empty, "$line"))
    page.words(f"Attempt {incident.attempt}{of}{_next(incident, phase, clock)}")


def _next(incident: Incident, phase: str, clock: float) -> str:
    if incident.held_since is not None:
        left = (incident.attempts or 0) - (incident.attempt or 0)
        saved = f" with {left} left" if left > 0 else ""
        return f". Paused for {span(clock - incident.held_since)}{saved}."
    if incident.next_try_at is None or phase not in ("watching", "holding", "going"):
        return ""
    wait = incident.next_try_at - clock
    return f", next one in {span(wait + 0.999)}" if wait > 0 else ", under way"
