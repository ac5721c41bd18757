"""The panel in a terminal of its own."""

import os
from collections.abc import Iterable, Sequence

from textual.app import App, ComposeResult, SystemCommand
from textual.screen import Screen

from cc_guard.panel import theme
from cc_guard.panel.link import Link
from cc_guard.panel.picker import PickerScreen
from cc_guard.panel.sessions import Session
from cc_guard.panel.view import PanelView

STYLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "panel.tcss")
"""For every app that shows a panel."""


class PanelApp(App[str]):
    """Its result is a line for the terminal that it leaves, or empty."""

    CSS_PATH = STYLES
    TITLE = "cc-guard"

    def __init__(self, found: Sequence[Session], colours: str = theme.DARK) -> None:
        """One of `found` is shown; where there are several, the user picks it."""
        super().__init__()
        self._found = found
        self._view: PanelView | None = None
        self.animation_level = "none"
        theme.register(self, colours)

    def get_default_screen(self) -> Screen[None]:
        return Screen(id="panel")

    def compose(self) -> ComposeResult:
        if len(self._found) == 1:
            yield self._shown(self._found[0])

    def on_mount(self) -> None:
        if len(self._found) > 1:
            self.push_screen(PickerScreen(self._found), self._picked)

    def on_panel_view_over(self) -> None:
        self.exit("The session is over.")

    def on_panel_view_closed(self) -> None:
        self.exit("")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        return () if self._view is None else self._view.commands()

    def _picked(self, session: Session | None) -> None:
        if session is None:
            self.exit("")
        else:
            self.mount(self._shown(session))

    def _shown(self, session: Session) -> PanelView:
        self._view = PanelView(Link(session.path, session.relay))
        return self._view
