"""`python -P -m cc_guard.panel.screen_app SOCKET RELAY FD`, started by a relay (relay/overlay.py): what the
user sees in place of a client that is paused. Its picture comes on the descriptor FD; until then it waits."""

import asyncio
import contextlib
import fcntl
import json
import os
import sys
import termios
import zlib
from collections.abc import Iterable
from typing import ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput
from textual.screen import Screen
from textual.widgets import Static

from cc_guard.panel import theme
from cc_guard.panel.app import STYLES
from cc_guard.panel.frozen import Frozen
from cc_guard.panel.link import Link, Listener
from cc_guard.panel.screen_driver import ScreenDriver
from cc_guard.panel.state import Snapshot
from cc_guard.panel.view import PanelView

_STATE_S = 0.3  # the guard tells it in 0.02 s


class LaterLink(Link):
    """Until there is a picture nobody is there: a guard begins no screen while a panel is open."""

    def __init__(self, path: str, relay: int) -> None:
        super().__init__(path, relay)
        self.go = asyncio.Event()

    async def run(self, listener: Listener) -> None:
        await self.go.wait()
        await super().run(listener)


class PanelTold(Message):
    """There is something to show."""


class _View(PanelView):
    def on_state(self, now: Snapshot) -> None:
        super().on_state(now)
        self.post_message(PanelTold())


class ScreenApp(App[None]):
    """Left the client's frozen screen, right the panel. Escape and q give the picture alone back; the client
    stays paused until it is let go."""

    CSS_PATH = STYLES
    # The panel: two fifths, but as wide as it needs to be read, and never more than its text fills.
    CSS = """
    #both { width: 100%; height: 100%; }
    Frozen { width: 1fr; height: 100%; }
    #beside { width: 40%; min-width: 30; max-width: 60; height: 100%; border-left: outer $line; }
    #beside PanelView { height: 1fr; }
    #ways { height: 1; padding: 0 1; background: $surface; color: $dim; }
    """
    BINDINGS: ClassVar = [Binding("escape", "close", show=False)]

    def __init__(self, pipe: int, link: "LaterLink", colours: str) -> None:
        """`pipe`: where the picture comes from."""
        super().__init__(driver_class=ScreenDriver)
        self._pipe, self._link = pipe, link
        self._packed = b""
        self._spoken = False
        self._frozen = Frozen()
        self._view = _View(link)
        self._ways = Static(id="ways")
        self.animation_level = "none"
        theme.register(self, colours)

    def compose(self) -> ComposeResult:
        with Horizontal(id="both"):
            yield self._frozen
            with Container(id="beside"):
                yield self._view
                yield self._ways

    def on_mount(self) -> None:
        self.post_message(TerminalSupportsSynchronizedOutput())  # others ignore it
        asyncio.get_running_loop().add_reader(self._pipe, self._on_pipe)

    def _on_pipe(self) -> None:
        data = os.read(self._pipe, 65536)
        self._packed += data
        if data:
            return
        asyncio.get_running_loop().remove_reader(self._pipe)
        if not self._packed:
            self.exit()  # not needed
            return
        self._frozen.show(zlib.decompress(self._packed).decode(errors="replace"))
        self._link.go.set()
        self.set_timer(_STATE_S, self._speak)

    def on_panel_told(self) -> None:
        self._ways.update(f"{self._view.now.release_key} go on · Esc close")
        self.call_after_refresh(self._speak)

    def _speak(self) -> None:
        driver = self._driver
        if not self._spoken and isinstance(driver, ScreenDriver):
            self._spoken = True
            driver.speak()
            self.screen.refresh()  # all of it

    def on_panel_view_over(self) -> None:
        self.exit()

    def on_panel_view_closed(self) -> None:
        self.exit()

    def action_close(self) -> None:
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        return self._view.commands()


def colours() -> str:
    """By the user's choice for the client, else by the terminal's own word (COLORFGBG): there is nobody to
    ask, because the answer would be taken for the client's."""
    folder = os.environ.get("CLAUDE_CONFIG_DIR") or os.environ.get("HOME", "")
    with contextlib.suppress(OSError, ValueError, AttributeError, RecursionError):
        with open(os.path.join(folder, ".claude.json"), encoding="utf-8") as file:
            chosen = str(json.load(file).get("theme") or "")
        if chosen.startswith(("light", "dark")):
            return theme.LIGHT if chosen.startswith("light") else theme.DARK
    back = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return theme.LIGHT if back in ("7", "15") else theme.DARK


def main(words: list[str]) -> int:
    path, relay, pipe = words[0], int(words[1]), int(words[2])
    with contextlib.suppress(OSError):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # whose end is ours
    ScreenApp(pipe, LaterLink(path, relay), colours()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
