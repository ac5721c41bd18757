"""The guard's socket and `cc-guard answer`: who gets in, what they may say, and that nobody can block it."""

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard import cli, paths
from cc_guard.commands import answer
from cc_guard.guard import door
from cc_guard.guard.door import Door, path_of

QUESTION = {
    "id": "q1",
    "remedy": "ports.widen",
    "title": "Widen the ephemeral port range",
    "level": 3,
    "text": "sudo sysctl -w net.ipv4.ip_local_port_range='32768 60999'",
}


class World:
    def __init__(self, path: Path) -> None:
        self.path = str(path / "g.sock")
        self.asked: list[tuple[Any, ...]] = []
        self.door = Door(self.path, self)

    def answer(self, question: str, answer: str) -> str:
        self.asked.append(("answer", question, answer))
        return "" if question == "q1" else "it is not asked any more"

    def release(self) -> str:
        self.asked.append(("release",))
        return ""

    def retry(self) -> str:
        self.asked.append(("retry",))
        return "Claude Code is not waiting for anything"

    def observe(self, on: bool) -> str:
        self.asked.append(("observe", on))
        return ""

    def code(self, text: str) -> str:
        self.asked.append(("code", text))
        return ""


def play(path: Path, story: Callable[[World], Awaitable[None]]) -> World:
    async def run() -> World:
        world = World(path)
        await world.door.open()
        async with asyncio.timeout(20):
            await story(world)
        await world.door.close()
        return world

    return asyncio.run(run())


