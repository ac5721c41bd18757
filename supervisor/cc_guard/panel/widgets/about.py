"""Which session this is, and by which profile cc-guard acts."""

import os

from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.page import DIM, Page
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import fitted


class AboutView(Section):
    TITLE = "Session"

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        folder = os.path.basename(now.cwd) or now.cwd
        client = f"Claude Code {now.client_version}" if now.client_version else "Claude Code"
        page.words(f"{client} in {folder}" if folder else client, DIM)
        if now.session:
            page.line((fitted(now.session, page.width), DIM))
        if now.profile:
            why = f": {now.profile_why}" if now.profile_why else ""
            page.words(f"profile {now.profile}{why}", DIM, most=2)
