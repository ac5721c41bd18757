"""What the keys do and what the words mean."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from cc_guard.panel.keys import KEYS, SCROLLING
from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.page import DIM, MARKS, TONES, Page
from cc_guard.panel.widgets.section import Section

_WORDS = (
    ("OK", "ok", "Claude Code gets its answers."),
    ("RETRYING", "warn", "a request failed, Claude Code tries again by itself"),
    ("PAUSED", "bad", "the API is gone; Claude Code waits and loses no retries"),
    ("GOING ON", "busy", "the API is back, and Claude Code has been let go on"),
    ("NO ANSWER", "bad", "Claude Code waits and notices nothing; the API is gone"),
    ("GAVE UP", "bad", "Claude Code stopped trying; cc-guard tells it to go on"),
    ("WAITING", "busy", "the API is back; cc-guard tells it to go on when it can"),
    ("ASKS YOU", "ask", "something can be done, if you say yes"),
    ("HANDS OFF", "off", "you took over, or it did not help: cc-guard only watches"),
    ("NO CONTACT", "off", "the watcher is being restarted; Claude Code runs on"),
)
_SIGNS = (
    ("pass", "works"),
    ("warn", "works, but look at it"),
    ("fail", "does not work"),
    ("skip", "not reached, or not known"),
    ("na", "not used here"),
)
_KEYS_WIDTH, _WORDS_WIDTH, _ROOMY = 5, 12, 50


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar = [("escape,question_mark,q,enter", "back", "Back")]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield _Text()

    def on_mount(self) -> None:
        self.query_one(_Text).show(Snapshot(), 0.0)

    def action_back(self) -> None:
        self.dismiss()


class _Text(Section):
    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        page.line(("Keys", f"bold {DIM}"))
        for key in KEYS:
            page.words(key.text, "", (key.shown.ljust(_KEYS_WIDTH), "bold $primary"))
        page.words(SCROLLING, DIM)
        page.line()
        page.line(("Words", f"bold {DIM}"))
        for word, tone, text in _WORDS:
            if page.width < _ROOMY:
                page.line((word, f"bold {TONES[tone]}"))
                page.words(text, "", ("  ", ""))
            else:
                page.words(text, "", (word.ljust(_WORDS_WIDTH), f"bold {TONES[tone]}"))
        page.line()
        page.line(("Signs", f"bold {DIM}"))
        for name, text in _SIGNS:
            sign, style = MARKS[name]
            page.words(text, "", (sign.ljust(_KEYS_WIDTH), style))
        page.line()
        page.words("Esc: back. `cc-guard doctor` looks for a cause at any time.", DIM)
