"""How it stands: a word, for how long, a sentence."""

from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.page import DIM, TONES, Page
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import span


class HeadlineView(Section):
    def show(self, now: Snapshot, clock: float) -> None:
        for tone in TONES:
            self.set_class(now.headline.tone == tone, f"-{tone}")
        super().show(now, clock)

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        said = now.headline
        colour = TONES.get(said.tone, DIM)
        incident = now.incident
        since = incident.started_at if incident else None
        page.ends((said.word, f"bold {colour}"), (span(clock - since) if since else "", DIM))
        if said.text:
            page.words(said.text)
        if now.observe and incident is None and said.word != "OBSERVING":
            page.words("Observe only: cc-guard acts on nothing.", DIM)
