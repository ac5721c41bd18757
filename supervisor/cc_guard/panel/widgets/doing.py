"""What is being done and by which rule, for how long; and what was done."""

from cc_guard.panel.state import Deed, Doing, Snapshot
from cc_guard.panel.widgets.page import DIM, Page, Part
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import bar, seconds, span

_MOST = 6
_BAR = 12
_DONE: dict[str, tuple[Part, str]] = {
    "ok": (("✓ ", "$success"), ""),
    "failed": (("✗ ", "$error"), "did not help"),
    "refused": (("– ", "$warning"), "not done"),
    "unfit": (("– ", DIM), "does not apply here"),
    "suggested": (("→ ", "$primary"), ""),
    "unanswered": (("– ", "$warning"), "nobody answered"),
}
_OTHER: tuple[Part, str] = (("– ", DIM), "")


class DoingView(Section):
    TITLE = "What is done"

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        for row in now.doing:
            _under_way(page, row, clock)
        if now.incident is not None:
            for deed in now.incident.deeds[-_MOST:]:
                _done(page, deed)
            if not now.doing and not now.incident.deeds:
                page.words(
                    "Nothing: cc-guard only observes." if now.observe else "Nothing is to be done yet.", DIM
                )


def _under_way(page: Page, row: Doing, clock: float) -> None:
    page.words(row.what, "", ("▸ ", "$primary"))
    said = row.rule
    if row.until is not None and row.until > clock:
        said = f"{span(row.until - clock + 0.999)} left"
        if row.since is not None and row.until > row.since:
            full, empty = bar((clock - row.since) / (row.until - row.since), _BAR)
            page.line(("  ", ""), (full, "$primary"), (empty, "$line"))
    elif row.since is not None:
        said = f"{span(clock - row.since)} · {row.rule}"
    page.words(said, DIM, ("  ", ""))


def _done(page: Page, deed: Deed) -> None:
    sign, meaning = _DONE.get(deed.status, _OTHER)
    took = f" ({seconds(deed.duration_s)})" if deed.duration_s >= 0.1 else ""
    told = f": {meaning}" if meaning else ""
    page.words(f"{deed.title}{told}{took}", "", sign)
    if deed.detail and deed.status != "suggested":
        page.words(deed.detail, DIM, ("  ", ""), most=2)
