"""One part of the panel: a title and what it says. It is gone while it has nothing to say, and drawn only
when that has changed."""

from textual import events
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.page import DIM, Page


class Section(Static):
    TITLE = ""

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._told: tuple[Snapshot, float] | None = None
        self._drawn: Content | None = None
        self._drawn_at = 0, 0

    def show(self, now: Snapshot, clock: float) -> None:
        """`clock` in epoch seconds."""
        self._told = now, clock
        self._draw()

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        """What there is to say; nothing, when there is nothing."""
        raise NotImplementedError

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._told is None:
            return
        # Hidden, a widget has no size yet; it is drawn again when it has got one.
        page = Page(self.content_size.width or self._room())
        self.write(page, *self._told)
        content = page.content()
        if content is not None and self.TITLE:
            content = Content.assemble((f"{self.TITLE}\n", f"bold {DIM}"), content)
        if _same(content, self._drawn):
            return
        size = page.width, 0 if content is None else content.plain.count("\n") + 1
        self._drawn = content
        self.display = content is not None
        # Once a second a number changes; the layout of the whole panel need not be worked out for that.
        self.update(content or "", layout=size != self._drawn_at)
        self._drawn_at = size

    def _room(self) -> int:
        parent = self.parent
        return parent.content_size.width - 2 if isinstance(parent, Widget) else 0


def _same(one: Content | None, other: Content | None) -> bool:
    """Content compares by its text alone."""
    if one is None or other is None:
        return one is other
    return one.plain == other.plain and one.spans == other.spans
