"""What keys and buttons do, and what the panel does when the guard or the session goes."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_guard.panel import theme, view
from cc_guard.panel.help import HelpScreen
from cc_guard.panel.keys import KEYS
from cc_guard.panel.sessions import Session
from cc_guard.panel.state import Snapshot
from cc_guard.panel.widgets.button import KeyButton
from cc_guard.panel.widgets.section import Section
from tests.panel.guard import Guard
from tests.panel.stage import Stage, StillApp, playing


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def relay() -> Iterator[subprocess.Popen[bytes]]:
    """The process that a session ends with."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(("key", "answer"), [("y", "yes"), ("n", "no"), ("a", "always"), ("N", "never")])
def test_a_question_is_answered_by_a_key(tmp_path: Path, key: str, answer: str) -> None:
    async def story() -> None:
        async with playing(tmp_path, "asking") as stage:
            await stage.pilot.press(key)
            await stage.until(lambda: stage.guard.asked == [("answer", "q1", answer)])

    asyncio.run(story())


@pytest.mark.parametrize("answer", ["yes", "no", "always", "never"])
def test_a_question_is_answered_by_a_button(tmp_path: Path, answer: str) -> None:
    async def story() -> None:
        async with playing(tmp_path, "asking") as stage:
            buttons = {button.panel_action: button for button in stage.view.query(KeyButton)}
            await stage.pilot.click(buttons[f"answer('{answer}')"])
            await stage.until(lambda: stage.guard.asked == [("answer", "q1", answer)])

    asyncio.run(story())


def test_a_question_that_nobody_can_have_read_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "_UNREAD_S", 60.0)

    async def story() -> None:
        async with playing(tmp_path, "calm") as stage:
            stage.guard.show("asking")
            await stage.until(lambda: stage.view.now.question is not None)
            await stage.pilot.press("y")
            await stage.until(lambda: "read it first" in stage.text())
            assert stage.guard.asked == []

    asyncio.run(story())


def test_yes_waits_for_the_exact_command_and_no_does_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "asking") as stage:
            question = {"id": "q2", "title": "Do it", "text": "", "level": 3}
            stage.guard.show("asking", question=question)
            await stage.until(
                lambda: stage.view.now.question is not None and not stage.view.now.question.text
            )
            stage.view._asked_at = -10.0
            await stage.pilot.press("y", "a")
            await stage.until(lambda: "not known yet" in stage.text())
            assert stage.guard.asked == []
            await stage.pilot.press("n")
            await stage.until(lambda: stage.guard.asked == [("answer", "q2", "no")])

    asyncio.run(story())


def test_the_switches(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "held", size=(80, 50)) as stage:
            await stage.pilot.press("r", "t", "o")
            await stage.until(lambda: len(stage.guard.asked) == 3)
            assert stage.guard.asked == [("release",), ("retry",), ("observe", "True")]
            stage.guard.show("held", observe=True)
            await stage.until(lambda: "Observe only: on" in stage.text())
            await stage.pilot.press("o")
            await stage.until(lambda: stage.guard.asked[-1] == ("observe", "False"))

    asyncio.run(story())


def test_keys_that_make_no_sense_now_do_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "calm") as stage:
            await stage.pilot.press("y", "N", "r", "t", "c")
            await stage.pilot.press("o")
            await stage.until(lambda: bool(stage.guard.asked))
            assert stage.guard.asked == [("observe", "True")]

    asyncio.run(story())


def test_why_it_was_not_done_is_said(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "held") as stage:
            stage.guard.refuses = "Claude Code is not paused"
            await stage.pilot.press("r")
            await stage.until(lambda: "Not done: Claude Code is not paused." in stage.text())

    asyncio.run(story())


def test_the_keys_below_can_be_clicked(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "held") as stage:
            await stage.pilot.click("KeyBar", offset=(2, 0))
            await stage.until(lambda: stage.guard.asked == [("release",)])

    asyncio.run(story())


def test_help_and_back_and_colours(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, size=(100, 50)) as stage:
            await stage.pilot.press("question_mark")
            await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))
            for key in KEYS:
                assert key.text in stage.text()
            await stage.pilot.press("escape")
            await stage.until(lambda: not isinstance(stage.app.screen, HelpScreen))
            await stage.pilot.press("d")
            assert stage.app.theme == theme.LIGHT

    asyncio.run(story())


