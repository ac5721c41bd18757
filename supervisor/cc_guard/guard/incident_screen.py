"""The screen that takes the terminal while the client is held and no panel is open: when it is begun, what it
shows, and when it is not worth beginning again. The relay shows and ends it (relay/overlay.py)."""

import os
import sys
import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from cc_guard import paths
from cc_guard.guard.door import path_of
from cc_guard.guard.relay_port import RelayPort
from cc_guard.screen import takeover
from cc_guard.screen.frames import Frames

if TYPE_CHECKING:
    from cc_guard.incident.state import State
    from cc_guard.settings import Settings

FEWEST_ROWS, FEWEST_COLUMNS = 12, 60
SHOWN_AFTER_S = 0.3
"""Since the hold began. A shorter one is not worth a screen, and 0.3 s are left to take the terminal
within the 0.6 s that are promised."""
_HOLD_MAY_COME = ("watching", "holding", "held", "going")
_TRIES = 2
"""In one incident. A program that was not ready in time may only have had a busy machine."""


class IncidentScreen:
    """`watched()`: whether a panel is open. `clock` is the machine's."""

    def __init__(
        self,
        port: RelayPort,
        frames: Frames,
        settings: "Settings",
        watched: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port, self._frames, self._watched, self._clock = port, frames, watched, clock
        self._enabled = settings.screen.enabled and not settings.observe
        self._ready = False  # a program waits
        self._asked = False  # it has got its picture
        self.shown = False
        """Whoever is connected may be this screen, and no panel."""
        self._held_at: float | None = None
        self._unwanted = False  # closed by the user, or of no use in this incident
        self._failures = 0

    def follow(self, state: "State") -> None:
        """At every step of the machine, and at every tick."""
        if state.phase in ("idle", "fading", "muted"):
            self._unwanted, self._failures = False, 0
        if state.phase not in _HOLD_MAY_COME:
            self._leave()
            return
        if state.phase != "held":
            self._held_at = None
        if self._may_come(state):
            self._prepare()
        if state.phase == "held" and self._held_at is not None:
            self._show(self._held_at)

    def held(self) -> None:
        """The client stands still, its last frame is whole, and the terminal has its notice."""
        self._held_at = self._clock()

    def event(self, words: list[str]) -> None:
        """What the relay says."""
        match words:
            case ["screen", "shown"]:
                self.shown = True
            case ["screen", "over", reason]:
                self._ready = self._asked = self.shown = False
                if reason in ("late", "refused"):
                    self._failures += 1
                    print(f"no incident screen: {reason}", file=sys.stderr)  # which is the guard's log
                self._unwanted = self._unwanted or reason == "closed" or self._failures >= _TRIES

    def _may_come(self, state: "State") -> bool:
        if not self._enabled or self._unwanted or self._ready or not state.policy.hold:
            return False
        return not self._watched() and self._fits()

    def _fits(self) -> bool:
        screen = self._frames.screen
        if screen is None:
            return False
        rows, columns = takeover.size(screen)
        return rows >= FEWEST_ROWS and columns >= FEWEST_COLUMNS

    def _prepare(self) -> None:
        """Importing takes the program longer than the terminal may wait for it, so it is begun when a client
        retries, before anybody knows whether there will be a hold; and anew at once when a hold has ended,
        because the next one may come 0.3 s later, where the API does not stay."""
        self._ready = True
        socket = path_of(paths.socket_dir(), os.getppid())
        # -P: the current folder is the user's project, and none of its modules may be imported.
        words = [sys.executable, "-P", "-m", "cc_guard.panel.screen_app", socket, str(os.getppid())]
        self._port.screen(words)

    def _show(self, since: float) -> None:
        frames, screen = self._frames, self._frames.screen
        if not self._ready or self._asked or screen is None or frames.stale or not frames.complete:
            return
        if self._watched() or not self._fits():
            return
        self._asked = True
        picture = takeover.frozen(screen)
        over = takeover.takeover(screen, picture)
        wait = since + SHOWN_AFTER_S - self._clock()
        self._port.show(frames.offset, max(wait, 0.0), over, zlib.compress(picture))

    def _leave(self) -> None:
        if self._ready:
            self._ready = self._asked = False
            self._port.screen([])
        self._held_at = None
