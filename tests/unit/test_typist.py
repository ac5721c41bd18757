"""Typing into the client: text, a look, Enter; and everything that stops it."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from cc_guard.guard import typist
from cc_guard.guard.typist import Typist


class Port:
    """The relay's side, which only notes what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def type_text(self, offset: int, quiet_s: float, text: bytes) -> None:
        self.calls.append(("text", offset, quiet_s, text))

    def submit(self, offset: int, quiet_s: float) -> None:
        self.calls.append(("submit", offset, quiet_s))

    def erase(self) -> None:
        self.calls.append(("erase",))

    def of(self, kind: str) -> int:
        return sum(call[0] == kind for call in self.calls)


class World:
    def __init__(self) -> None:
        self.port = Port()
        self.frames = SimpleNamespace(offset=7, complete=True, stale=False)
        self.box = ""
        self.ends: list[tuple[bool, str]] = []
        self.wanted = True
        self.typist = Typist(
            self.port,  # type: ignore[arg-type]
            self.frames,  # type: ignore[arg-type]
            lambda text: self.box == text,
            lambda ok, why: self.ends.append((ok, why)),
            lambda: self.wanted,
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


def play(story: Callable[[World], Awaitable[None]]) -> World:
    async def run() -> World:
        world = World()
        await story(world)
        return world

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typist, "_BREATH_S", 0.05)
    monkeypatch.setattr(typist, "_SHOWN_WITHIN_S", 0.4)
    monkeypatch.setattr(typist, "_OVER_S", 1.0)
    monkeypatch.setattr(typist, "_RETRY_S", 0.01)


def test_enter_follows_when_the_words_stand_in_the_box() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        assert world.port.calls == [("text", 7, 3.0, b"continue")]
        world.typist.event(["typed", "text"])
        world.frames.offset = 20
        world.box = "continue"
        await world.until(lambda: world.port.of("submit") == 1)
        assert world.port.calls[-1] == ("submit", 20, 3.0)
        world.typist.event(["typed", "submit"])
        assert world.ends == [(True, "")]
        assert not world.typist.busy

    play(story)


def test_no_enter_before_the_words_show_and_they_are_taken_away_again() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        world.typist.event(["typed", "text"])
        world.box = "continuex"
        await world.until(lambda: world.port.of("erase") == 1)
        assert world.port.of("submit") == 0
        world.typist.event(["erased", "asked"])
        assert world.ends == [(False, "the input box did not show the words")]

    play(story)


def test_the_user_types_in_between() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        world.typist.event(["typed", "text"])
        world.typist.event(["erased", "key"])
        assert world.ends == [(False, "you are typing")]
        world.box = "continue"
        await asyncio.sleep(0.2)
        assert world.port.of("submit") == 0

    play(story)


def test_output_in_between_is_no_reason_to_give_up() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        world.typist.event(["untyped", "output"])
        await world.until(lambda: world.port.of("text") == 2)
        world.typist.event(["typed", "text"])
        world.box = "continue"
        await world.until(lambda: world.port.of("submit") == 1)
        world.typist.event(["untyped", "output"])
        await world.until(lambda: world.port.of("submit") == 2)
        world.typist.event(["typed", "submit"])
        assert world.ends == [(True, "")]

    play(story)


def test_output_without_end_is_given_up() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        world.frames.complete = False
        world.typist.event(["untyped", "output"])
        await world.until(lambda: bool(world.ends))
        assert world.ends == [(False, "the screen does not come to rest")]

    play(story)


@pytest.mark.parametrize("reason", ["key", "held", "background", "content"])
def test_a_refusal_is_told(reason: str) -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        world.typist.event(["untyped", reason])
        assert len(world.ends) == 1
        assert not world.ends[0][0]
        assert world.ends[0][1]

    play(story)


def test_a_refused_enter_takes_the_words_away() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        world.typist.event(["typed", "text"])
        world.box = "continue"
        await world.until(lambda: world.port.of("submit") == 1)
        world.typist.event(["untyped", "key"])
        assert world.port.of("erase") == 1
        world.typist.event(["erased", "asked"])
        assert not world.ends[0][0]

    play(story)


def test_a_relay_that_says_nothing_is_not_waited_for() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        await world.until(lambda: bool(world.ends))
        assert world.ends == [(False, "the relay does not answer")]
        world.typist.event(["typed", "submit"])
        assert len(world.ends) == 1

    play(story)


def test_words_that_are_not_wanted_any_more_are_taken_away_and_never_submitted() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        world.typist.event(["typed", "text"])
        world.box = "continue"
        world.wanted = False
        await world.until(lambda: world.port.of("erase") == 1)
        assert world.port.of("submit") == 0
        world.typist.event(["erased", "asked"])
        assert world.ends[0][0] is False

    play(story)


def test_the_clock_of_one_text_does_not_end_the_next() -> None:
    async def story(world: World) -> None:
        world.typist.type("continue")
        await asyncio.sleep(0.7)
        world.typist.type("continue")
        await asyncio.sleep(0.5)
        assert world.ends == []

    play(story)
