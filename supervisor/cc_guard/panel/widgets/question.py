"""What cc-guard asks: what it would do, to the exact command, and the four answers."""

from textual.app import ComposeResult
from textual.containers import Container, Vertical

from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.button import KeyButton
from cc_guard.panel.widgets.page import DIM, Page
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import LEVELS, span

_VARIANTS = {"yes": "good", "no": "plain", "always": "good", "never": "plain"}
_LABELS = {"yes": ("Yes", "y"), "no": ("No", "n"), "always": ("Always", "a"), "never": ("Never", "N")}


class QuestionView(Vertical):
    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._text = _Text()
        self._buttons = {
            answer: KeyButton(label, key, f"answer('{answer}')", _VARIANTS[answer])
            for answer, (label, key) in _LABELS.items()
        }

    def compose(self) -> ComposeResult:
        yield self._text
        with Container(id="answers"):
            yield from self._buttons.values()

    def show(self, now: Snapshot, clock: float) -> None:
        self.display = now.question is not None
        for answer in ("yes", "always"):
            self._buttons[answer].disabled = now.question is None or not now.question.text
        self._text.show(now, clock)


class _Text(Section):
    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        question = now.question
        if question is None:
            return
        page.words(f"{question.title}?", "bold $accent")
        page.words(question.text or "The exact command is being put together …", "" if question.text else DIM)
        page.words(LEVELS.get(question.level, ""), DIM)
        left = f" No answer within {span(question.until - clock)} is a no." if question.until else ""
        page.words(f"{question.remedy}. “Always” and “never” hold for this session.{left}", DIM)
