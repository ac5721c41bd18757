"""Release, try now, observe only: what the user can switch at any moment."""

from textual.app import ComposeResult
from textual.containers import Container

from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.button import KeyButton


class SwitchesView(Container):
    def __init__(self) -> None:
        super().__init__()
        self._release = KeyButton("Release", "r", "release")
        self._retry = KeyButton("Try now", "t", "retry")
        self._observe = KeyButton("Observe only: off", "o", "observe")
        self._observe.id = "observe"

    def compose(self) -> ComposeResult:
        yield self._release
        yield self._retry
        yield self._observe

    def show(self, now: Snapshot, clock: float) -> None:
        # All is well: the key is enough.
        self.display = now.incident is not None or now.observe
        self._release.display = "release" in now.may
        self._retry.display = "retry" in now.may
        self._observe.display = "observe" in now.may
        self._observe.name_it(f"Observe only: {'on' if now.observe else 'off'}")
