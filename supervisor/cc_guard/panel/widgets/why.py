"""Why: the verdict, how sure it is, and what speaks for it."""

from cc_guard.panel.state import Incident, Snapshot
from cc_guard.panel.widgets.page import DIM, Page, mark
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import certainty

_MOST = 6


class WhyView(Section):
    TITLE = "Why"

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        incident = now.incident
        if incident is None:
            return
        if incident.summary:
            page.words(incident.summary)
        elif any(row.rule == "doctor" for row in now.doing):
            page.words("The cause is being looked for …", DIM)
        else:
            page.words("Not known yet.", DIM)
        if incident.cause and incident.cause != "unknown":
            page.words(f"{incident.cause} · {certainty(incident.confidence)}", DIM)
        _evidence(page, incident)


def _evidence(page: Page, incident: Incident) -> None:
    bad = [one for one in incident.findings if one.state in ("warn", "fail")]
    seen = dict.fromkeys((one.title, one.state, one.summary) for one in reversed(bad))
    for title, state, summary in list(seen)[:_MOST]:
        sign = mark(state)
        text = f"{title}: {summary}" if title and not summary.startswith(title) else summary
        page.words(text, "", (f"{sign[0]} ", sign[1]), most=3)