def test_the_palette_has_what_works_now(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "held") as stage:
            titles = [one.title for one in stage.app.get_system_commands(stage.app.screen)]
            assert titles == [key.text for key in KEYS if key.when != "question" and key.action != "palette"]

    asyncio.run(story())


def test_every_key_has_an_action() -> None:
    from cc_guard.panel.view import PanelView

    for key in KEYS:
        name = key.action.partition("(")[0]
        assert name == "palette" or hasattr(PanelView, f"action_{name}"), key
    assert len({key.key for key in KEYS}) == len(KEYS)


def test_the_guard_comes_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "held") as stage:
            await stage.guard.door.close()
            await stage.until(lambda: "NO CONTACT" in stage.text())
            await stage.pilot.press("r")
            other = Guard(str(tmp_path / "g.sock"))
            await other.door.open()
            other.show("recovered")
            await stage.until(lambda: "RECOVERED" in stage.text())
            assert other.asked == [], "what was wanted of the old one is not wanted any more"
            await other.door.close()

    asyncio.run(story())


def test_it_closes_with_the_session(tmp_path: Path, relay: subprocess.Popen[bytes]) -> None:
    async def story() -> None:
        async with playing(tmp_path, "held", relay=relay.pid) as stage:
            relay.kill()
            relay.wait()
            await stage.guard.door.close()
            await stage.until(lambda: stage.app._exit)
            assert stage.app.return_value == "The session is over."

    asyncio.run(story())


def test_many_panels_show_one_session(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "calm") as one:
            app = StillApp([Session(str(tmp_path / "g.sock"), 1, Snapshot())])
            async with app.run_test(size=(28, 40)) as pilot:
                other = Stage(app, pilot, one.guard)
                await other.shows("held")
                await one.until(lambda: "PAUSED" in one.text())

    asyncio.run(story())


def test_text_is_text(tmp_path: Path) -> None:
    """Words of screens, files and tools are no markup and steer no terminal."""

    async def story() -> None:
        async with playing(tmp_path, "asking", size=(100, 40)) as stage:
            odd = "[red]a[/red] [@click=app.quit]b[/] \x1b[31mc\x07"
            question = {"id": "q1", "title": odd, "text": odd, "level": 3}
            stage.guard.show("asking", question=question)
            await stage.until(lambda: "[red]a[/red] [@click=app.quit]b[/] ?[31mc?" in stage.text())

    asyncio.run(story())


def test_a_guard_that_says_odd_things_breaks_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path, "held") as stage:
            odd = {"headline": 5, "route": [], "incident": {"symptom": 7, "fix": {}}, "doing": [None, 3]}
            stage.guard.door.publish({"phase": "strange", "vitals": "none", "question": [], **odd})
            await stage.until(lambda: "STRANGE" in stage.text())
            await stage.shows("calm")
            assert "OK" in stage.text()

    asyncio.run(story())


def test_at_rest_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with playing(tmp_path, "calm") as stage:
            drawn: list[object] = []
            real = Section._draw

            def draw(self: Section) -> None:
                drawn.append(self)
                real(self)

            monkeypatch.setattr(Section, "_draw", draw)
            await asyncio.sleep(2.5)
            assert drawn == []
            await stage.shows("held")
            drawn.clear()
            await asyncio.sleep(2.5)
            assert drawn, "a pause is counted"

    asyncio.run(story())


@pytest.mark.parametrize("width", [28, 40, 57, 76, 99, 120])
def test_nothing_is_cut_at_the_right(tmp_path: Path, width: int) -> None:
    """Every word of the verdict and the question can be read at any width."""

    async def story() -> None:
        async with playing(tmp_path, "asking", size=(width, 120)) as stage:
            shown = "".join(stage.text().replace("▌", "").replace("│", "").split())
            for words in ("Widentherangeoflocalports?", "Answerthequestion:y,n,aorN."):
                assert words in shown or width >= 76, stage.text()
            for one in ("y", "n"):
                assert f"({one})" in stage.text()

    asyncio.run(story())
