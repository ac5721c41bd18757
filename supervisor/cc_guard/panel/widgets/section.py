"""One part of the panel: a title and what it says. It is gone while it has nothing to say, drawn only when
that has changed, and as high as what it says.

Its height is given, not left to Textual (8.2.8): that keeps the height of a text which is followed by another
one before it was laid out.
"""

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
        self._drawn = content
        self.display = content is not None
        if content is not None:
            self.styles.height = content.plain.count("\n") + 1
        self.update(content or "", layout=False)

    def _room(self) -> int:
        parent = self.parent
        return parent.content_size.width - 2 if isinstance(parent, Widget) else 0


def _same(one: Content | None, other: Content | None) -> bool:
    """Content compares by its text alone."""
    if one is None or other is None:
        return one is other
    return one.plain == other.plain and one.spans == other.spans
