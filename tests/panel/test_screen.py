"""The screen in place of a held client: its picture, its panel, its keys."""

import asyncio
import os
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.pilot import Pilot

from cc_guard.panel import theme, view
from cc_guard.panel.frozen import segments
from cc_guard.panel.screen_app import LaterLink, ScreenApp, colours
from tests.panel.guard import Guard

PICTURE = (
    "\x1b[0m\x1b[38;2;255;0;0m● red\x1b[0m and \x1b[1m\x1b[48;5;4mbold on blue\x1b[0m\n❯ \x1b[0m\n"
    + "─" * 200
)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class Stage:
    def __init__(self, app: ScreenApp, pilot: Pilot[None], guard: Guard, pipe: int) -> None:
        self.app, self.pilot, self.guard, self._pipe = app, pilot, guard, pipe

    def rows(self) -> list[str]:
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    def cells(self, row: int) -> list[Segment]:
        return list(self.app.screen._compositor.render_strips()[row])

    async def picture(self, picture: str = PICTURE) -> None:
        os.write(self._pipe, zlib.compress(picture.encode()))
        self.end()

    def end(self) -> None:
        os.close(self._pipe)
        self._pipe = -1

    async def until(self, *words: str) -> None:
        for _ in range(500):
            text = "\n".join(self.rows())
            if all(word in text for word in words):
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"{words}:\n" + "\n".join(self.rows()))


@asynccontextmanager
async def playing(
    folder: Path, scene: str = "held", size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Stage]:
    guard = Guard(str(folder / "g.sock"))
    await guard.door.open()
    guard.show(scene, live=True)
    reads, pipe = os.pipe()
    app = ScreenApp(reads, LaterLink(str(folder / "g.sock"), os.getpid()), theme.DARK)
    try:
        async with asyncio.timeout(60), app.run_test(size=size) as pilot:
            yield Stage(app, pilot, guard, pipe)
    finally:
        await guard.door.close()
        os.close(reads)


def test_left_the_picture_and_right_the_panel(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path) as stage:
            assert not stage.guard.door.watched, "until it has a picture it is no panel"
            await stage.picture()
            await stage.until("PAUSED", "release")
            rows = stage.rows()
            assert rows[0].startswith("● red and bold on blue ")
            assert rows[1].startswith("❯ ")
            assert rows[2].startswith("─" * 72)
            assert "─" * 73 not in rows[2]
            first, _, third = stage.cells(0)[:3]
            assert first.style is not None
            assert first.style.color == Color.from_rgb(255, 0, 0)
            assert third.style is not None
            assert third.style.bgcolor == Color.from_ansi(4), "the terminal's own blue"
            assert third.style.bold
            assert stage.guard.door.watched

    asyncio.run(story())


@pytest.mark.parametrize("size", [(60, 12), (80, 24), (200, 60)])
def test_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with playing(tmp_path, size=size) as stage:
            await stage.picture()
            await stage.until("PAUSED", "release")
            right = [row[-28:] for row in stage.rows()]
            assert any("PAUSED" in row for row in right) or size[0] >= 80
            assert stage.rows()[0].startswith("● red and bold")
            blank = sum(not row.strip("▌ ") for row in (row[size[0] * 3 // 5 :] for row in stage.rows()[:10]))
            assert blank <= 4, "\n".join(stage.rows())

    asyncio.run(story())


@pytest.mark.parametrize(("key", "answer"), [("y", "yes"), ("N", "never")])
def test_a_question_is_answered(
    tmp_path: Path, key: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "_UNREAD_S", 0.0)

    async def story() -> None:
        async with playing(tmp_path, "asking") as stage:
            await stage.picture()
            await stage.until("ASKS")
            await stage.pilot.press(key)
            for _ in range(200):
                if stage.guard.asked:
                    break
                await stage.pilot.pause(0.02)
            assert stage.guard.asked == [("answer", "q1", answer)]

    asyncio.run(story())


@pytest.mark.parametrize("key", ["escape", "q"])
def test_closed(tmp_path: Path, key: str) -> None:
    async def story() -> None:
        async with playing(tmp_path) as stage:
            await stage.picture()
            await stage.until("PAUSED")
            await stage.pilot.press("question_mark")
            await stage.until("This help")
            await stage.pilot.press("escape")
            await stage.pilot.pause(0.1)
            assert stage.app.is_running, "this Escape was for the help"
            await stage.pilot.press(key)
            await stage.pilot.pause(0.2)
            assert stage.app._exit
            assert stage.guard.asked == []

    asyncio.run(story())


def test_not_needed(tmp_path: Path) -> None:
    async def story() -> None:
        async with playing(tmp_path) as stage:
            stage.end()
            await stage.pilot.pause(0.2)
            assert stage.app._exit

    asyncio.run(story())


@pytest.mark.parametrize(
    ("sgr", "style"),
    [
        ("38;2;1;2;3", "rgb(1,2,3)"),
        ("38;5;200", "color(200)"),
        ("31", "color(1)"),
        ("91", "color(9)"),
        ("48;5;200", "on color(200)"),
        ("101", "on color(9)"),
        ("2", "dim"),
        ("4:3", "underline"),
        ("7", "reverse"),
        ("9", "strike"),
        ("58;2;1;2;3", ""),
    ],
)
def test_sgr(sgr: str, style: str) -> None:
    (found,) = segments(f"\x1b[0m\x1b[{sgr}mx")
    assert str(found.style) == str(Style.parse(style)).replace("rgb(1,2,3)", "#010203")


@given(st.text(alphabet=st.sampled_from("\x1b[]0123456789;:m?hxA\x07\\日\t\x00")))
def test_nothing_but_text_gets_through(row: str) -> None:
    assert all(segment.text.isprintable() for segment in segments(row))


@pytest.mark.parametrize(
    ("content", "back", "wanted"),
    [
        ('{"theme": "light-daltonized"}', "", theme.LIGHT),
        ('{"theme": "dark"}', "0;15", theme.DARK),
        ('{"theme": "auto"}', "0;15", theme.LIGHT),
        ("[]", "15;0", theme.DARK),
        ("{", "", theme.DARK),
        ("", "", theme.DARK),
    ],
)
def test_colours(
    content: str, back: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("COLORFGBG", back)
    if content:
        (tmp_path / ".claude.json").write_text(content)
    assert colours() == wanted
