"""What you can do: the doctor's steps, and what this panel's keys would do now."""

from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.page import DIM, Page
from cc_guard.panel.widgets.section import Section


class TodoView(Section):
    TITLE = "What you can do"

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        incident = now.incident
        if incident is None:
            return
        if now.question is not None:
            page.words("Answer the question: y, n, a or N.")
        for number, step in enumerate(incident.fix, 1):
            page.words(step, "", (f"{number}. ", DIM))
        told = [one.detail for one in incident.deeds if one.status == "suggested" and one.detail]
        for text in dict.fromkeys(told):
            page.words(text, "", ("→ ", "$primary"))
        if now.question is None and not incident.fix and not told:
            page.words("Nothing yet: it may pass by itself.", DIM)
        if "release" in now.may:
            key = f" (or {now.release_key} in its terminal)" if now.release_key else ""
            page.words(f"r lets Claude Code go on at once{key}; t lets it try once.", DIM)
        elif "retry" in now.may:
            page.words("t tells Claude Code to go on now.", DIM)
