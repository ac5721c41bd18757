"""The panel as one widget, for any app: beside the client in a terminal of its own, or beside the client's
frozen screen."""

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, Protocol

from textual import events, work
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Container, VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Button

from cc_guard.panel import incidents
from cc_guard.panel.keys import KEYS, Key
from cc_guard.panel.link import Link
from cc_guard.panel.state import Headline, Snapshot
from cc_guard.panel.widgets.about import AboutView
from cc_guard.panel.widgets.button import KeyButton
from cc_guard.panel.widgets.doing import DoingView
from cc_guard.panel.widgets.headline import HeadlineView
from cc_guard.panel.widgets.keybar import KeyBar
from cc_guard.panel.widgets.log import LogView
from cc_guard.panel.widgets.past import PastView
from cc_guard.panel.widgets.question import QuestionView
from cc_guard.panel.widgets.route import RouteView
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.widgets.switches import SwitchesView
from cc_guard.panel.widgets.todo import TodoView
from cc_guard.panel.widgets.trouble import TroubleView
from cc_guard.panel.widgets.vitals import VitalsView
from cc_guard.panel.widgets.why import WhyView

WIDE = 76
"""Columns from which there are two columns of text."""

_COUNT_S = 1.0
_REPLY_S = 6.0
# Somebody who types as a question comes up has not read it.
_UNREAD_S = 0.6

_LOST = Headline(
    "NO CONTACT",
    "off",
    "cc-guard's watcher does not answer at the moment; it is started anew by itself. Claude Code runs on"
    " without it, and nothing is paused.",
)
_FIRST = Headline("CONNECTING", "off", "Waiting for the watcher of this session.")


class _Part(Protocol):
    def show(self, now: Snapshot, clock: float) -> None: ...


class PanelView(Container, can_focus=True):
    BINDINGS: ClassVar = [
        Binding(key.key, key.action, key.text, show=False) for key in KEYS if key.action != "palette"
    ]

    class Over(Message):
        """The session has ended."""

    class Closed(Message):
        """The user wants no panel any more."""

    def __init__(self, link: Link, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells epoch seconds."""
        super().__init__()
        self._link = link
        self._clock = clock
        self.now = Snapshot(headline=_FIRST)
        self._asked_at = 0.0
        self._counting: Timer | None = None
        self._forgetting: Timer | None = None
        self._keys = KeyBar()
        self._past = PastView()
        self._head = HeadlineView()
        self._question = QuestionView()
        self._switches = SwitchesView()
        self._main: tuple[Section, ...] = (TroubleView(), RouteView(), WhyView())
        self._care: tuple[Section, ...] = (DoingView(), TodoView())
        self._rest: tuple[Section, ...] = (VitalsView(), self._past, LogView(), AboutView())

    def compose(self) -> ComposeResult:
        yield self._head
        with Container(id="body"):
            with VerticalScroll(id="main", can_focus=False):
                yield self._question
                yield from self._main
            with VerticalScroll(id="side", can_focus=False):
                yield from self._care
                yield self._switches
                yield from self._rest
        yield self._keys

    def on_mount(self) -> None:
        self._counting = self.set_interval(_COUNT_S, self._draw, pause=True)
        self.focus()
        self._draw()
        self._read_history()
        self.run_worker(self._link.run(self), group="link", exit_on_error=False)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.width < 40, "-slim")

    # What the guard tells

    def on_state(self, now: Snapshot) -> None:
        before, self.now = self.now, now
        if now.question is not None and (before.question is None or before.question.id != now.question.id):
            self._asked_at = time.monotonic()
        if before.incident is not None and now.incident is None:
            self._read_history()
        self._draw()

    def on_reply(self, ok: bool, why: str) -> None:
        self._say("" if ok else f"Not done: {why}.")

    def on_lost(self) -> None:
        self.now = Snapshot(
            session=self.now.session, cwd=self.now.cwd, client_version=self.now.client_version, headline=_LOST
        )
        self._draw()

    def on_over(self) -> None:
        self.post_message(self.Over())

    @work(exclusive=True, group="history")
    async def _read_history(self) -> None:
        found, problem = await asyncio.to_thread(incidents.last)
        self._past.remember(found, problem)

    # Drawing

    def _draw(self) -> None:
        clock = self._clock()
        parts: tuple[_Part, ...] = (
            self._head,
            self._question,
            *self._main,
            *self._care,
            self._switches,
            *self._rest,
        )
        for part in parts:
            part.show(self.now, clock)
        self._keys.show([key for key in KEYS if self.works(key)])
        self.set_class(self.now.incident is None and self.now.question is None, "-calm")
        if self._counting is not None:
            (self._counting.resume if self.now.counts else self._counting.pause)()

    def _say(self, text: str) -> None:
        self._keys.reply(text)
        if self._forgetting is not None:
            self._forgetting.stop()
            self._forgetting = None
        if text:
            self._forgetting = self.set_timer(_REPLY_S, lambda: self._keys.reply(""))

    # What the user wants

    def works(self, key: Key) -> bool:
        """Whether it does something now."""
        match key.when:
            case "question":
                return self.now.question is not None
            case "release" | "retry" | "observe":
                return key.when in self.now.may
            case "copy":
                return bool(self._commands())
        return True

    def commands(self) -> Iterator[SystemCommand]:
        """What the keys do now, for a list to search."""
        for key in KEYS:
            if key.action != "palette" and self.works(key):
                run = partial(self.call_later, self.run_action, key.action)
                yield SystemCommand(key.text, f"key {key.shown}", run)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if isinstance(event.button, KeyButton):
            event.stop()
            self.call_later(self.run_action, event.button.panel_action)

    def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        event.stop()
        self.call_later(self.run_action, "app.command_palette" if event.action == "palette" else event.action)

    def action_answer(self, answer: str) -> None:
        question = self.now.question
        if question is None:
            return
        if time.monotonic() - self._asked_at < _UNREAD_S:
            self._say("The question has just come up: read it first.")
        elif answer in ("yes", "always") and not question.text:
            self._say("The exact command is not known yet: one moment.")
        else:
            self._sent(self._link.answer(question.id, answer))

    def action_release(self) -> None:
        if "release" in self.now.may:
            self._sent(self._link.release())

    def action_retry(self) -> None:
        if "retry" in self.now.may:
            self._sent(self._link.retry())

    def action_observe(self) -> None:
        if "observe" in self.now.may:
            self._sent(self._link.observe(not self.now.observe))

    def action_copy(self) -> None:
        commands = self._commands()
        if commands:
            self.app.copy_to_clipboard(commands)
            self._say("Copied, where this terminal allows it.")

    def action_help(self) -> None:
        from cc_guard.panel.help import HelpScreen

        self.app.push_screen(HelpScreen())

    def action_close(self) -> None:
        self.post_message(self.Closed())

    def action_colours(self) -> None:
        from cc_guard.panel.theme import DARK, LIGHT

        self.app.theme = DARK if self.app.theme == LIGHT else LIGHT

    def _sent(self, sent: bool) -> None:
        if not sent:
            self._say("Not done: there is no contact to the session's watcher.")

    def _commands(self) -> str:
        """What is shown for people to do themselves."""
        if self.now.question is not None:
            return self.now.question.text
        incident = self.now.incident
        if incident is None:
            return ""
        told = [deed.detail for deed in incident.deeds if deed.status == "suggested"]
        return "\n".join([*incident.fix, *told])
