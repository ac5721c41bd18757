"""A button of one line, which names its key."""

from textual.widgets import Button


class KeyButton(Button):
    """Pressed, it runs `action` of the panel, as the key does."""

    def __init__(self, label: str, key: str, action: str, variant: str = "default") -> None:
        super().__init__(f"{label} ({key})", compact=True, classes=f"-{variant}")
        self.styles.line_pad = 0  # a style sheet can't say so: Textual 8.2 takes the 0 for no number
        self.panel_action = action
        self._key = key

    def name_it(self, label: str) -> None:
        text = f"{label} ({self._key})"
        if str(self.label) != text:
            self.label = text
