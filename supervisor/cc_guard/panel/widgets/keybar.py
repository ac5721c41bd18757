"""The keys that do something now, as many as fit, and the reply to the last one."""

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from cc_guard.panel.keys import Key


class KeyBar(Static):
    class Pressed(Message):
        """A key was clicked. `action` is the panel's."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self) -> None:
        super().__init__()
        self._keys: Sequence[Key] = ()
        self._reply = ""

    def show(self, keys: Sequence[Key]) -> None:
        if keys != self._keys:
            self._keys = keys
            self._draw()

    def reply(self, text: str) -> None:
        """In place of the keys, until it is empty again."""
        self._reply = text
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def action_press(self, number: int) -> None:
        if 0 <= number < len(self._keys):
            self.post_message(self.Pressed(self._keys[number].action))

    def _draw(self) -> None:
        if self._reply:
            self.update(Content.assemble((self._reply, "$warning")))
            return
        parts: list[Content] = []
        room = self.content_size.width
        kept = next((_width(key) + 2 for key in self._keys if key.action == "help"), 0)
        for number, key in enumerate(self._keys):
            needs = _width(key) + (2 if parts else 0)
            kept = 0 if key.action == "help" else kept
            if needs > room - kept:
                continue
            room -= needs
            gap = "  " if parts else ""
            # Both texts are from the table of keys, so there is nothing in them to be escaped.
            parts.append(
                Content.from_markup(
                    f"{gap}[@click=press({number})][b $primary]{key.shown}[/] [$dim]{key.short}[/][/]"
                )
            )
        self.update(Content.assemble(*parts))


def _width(key: Key) -> int:
    return len(key.shown) + 1 + len(key.short)