async def connect(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(world.path, limit=8 * 1024 * 1024)


async def says(reader: asyncio.StreamReader) -> Any:
    return json.loads(await reader.readline())


def test_the_state_at_once_and_at_every_change(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.door.publish({"phase": "idle"})
        reader, _ = await connect(world)
        assert await says(reader) == {"v": 1, "type": "state", "phase": "idle"}
        world.door.publish({"phase": "idle"})
        world.door.publish({"phase": "held"})
        assert (await says(reader))["phase"] == "held"

    play(tmp_path, story)


def test_an_answer_reaches_the_guard_and_is_answered(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        reader, writer = await connect(world)
        await says(reader)
        for question, ok in (("q1", True), ("q2", False)):
            message = {"v": 1, "type": "answer", "question": question, "answer": "yes"}
            writer.write(json.dumps(message).encode() + b"\n")
            reply = await says(reader)
            assert (reply["type"], reply["ok"]) == ("answered", ok)
        assert world.asked == [("answer", "q1", "yes"), ("answer", "q2", "yes")]

    play(tmp_path, story)


def test_what_else_may_be_asked_for(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        reader, writer = await connect(world)
        await says(reader)
        wanted = (
            {"type": "release"},
            {"type": "retry"},
            {"type": "observe", "on": True},
            {"type": "code", "code": "a#b"},
        )
        replies = []
        for message in wanted:
            writer.write(json.dumps({"v": 1, **message}).encode() + b"\n")
            replies.append(await says(reader))
        assert [(one["to"], one["ok"]) for one in replies] == [
            ("release", True),
            ("retry", False),
            ("observe", True),
            ("code", True),
        ]
        assert replies[1]["why"] == "Claude Code is not waiting for anything"
        assert world.asked == [("release",), ("retry",), ("observe", True), ("code", "a#b")]

    play(tmp_path, story)


def test_who_asks_too_often_is_heard_later_and_nobody_waits(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        _, greedy = await connect(world)
        greedy.write(b'{"v": 1, "type": "release"}\n' * 2000)
        await asyncio.sleep(0.5)
        assert 1 <= len(world.asked) <= 12, "twenty a second"
        reader, writer = await connect(world)
        await says(reader)
        writer.write(b'{"v": 1, "type": "observe", "on": false}\n')
        async with asyncio.timeout(1):
            assert (await says(reader))["to"] == "observe"

    play(tmp_path, story)


def test_it_knows_whether_anybody_is_there(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert not world.door.watched
        reader, writer = await connect(world)
        await says(reader)
        assert world.door.watched
        writer.close()
        async with asyncio.timeout(5):
            while world.door.watched:
                await asyncio.sleep(0.01)

    play(tmp_path, story)


@pytest.mark.parametrize(
    "message",
    [
        {"v": 2, "type": "answer", "question": "q1", "answer": "yes"},
        {"v": 1, "type": "run", "question": "q1", "answer": "rm -rf /"},
        {"v": 1, "type": "answer"},
        {"v": 1, "type": "answer", "question": "q1", "answer": "perhaps"},
        {"v": 1, "type": "answer", "question": {}, "answer": "yes"},
        {"v": 1, "type": "answer", "question": "q1", "answer": ["yes"]},
        {"v": 1, "type": "observe"},
        {"v": 1, "type": "code"},
        {"v": 1, "type": "code", "code": ""},
        {"v": 1, "type": "observe", "on": "true"},
        {"v": 1, "type": ["release"]},
        {"v": 1, "type": {"release": 1}},
        {"type": "release"},
        {"v": 1},
        ["answer"],
        None,
    ],
)
def test_what_is_not_an_answer_does_nothing(tmp_path: Path, message: Any) -> None:
    async def story(world: World) -> None:
        reader, writer = await connect(world)
        await says(reader)
        writer.write(json.dumps(message).encode() + b"\n")
        assert (await says(reader))["ok"] is False
        assert world.asked == []

    play(tmp_path, story)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_noise_does_nothing(tmp_path: Path, noise: bytes) -> None:
    async def story(world: World) -> None:
        _, writer = await connect(world)
        writer.write(noise + b"\n")
        await writer.drain()
        reader, _ = await connect(world)
        assert (await says(reader))["type"] == "state", "others are served"
        assert world.asked == []

    play(tmp_path, story)


def test_a_guest_who_does_not_read_is_dropped_and_nobody_waits(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        slow = socket.socket(socket.AF_UNIX)
        slow.connect(world.path)
        await asyncio.sleep(0.1)
        for number in range(60):
            world.door.publish({"phase": "idle", "text": "x" * 100_000, "n": number})
        await asyncio.sleep(0.1)
        reader, _ = await connect(world)
        assert (await says(reader))["n"] == 59
        assert len(world.door._guests) == 1
        slow.close()

    play(tmp_path, story)


def test_a_line_without_an_end_is_hung_up_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        reader, writer = await connect(world)
        await says(reader)
        writer.write(b"x" * 100_000)
        with pytest.raises((ConnectionError, AssertionError)):
            assert await reader.readline()

    play(tmp_path, story)


def test_too_many_guests_are_turned_away(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        guests = [await connect(world) for _ in range(door._MOST_GUESTS)]
        for reader, _ in guests:
            await says(reader)
        reader, _ = await connect(world)
        with pytest.raises((ConnectionError, AssertionError)):
            assert await reader.readline()

    play(tmp_path, story)


def test_other_users_do_not_get_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        assert stat.S_IMODE(os.stat(world.path).st_mode) == 0o600
        own = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: own + 1)
        reader, _ = await connect(world)
        with pytest.raises((ConnectionError, AssertionError)):
            assert await reader.readline()

    play(tmp_path, story)


def test_the_socket_of_a_guard_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "g.sock"))
    left.close()

    async def story(world: World) -> None:
        reader, _ = await connect(world)
        assert (await says(reader))["type"] == "state"

    world = play(tmp_path, story)
    assert not os.path.exists(world.path)


@contextmanager
def guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *states: dict[str, Any]) -> Iterator[list[Any]]:
    """Guards that live in another thread, one for each state."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    heard: list[Any] = []
    ready, over = threading.Event(), threading.Event()

    class Asked(World):
        def __init__(self, number: int) -> None:
            self.number = number

        def answer(self, question: str, answer: str) -> str:
            heard.append((self.number, question, answer))
            return ""

    async def serve() -> None:
        doors = []
        for number, state in enumerate(states):
            one = Door(path_of(paths.runtime_dir(), 100 + number), Asked(number))
            await one.open()
            one.publish(state)
            doors.append(one)
        ready.set()
        while not over.is_set():
            await asyncio.sleep(0.01)
        for one in doors:
            await one.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield heard
    finally:
        over.set()
        thread.join(10)


def test_answer_shows_the_question_and_gives_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calm = {"session": "aaaa", "question": None}
    with guards(tmp_path, monkeypatch, calm, {"session": "bbbb", "question": QUESTION}) as heard:
        assert answer.main([]) == 0
        shown = capsys.readouterr().out
        assert "Widen the ephemeral port range" in shown
        assert "sudo sysctl -w" in shown, "the exact command"
        assert answer.main(["--json"]) == 0
        assert json.loads(capsys.readouterr().out)["questions"][0]["remedy"] == "ports.widen"
        assert cli.main(["answer", "yes"]) == 0
        assert heard == [(1, "q1", "yes")]


def test_where_several_ask_one_has_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    states = ({"session": "aaaa", "question": QUESTION}, {"session": "bbbb", "question": QUESTION})
    with guards(tmp_path, monkeypatch, *states) as heard:
        assert answer.main(["no"]) == 2
        assert "--session" in capsys.readouterr().err
        assert heard == []
        assert answer.main(["never", "--session", "bb"]) == 0
        assert heard == [(1, "q1", "never")]


def test_nobody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert answer.main(["yes"]) == 1
    assert "No session asks" in capsys.readouterr().out
    assert answer.main(["perhaps"]) == 2
