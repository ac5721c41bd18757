"""Starting the client anew: what becomes of the draft that stood in its input box."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cc_guard.detect.prompt import PromptBox
from cc_guard.guard import reviver
from cc_guard.guard.reviver import Reviver

SESSION = "6f5902ac-237c-4b6e-9b8b-1a2b3c4d5e6f"


class Port:
    """The relay's side, which only notes what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def restart(self, argv: list[str], changes: dict[str, str | None] | None = None) -> None:
        self.calls.append(("restart", argv))

    def admit(self, offset: int, keep: bool) -> None:
        self.calls.append(("admit", keep))

    def type_draft(self, offset: int, quiet_s: float, text: bytes, bracketed: bool) -> None:
        self.calls.append(("draft", text))

    def of(self, kind: str) -> int:
        return sum(call[0] == kind for call in self.calls)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = Port()
        self.box: PromptBox | None = PromptBox("draft", text="half a thought")
        self.looks = 0
        self.unreadable = 0
        self.new_clients = 0
        self.ends: list[tuple[bool, str, bool]] = []
        self.reviver = self.guard()

    def guard(self) -> Reviver:
        frames = SimpleNamespace(offset=7, screen=SimpleNamespace(bracketed_paste=True))
        found = Reviver(
            self.port,  # type: ignore[arg-type]
            frames,  # type: ignore[arg-type]
            self._look,
            self._started,
            lambda ok, why, later: self.ends.append((ok, why, later)),
            str(self.folder),
        )
        found.words = ["claude", "--verbose"]
        return found

    def _look(self) -> PromptBox | None:
        self.looks += 1
        if self.unreadable:
            self.unreadable -= 1
            raise ValueError("a picture that nobody has thought of")
        return self.box

    def _started(self) -> None:
        self.new_clients += 1

    def restart(self) -> None:
        self.reviver.restart(SESSION, (2, 1, 330))

    def kept(self) -> str:
        file = self.folder / "draft"
        return file.read_text() if file.exists() else ""

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
def play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    monkeypatch.setattr(reviver, "_LOOK_S", 0.01)

    def run(story: Callable[[World], Awaitable[None]]) -> None:
        async def told() -> None:
            await story(World(tmp_path))

        asyncio.run(told())

    return run


Play = Callable[[Callable[[World], Awaitable[None]]], None]


def test_the_draft_is_kept_and_given_back(play: Play) -> None:
    async def story(world: World) -> None:
        world.restart()
        assert world.kept() == "half a thought"
        world.reviver.event(["restarted", "42"])
        world.box = PromptBox("empty", text="")
        await world.until(lambda: ("admit", True) in world.port.calls)
        world.reviver.event(["admitted", "0"])
        assert world.ends == [(True, "", False)]
        world.reviver.give_back()
        assert world.port.calls[-1] == ("draft", b"half a thought")
        world.reviver.event(["typed", "draft"])
        assert (world.reviver.draft, world.kept()) == ("", "")

    play(story)


def test_a_refused_restart_leaves_the_draft_where_it_is(play: Play) -> None:
    async def story(world: World) -> None:
        world.restart()
        world.reviver.event(["unrestarted", "key"])
        assert world.ends == [(False, "you are typing", True)]
        assert (world.reviver.draft, world.kept()) == ("", "")

    play(story)


def test_a_second_restart_that_is_refused_does_not_cost_the_draft_of_the_first(play: Play) -> None:
    async def story(world: World) -> None:
        world.restart()
        world.reviver.event(["restarted", "42"])
        world.reviver.event(["dropped", "0"])
        world.box = PromptBox("empty", text="")
        world.restart()
        world.reviver.event(["unrestarted", "key"])
        assert (world.reviver.draft, world.kept()) == ("half a thought", "half a thought")

    play(story)


def test_a_restart_that_is_under_way_keeps_its_draft(play: Play) -> None:
    async def story(world: World) -> None:
        world.restart()
        world.restart()
        world.reviver.event(["unrestarted", "restarting"])
        assert world.kept().startswith("half a thought")

    play(story)


def test_a_second_draft_comes_behind_the_first(play: Play) -> None:
    async def story(world: World) -> None:
        world.restart()
        world.reviver.event(["restarted", "42"])
        world.reviver.event(["dropped", "0"])
        world.box = PromptBox("draft", text="another one")
        world.restart()
        world.reviver.event(["restarted", "43"])
        assert world.kept() == "half a thought\nanother one"

    play(story)


def test_a_relay_that_was_stopped_refuses_late(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-Z and `fg` the user types: the draft stands in its box, and is not given back."""
    monkeypatch.setattr(reviver, "_ANSWER_S", 0.05)

    async def story(world: World) -> None:
        world.restart()
        await world.until(lambda: bool(world.ends))
        assert world.ends == [(False, "the relay does not answer", False)]
        world.reviver.event(["unrestarted", "key"])
        assert (world.reviver.draft, world.kept(), len(world.ends)) == ("", "", 1)

    play(story)


def test_a_guard_that_is_new_finds_the_draft_and_hears_of_the_new_client(play: Play) -> None:
    async def story(world: World) -> None:
        world.restart()
        after = world.guard()
        assert after.draft == "half a thought"
        after.event(["restarted", "42"])
        assert world.new_clients == 1
        after.give_back()
        assert world.port.calls[-1] == ("draft", b"half a thought")

    play(story)


def test_a_picture_that_can_not_be_read_does_not_end_the_looking(play: Play) -> None:
    async def story(world: World) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        world.restart()
        world.reviver.event(["restarted", "42"])
        world.unreadable = 3
        world.box = PromptBox("empty", text="")
        await world.until(lambda: world.port.of("admit") == 1)
        world.reviver.event(["admitted", "0"])
        assert world.ends == [(True, "", False)]

    play(story)


def test_a_draft_that_may_not_be_typed_is_not_offered_for_ever(play: Play) -> None:
    async def story(world: World) -> None:
        world.restart()
        world.reviver.event(["restarted", "42"])
        world.reviver.event(["dropped", "0"])
        for _ in range(10):
            world.reviver.give_back()
            world.reviver.event(["untyped", "content"])
        assert world.port.of("draft") == 1
        assert world.kept() == "half a thought"

    play(story)
