"""The relay's abilities with the real clients: words typed, submitted, taken back, and a client begun anew.

The guard is a small one that this test plays itself, so that every moment can be chosen.
"""

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pyghostty
import pytest

from cc_guard.launch.resume import resume_arguments
from cc_guard.launch.version import known_version
from cc_guard.relay import link, typist
from tests.relay.harness import Outer, Word
from tests.relay.scripted import Lobby, ScriptedGuard
from tests.standin.api import StandIn
from tests.support.client import box_shown

pytestmark = pytest.mark.client

WORDS = b"continue"
ROWS, COLUMNS = 36, 110
_BOX = re.compile(r"^(?:│[ \xa0])?[>❯]\xa0(.*?)\s*│?\s*$", re.MULTILINE)
_PLACEHOLDER = ("Try ", "Resend your message")


class Window(Outer):
    """A terminal with a picture, which answers what it is asked."""

    def __init__(self, argv: list[Word], env: dict[str, str], cwd: Path) -> None:
        self._model = pyghostty.Terminal(COLUMNS, ROWS)
        super().__init__(argv, env, cwd, size=(ROWS, COLUMNS, 0, 0))
        self._model.on_reply(lambda reply: self.type(reply))

    def read(self, timeout_s: float, size: int = 65536) -> bytes:
        data = super().read(timeout_s, size)
        if data:
            self._model.feed(data)
        return data

    def screen(self) -> str:
        return str(self._model.text())

    def box(self) -> str:
        """What stands in the input box."""
        found = _BOX.findall(self.screen())
        text = str(found[-1]).replace("\xa0", " ").strip() if found else ""
        return "" if text.startswith(_PLACEHOLDER) else text

    def see(self, holds: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
        try:
            self.until(holds, what, timeout_s)
        except AssertionError:
            raise AssertionError(f"{what}:\n{self.screen()}") from None

    def close(self) -> None:
        super().close()
        self._model.close()


class Session:
    """cc-guard with the real client, on a window, and its guard in our hands."""

    def __init__(
        self, stack: ExitStack, claude: Path, env: dict[str, str], work: Path, api: StandIn, *args: str
    ) -> None:
        self.claude, self.api, self.work = claude, api, work
        self.env = env | {"PATH": f"{claude.parent}:{env['PATH']}", "CLAUDE_CODE_MAX_RETRIES": "1"}
        lobby = stack.enter_context(Lobby())
        argv = lobby.program([str(claude), *args])
        self.window = stack.enter_context(Window(argv, self.env, work))
        self.window.see(lambda: box_shown(self.window.screen()), "no input box", 40)
        self.guard: ScriptedGuard = lobby.guard(self.window)
        self.guard.expect("pid ")
        self.rest(1.5)

    def rest(self, seconds: float = 0.3) -> None:
        self.guard.quiet(seconds)

    def box_is(self, text: str) -> None:
        self.window.see(lambda: self.window.box() == text, f"the box is not {text!r}")

    def prompts(self) -> list[str | None]:
        return [request.prompt for request in self.api.log if request.conversation]

    def ask(self, prompt: str, answer: str) -> None:
        self.write(prompt)
        self.window.type(b"\r")
        self.window.see(lambda: answer in self.window.screen(), f"no {answer!r}")
        self.rest(1.0)

    def write(self, text: str) -> None:
        self.window.type(text.encode())
        self.box_is(text)
        self.rest(0.6)

    def fail(self) -> None:
        """A prompt whose failure is final, and a path that is good again."""
        self.api.set_fault("reset")
        self.write("say hello")
        self.window.type(b"\r")
        self.window.see(lambda: "API Error" in self.window.screen(), "no failure")
        self.window.see(lambda: "etrying" not in self.window.screen(), "still retrying")
        self.rest(1.0)
        self.api.set_fault("none")

    def stand(self) -> None:
        assert self.guard.typed(link.TEXT, WORDS) == "typed text"
        self.box_is("continue")
        self.rest(0.4)

    def restart(self, env: tuple[str, ...] = ()) -> psutil.Process:
        """Into the same conversation; the gate is still shut."""
        words = [word.decode() for word in self.guard.argv]
        args = resume_arguments(words[1:], self.session_id(), known_version(str(self.claude)))
        assert args is not None
        self.rest()
        self.window.pump(3.0)
        self.guard.take()
        self.guard.events.clear()
        self.guard.restart([words[0], *args], *env)
        self.guard.expect("restarting")
        return psutil.Process(int(self.guard.expect("restarted ").split()[1]))

    def session_id(self) -> str:
        words = [word.decode() for word in self.guard.argv]
        for option in ("--session-id", "--resume"):
            if option in words:
                return words[words.index(option) + 1]
        raise AssertionError(words)

    def leave(self) -> int:
        self.window.type(b"\x03")
        self.window.see(lambda: "again to exit" in self.window.screen(), "no hint")
        self.window.type(b"\x03")
        return self.window.wait()


@pytest.fixture
def session(
    claude: Path, client_env: dict[str, str], work: Path, standin: StandIn
) -> Iterator[Callable[..., Session]]:
    with ExitStack() as stack:

        def open_(*args: str) -> Session:
            return Session(stack, claude, client_env, work, standin, *args)

        yield open_


older_ones_take_long = pytest.mark.parametrize(
    "version", ["2.1.330", *(pytest.param(old, marks=pytest.mark.long) for old in ("2.0.60", "1.0.120"))]
)

# Words and Enter


def test_a_nudge_after_a_final_failure(session: Callable[..., Session]) -> None:
    one = session()
    one.fail()
    before = len(one.prompts())
    one.rest(3.0)  # as long as the guard waits after a key
    one.stand()
    assert one.guard.typed(link.SUBMIT, quiet_s=3.0) == "typed submit"
    one.window.see(lambda: len(one.prompts()) > before, "no request")
    one.window.pump(typist.STANDS_S)
    assert one.prompts()[before:] == ["continue"], "exactly one request"
    one.box_is("")
    one.write("still mine")


@older_ones_take_long
def test_a_key_between_words_and_enter(session: Callable[..., Session]) -> None:
    """Whenever it comes, the box holds what the user typed and nothing else."""
    one = session()
    one.fail()
    before = len(one.prompts())
    for round_, wait_s in enumerate((0.0, 0.003, 0.01, 0.03, 0.1, 0.4, 1.0)):
        assert one.guard.typed(link.TEXT, WORDS) == "typed text"
        one.window.pump(wait_s)
        word = f"word{round_}"
        one.window.type(word[:1].encode())
        one.window.pump(0.01 * round_)
        one.window.type(word[1:].encode())
        assert one.guard.expect("erased") == "erased key"
        one.box_is(word)
        one.rest(0.5)
        assert one.window.box() == word
        assert one.guard.typed(link.SUBMIT) == "untyped nothing"
        one.window.type(b"\x7f" * len(word))
        one.box_is("")
        one.rest(0.4)
    assert one.prompts()[before:] == []
    one.ask("say mine", "● mine")
    assert one.prompts()[before:] == ["say mine"]


@older_ones_take_long
def test_a_key_right_behind_enter(session: Callable[..., Session]) -> None:
    one = session()
    one.fail()
    before = len(one.prompts())
    one.stand()
    assert one.guard.typed(link.SUBMIT) == "typed submit"
    one.window.type(b"abc")
    one.box_is("abc")
    one.window.see(lambda: one.prompts()[before:] == ["continue"], "no request")


@older_ones_take_long
def test_words_that_nobody_submits(session: Callable[..., Session]) -> None:
    """Taken back without a trace: neither in the box nor offered for pasting."""
    one = session()
    one.stand()
    assert one.guard.expect("erased") == "erased late"
    one.box_is("")
    one.rest(0.5)
    assert "to paste" not in one.window.screen()
    long = b"a longer sentence that says in many words that the work should go on, " * 2
    assert one.guard.typed(link.TEXT, long) == "typed text"
    one.window.see(lambda: one.window.box().startswith("a longer"), "not typed")
    one.guard.type(link.ERASE)
    one.box_is("")
    one.write("mine")


@older_ones_take_long
def test_a_draft_is_given_back(session: Callable[..., Session]) -> None:
    one = session()
    draft = "a first line\nund eine größere zweite"
    assert one.guard.typed(link.PASTE, draft.encode()) == "typed draft"
    one.box_is("a first line")
    one.window.type(b".")
    one.window.see(lambda: "  und eine größere zweite." in one.window.screen(), "not pasted")
    one.window.pump(typist.STANDS_S)
    one.window.type(b"\r")
    one.window.see(lambda: bool(one.prompts()), "no request")
    assert one.prompts() == [f"{draft}."]


# Another client


@older_ones_take_long
def test_a_restart_goes_on_with_the_conversation(session: Callable[..., Session]) -> None:
    """After a failure, with what the user types meanwhile; twice; and then the terminal is as it was."""
    one = session("--session-id", "0b5c9a34-9d2e-4c3e-8f57-3a1f0d5c1a11", "say first")
    one.window.see(lambda: "● first" in one.window.screen(), "no answer")
    one.rest(2.0)
    one.fail()
    first = one.window.client()
    second = one.restart()
    one.window.type(b"typed meanwhile")
    shown = len(one.window.output)
    one.window.see(lambda: b"first" in one.window.output[shown:] and box_shown(one.window.screen()), "no box")
    one.rest(0.5)
    assert not first.is_running()
    assert one.window.client().pid == second.pid
    assert one.window.box() == ""
    assert "● first" in one.window.screen()
    assert one.guard.admit(True) == "admitted 15"
    one.box_is("typed meanwhile")
    one.window.type(b"\x7f" * 15)
    one.box_is("")
    one.rest()
    assert one.guard.output == one.window.output

    before = len(one.prompts())
    one.ask("say second", "● second")
    assert one.prompts()[before:] == ["say second"]
    sent = _last_conversation(one.api)
    assert "say first" in sent
    assert "say second" in sent

    third = one.restart()
    one.window.see(lambda: box_shown(one.window.screen()), "no box")
    one.rest(1.0)
    assert one.guard.admit(True) == "admitted 0"
    assert one.window.client().pid == third.pid
    one.window.resize(ROWS - 3, COLUMNS - 20)
    one.window._model.resize(COLUMNS - 20, ROWS - 3)
    one.window.see(lambda: max(map(len, one.window.screen().splitlines())) <= COLUMNS - 20, "not resized")
    one.ask("say third", "● third")
    one.guard.hold()
    one.guard.release()
    one.guard.expect("released")
    assert one.leave() == 0
    assert one.window.restored
    assert one.window.unread() == b""


@older_ones_take_long
def test_nothing_remains_when_the_relay_is_killed_after_a_restart(session: Callable[..., Session]) -> None:
    one = session("--session-id", "0b5c9a34-9d2e-4c3e-8f57-3a1f0d5c1a11", "say first")
    one.window.see(lambda: "● first" in one.window.screen(), "no answer")
    one.rest(2.0)
    one.restart()
    one.window.pump(1.0)
    one.window.relay().send_signal(signal.SIGKILL)
    one.window.wait()
    one.guard.close()
    one.window.nothing_remains(10)
    assert one.window.restored


def _last_conversation(api: StandIn) -> str:
    requests: list[Any] = [request for request in api.log if request.conversation]
    return str(requests[-1].body)
