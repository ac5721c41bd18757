"""What cc-guard has told, the latest first."""

from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.page import DIM, Page
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import clock as shown

_MOST = 12
_ROOMY = 36  # columns for a time with seconds


class LogView(Section):
    TITLE = "Log"

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        for notice in list(reversed(now.notices))[:_MOST]:
            when = "" if notice.t is None else shown(notice.t, page.width >= _ROOMY)
            page.words(notice.text, "", (f"{when} ", DIM), most=4)
