"""Remedies one after the other, for as long as their incident lasts; a remedy's own failure is an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cc_guard.guard.medic import Medic
from cc_guard.guard.signin import SignIn
from cc_guard.remedies import ask


class Hands:
    """Remedies that take until `go`, and what was asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.go = asyncio.Event()
        self.plan: dict[str, Any] = {"status": "dry", "text": "what would be done"}

        async def run(remedy: str, request: Any) -> ask.Row:
            self.done.append(remedy)
            if remedy == "broken":
                raise TypeError("of a secret value")
            await self.go.wait()
            return {"status": "ok", "detail": f"{remedy} done"}

        async def plan(remedy: str, request: Any) -> ask.Row:
            return self.plan

        async def undo(session: int, until: str | None = None) -> list[ask.Row]:
            self.done.append(f"undo {until}")
            return []

        monkeypatch.setattr(ask, "run", run)
        monkeypatch.setattr(ask, "plan", plan)
        monkeypatch.setattr(ask, "undo", undo)


class World:
    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.ran: list[tuple[str, str, str]] = []
        self.sign_in = SignIn("/nowhere/claude")
        self.medic = Medic((), self.sign_in, lambda *what: self.ran.append(what[:3]))

    def run(self, remedy: str) -> None:
        self.medic.run(remedy, True, None, (), False, ())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


def play(monkeypatch: pytest.MonkeyPatch, story: Callable[[World], Awaitable[None]]) -> list[Any]:
    mishaps: list[Any] = []

    async def told() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: mishaps.append(context))
        await story(World(Hands(monkeypatch)))

    asyncio.run(told())
    return mishaps


def test_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        world.run("one")
        world.run("two")
        await world.until(lambda: world.hands.done == ["one"])
        await asyncio.sleep(0.05)
        assert world.hands.done == ["one"]
        world.hands.go.set()
        await world.until(lambda: len(world.ran) == 2)
        assert world.ran == [("one", "ok", "one done"), ("two", "ok", "two done")]

    play(monkeypatch, story)


def test_what_has_not_begun_when_its_incident_ends_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        world.run("one")
        world.run("two")
        await world.until(lambda: world.hands.done == ["one"])
        world.medic.undo()
        world.run("three")
        world.hands.go.set()
        await world.until(lambda: "three" in world.hands.done)
        assert world.hands.done == ["one", "undo incident", "three"]
        await world.until(lambda: len(world.ran) == 1)
        assert world.ran == [("three", "ok", "three done")], "the others belong to an incident that is over"

    play(monkeypatch, story)


def test_a_remedy_that_breaks_has_failed_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        world.hands.go.set()
        world.run("broken")
        world.run("two")
        await world.until(lambda: len(world.ran) == 2)
        assert world.ran[0] == ("broken", "failed", "cc-guard itself failed here (TypeError)")
        assert world.ran[1] == ("two", "ok", "two done")

    mishaps = play(monkeypatch, story)
    assert isinstance(mishaps[0]["exception"], TypeError), "it is in the log"


@pytest.mark.parametrize("status", ["unfit", "failed", "refused"])
def test_nobody_is_asked_about_what_can_not_be_shown(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    async def story(world: World) -> None:
        said: list[str] = []
        world.medic.describe("ports.widen", None, said.append)
        await world.until(lambda: bool(said))
        assert said == ["what would be done"]
        world.hands.plan = {"status": status, "detail": "no"}
        world.medic.describe("ports.widen", None, said.append)
        await world.until(lambda: bool(world.ran))
        assert world.ran == [("ports.widen", "unfit", "no")]
        assert len(said) == 1

    play(monkeypatch, story)


@pytest.mark.parametrize("apply", [True, False])
def test_a_client_to_which_auth_is_a_prompt_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, apply: bool
) -> None:
    async def story(world: World) -> None:
        async def why_not() -> str:
            return "this version signs in by /login alone"

        async def never() -> tuple[bool, str]:
            raise AssertionError("signed in")

        monkeypatch.setattr(world.sign_in, "why_not", why_not)
        monkeypatch.setattr(world.sign_in, "run", never)
        if apply:
            world.run("auth.login")
        else:
            world.medic.describe("auth.login", None, lambda _: None)
        await world.until(lambda: bool(world.ran))
        assert world.ran == [("auth.login", "unfit", "this version signs in by /login alone")]

    play(monkeypatch, story)


def test_the_end_of_the_incident_ends_the_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        over = asyncio.Event()

        async def why_not() -> str:
            return ""

        async def run() -> tuple[bool, str]:
            await over.wait()
            return False, "cancelled"

        monkeypatch.setattr(world.sign_in, "why_not", why_not)
        monkeypatch.setattr(world.sign_in, "run", run)
        monkeypatch.setattr(world.sign_in, "cancel", over.set)
        world.run("auth.login")
        await asyncio.sleep(0.05)
        world.medic.undo()
        await world.until(lambda: world.hands.done == ["undo incident"])

    play(monkeypatch, story)
