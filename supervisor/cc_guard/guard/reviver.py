"""Starting the client anew with its session, and giving the user's draft back.

The relay ends the old process and starts the new one in the same terminal (relay/loop.py). Keys that the
user types meanwhile wait there until the new one shows what it wants: they were meant for an input box, and
must not answer a question.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cc_guard.guard.relay_port import RelayPort
from cc_guard.incident.moment import QUIET_S
from cc_guard.launch.resume import resume_arguments
from cc_guard.screen.frames import Frames

if TYPE_CHECKING:
    from cc_guard.detect.prompt import PromptBox
    from cc_guard.launch.version import Version

_SHOWN_WITHIN_S = 20.0  # a large conversation is drawn again
_LOOK_S = 0.1
_ANSWER_S = 15.0  # the client's own shutdown may take ten
_DRAFT = "draft"


class Reviver:
    """`look()` reads the input box, None while there is nothing to be read. `done(ok, why, later)` is called
    once for each `restart`, when the new client shows its input box or asks something, or when the old one
    was left alone: `later` for a reason that passes. `folder`: where the draft is kept meanwhile, so that it
    is not lost with us; empty when there is none."""

    def __init__(
        self,
        port: RelayPort,
        frames: Frames,
        look: "Callable[[], PromptBox | None]",
        started: Callable[[], None],
        done: Callable[[bool, str, bool], None],
        folder: str,
    ) -> None:
        self._port, self._frames, self._look = port, frames, look
        self._started, self._done = started, done
        self._loop = asyncio.get_running_loop()
        self._folder = folder
        self.words: list[str] = []
        """The client's command line."""
        self.draft = self._kept()
        """What the user has not submitted yet, to be given back; empty when there is none."""
        self._before: str | None = None
        """The same, as it was before a restart that the relay may still refuse."""
        self._since: float | None = None
        self._running = False
        self._admitting = False
        self._timer: asyncio.TimerHandle | None = None
        self._giving = False

    @property
    def busy(self) -> bool:
        return self._since is not None

    def restart(
        self, session: str, version: "Version | None", changes: "dict[str, str | None] | None" = None
    ) -> None:
        self._since, self._running, self._admitting = self._loop.time(), False, False
        box = self._look()
        args = resume_arguments(self.words[1:], session, version) if self.words else None
        if args is None:
            self._loop.call_soon(self._end, False, "its command line can't be started again with --resume")
            return
        if self._before is None:
            self._before = self.draft
        if box is not None and box.text:
            self._keep(f"{self.draft}\n{box.text}" if self.draft else box.text)
        self._port.restart([self.words[0], *args], changes)
        self._timer = self._loop.call_later(_LOOK_S, self._watch)

    def event(self, words: Sequence[str]) -> None:
        """What the relay says of it."""
        match words:
            case ["restarted", _]:
                self._before = None
                self._started()
                if self.busy:
                    self._running, self._since = True, self._loop.time()
            case ["unrestarted", reason]:
                if reason != "restarting":  # else one is under way, and the draft is gone from its box
                    self._give_up_draft()
                if self.busy:
                    self._end(False, _WHY.get(reason, reason), reason in _PASSING)
            case ["admitted" | "dropped", _] if self.busy and self._running:
                self._end(True, "")
            case ["untyped", _] if self.busy:
                self._admitting = False  # it is still drawing
            case ["typed", "draft"]:
                self._giving = False
                self._forget()
            case ["untyped", reason] if reason != "content":  # that will not be typed the next time either
                self._giving = False

    def give_back(self) -> None:
        """Into an input box that has just been seen empty, with nobody typing: the relay looks once more."""
        if not self.draft or self._giving or self.busy or self._frames.screen is None:
            return
        self._giving = True
        bracketed = self._frames.screen.bracketed_paste
        self._port.type_draft(self._frames.offset, QUIET_S, self.draft.encode(), bracketed)

    def _watch(self) -> None:
        self._timer = None
        if self._since is None:
            return
        self._timer = self._loop.call_later(_LOOK_S, self._watch)
        waited = self._loop.time() - self._since
        if not self._running:
            if waited > _ANSWER_S:
                self._end(False, "the relay does not answer")
        else:
            box = self._look()
            if not self._admitting and box is not None and box.state in ("empty", "menu", "view"):
                self._admitting = True
                self._port.admit(self._frames.offset, box.state == "empty")
            if waited > _SHOWN_WITHIN_S:
                self._end(True, "the new one shows no input box yet")

    def _end(self, ok: bool, why: str, later: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._since = None
        self._done(ok, why, later)

    def _give_up_draft(self) -> None:
        """It stands in the box still; what was kept before it is not there."""
        if self._before:
            self._keep(self._before)
        elif self._before is not None:
            self._forget()
        self._before = None

    def _keep(self, text: str) -> None:
        self.draft = text
        if self._folder:
            with contextlib.suppress(OSError):
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
                with open(os.open(os.path.join(self._folder, _DRAFT), flags, 0o600), "w") as file:
                    file.write(text)

    def _kept(self) -> str:
        try:
            with open(os.path.join(self._folder, _DRAFT), encoding="utf-8") as file:
                return file.read()
        except (OSError, ValueError):
            return ""

    def _forget(self) -> None:
        self.draft = ""
        if self._folder:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._folder, _DRAFT))


_WHY = {
    "held": "Claude Code is paused",
    "key": "you are typing",
    "queued": "you are typing",
    "background": "another program has the terminal",
    "standing": "words are being typed",
    "descriptors": "it was started with <(…), which can't be handed over twice",
    "exit": "it is ending",
}
_PASSING = ("held", "key", "queued", "background", "standing")
