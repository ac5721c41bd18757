"""Which session, where several run."""

import asyncio
import os
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from cc_guard.panel import sessions
from cc_guard.panel.sessions import Session
from cc_guard.panel.widgets.page import DIM, TONES

_AGAIN_S = 2.0


class PickerScreen(Screen[Session | None]):
    """Its result is the session, or None when the user wants none."""

    BINDINGS: ClassVar = [("q,escape", "close", "Close")]

    def __init__(self, found: Sequence[Session]) -> None:
        super().__init__()
        self._found = {str(one.relay): one for one in found}

    def compose(self) -> ComposeResult:
        yield Static(
            Content.assemble(("Which session?\n", "bold"), ("Enter or a click opens it, q closes.", DIM)),
            id="picker-title",
        )
        yield OptionList(*map(_option, self._found.values()))

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.set_interval(_AGAIN_S, self._refresh)

    async def _refresh(self) -> None:
        found = {str(one.relay): one for one in await asyncio.to_thread(sessions.running)}
        if found == self._found:
            return
        self._found = found
        options = self.query_one(OptionList)
        at = options.highlighted
        chosen = options.get_option_at_index(at).id if at is not None else None
        options.clear_options()
        options.add_options(map(_option, found.values()))
        if chosen in found:
            options.highlighted = options.get_option_index(str(chosen))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        session = self._found.get(event.option.id or "")
        if session is not None:
            self.dismiss(session)

    def action_close(self) -> None:
        self.dismiss(None)


def _option(session: Session) -> Option:
    now = session.now
    folder = os.path.basename(now.cwd) or now.cwd or "?"
    return Option(
        Content.assemble(
            (f"{now.headline.word}  ", f"bold {TONES.get(now.headline.tone, DIM)}"),
            (folder, ""),
            (f"\n{now.session or session.relay}", DIM),
        ),
        id=str(session.relay),
    )
