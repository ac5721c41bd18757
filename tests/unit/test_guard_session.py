"""The whole guard between a relay made of two pipes, a terminal made of strings, and real sockets.

What is tested here is when the client is stopped, when it is not, and that it always goes on again.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cc_guard import settings_cache
from cc_guard.channels.transcript import transcript_path
from cc_guard.guard import diagnosis
from cc_guard.guard.arguments import Arguments
from cc_guard.guard.journal import Journal
from cc_guard.guard.session import GuardSession
from cc_guard.history import History
from cc_guard.incident import machine
from cc_guard.incident.record import Incident
from cc_guard.relay import link
from tests.support.peers import Handler, Peer, resets, silent, status

SESSION = "8f23cbea-0f3e-47ee-9d83-0814c897ebf0"
PATIENCE_S = 20.0
QUIET_S = 0.6  # long enough for everything that would happen at once

RULE = "─" * 80
BOX = [RULE, "❯\xa0", RULE, "  ⏸ manual mode on · esc to interrupt"]
RED, GREY, PLAIN = "\x1b[38;2;255;107;128m", "\x1b[38;2;153;153;153m", "\x1b[m"
MENU = ["Do you want to proceed?", " ❯ 1. Yes", "   2. No", "", " Esc to cancel"]
SPINNER = "✻ Pondering… (esc to interrupt)"


def retry_row(attempt: int, wait: int = 9) -> str:
    row = f" · retrying in {wait}s · attempt {attempt}/10"
    return f"{RED}✻ Connection dropped (ECONNRESET){GREY}{row}{PLAIN}"


def picture(*rows: str, box: bool = True) -> bytes:
    text = "\r\n".join(["❯ say back again", "", *rows, "", *(BOX if box else [])])
    return f"\x1b[?2026h\x1b[2J\x1b[H{text}\x1b[?2026l".encode()


class Relay:
    """The relay's end of the link; holds are granted at once, or never."""

    def __init__(self, grants: bool = True) -> None:
        self.grants = grants
        self.heard: list[int] = []
        self.payloads: dict[int, bytes] = {}
        self.offset = 0
        from_guard, guard_writes = os.pipe()
        guard_reads, self._to_guard = os.pipe()
        self._from_guard = from_guard
        self.guards_ends = (guard_reads, guard_writes)
        self._decoder = link.Decoder()
        os.set_blocking(from_guard, False)
        asyncio.get_running_loop().add_reader(from_guard, self._read)

    def _read(self) -> None:
        data = os.read(self._from_guard, 65536)
        if not data:
            asyncio.get_running_loop().remove_reader(self._from_guard)
        for kind, payload in self._decoder.feed(data):
            self.heard.append(kind)
            self.payloads[kind] = payload
            if kind == link.HOLD and self.grants:
                asked = link.OFFSET.unpack_from(payload)[0]
                self.event(f"held {asked}" if asked == self.offset else "refused")
            elif kind == link.RELEASE:
                self.event("released guard")

    def send(self, kind: int, payload: bytes = b"") -> None:
        os.write(self._to_guard, link.frame(kind, payload))

    def event(self, words: str) -> None:
        self.send(link.EVENT, words.encode())

    def draw(self, data: bytes) -> None:
        self.offset += len(data)
        self.send(link.OUTPUT, data)

    def size(self, rows: int, columns: int) -> None:
        self.send(link.SIZE, link.WINSIZE.pack(rows, columns, 0, 0))

    def hang_up(self) -> None:
        if self._to_guard >= 0:
            os.close(self._to_guard)
            self._to_guard = -1

    def close(self) -> None:
        self.hang_up()
        asyncio.get_running_loop().remove_reader(self._from_guard)
        os.close(self._from_guard)


class World:
    """A guard that runs, its relay, and the API."""

    def __init__(self, relay: Relay, guard: GuardSession, api: "Api", mishaps: list[dict[str, Any]]) -> None:
        self.relay, self.guard, self.api, self.mishaps = relay, guard, api, mishaps

    async def hears(self, kind: int, count: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.relay.heard.count(kind) < count:
                await asyncio.sleep(0.01)

    async def hears_not(self, kind: int, seconds: float = QUIET_S) -> None:
        count = self.relay.heard.count(kind)
        await asyncio.sleep(seconds)
        assert self.relay.heard.count(kind) == count

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.01)

    async def outage(self) -> None:
        """As 2.1.330 shows it, until the client is held."""
        self.relay.draw(picture(retry_row(1, 1)))
        await asyncio.sleep(0.1)
        self.relay.draw(picture(retry_row(2)))
        await self.hears(link.HOLD)

    def transcript_retry(self, attempt: int, wait_s: float, **more: Any) -> None:
        path = Path(transcript_path(os.environ, os.getcwd(), SESSION))
        path.parent.mkdir(parents=True, exist_ok=True)
        row = {
            "type": "system",
            "subtype": "api_error",
            "timestamp": datetime.fromtimestamp(time.time(), UTC).isoformat(),
            "retryAttempt": attempt,
            "maxRetries": 10,
            "retryInMs": wait_s * 1000,
        } | more
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    @property
    def incidents(self) -> list[Incident]:
        with History() as history:
            return list(history.list())


class Api(Peer):
    """Resets what comes, until it is mended."""

    def __init__(self) -> None:
        self.handler: Handler = resets
        super().__init__(lambda connection: self.handler(connection))

    def mend(self) -> None:
        self.handler = status(404)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "CLAUDE_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings = SimpleNamespace(
        profile="auto",
        observe=False,
        panel="off",
        panel_when="incident",
        hold=SimpleNamespace(enabled=True, after_attempt=2, release_byte=0x1D),
        probe=SimpleNamespace(interval_s=0.1, timeout_s=2.0),
        title=SimpleNamespace(enabled=True),
        history=SimpleNamespace(keep_days=365, keep_incidents=2000),
        screen=SimpleNamespace(enabled=False),
        notify=SimpleNamespace(osc="auto", title=True, bell=False),
    )
    monkeypatch.setattr(settings_cache, "load", lambda options: settings)
    return tmp_path


@asynccontextmanager
async def world(
    monkeypatch: pytest.MonkeyPatch,
    version: tuple[int, ...] = (2, 1, 330),
    grants: bool = True,
    restarts: int = 0,
) -> AsyncIterator[World]:
    mishaps: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: mishaps.append(context))
    with Api() as api:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{api.port}")
        relay = Relay(grants)
        guard = GuardSession(
            Arguments(link=relay.guards_ends, session=SESSION, version=version, restarts=restarts)
        )
        running = asyncio.create_task(guard.run())
        relay.size(30, 80)
        try:
            yield World(relay, guard, api, mishaps)
        finally:
            relay.hang_up()
            await asyncio.wait_for(running, PATIENCE_S)
            relay.close()


def play(scenario: Callable[[World], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    async def inside() -> None:
        async with world(monkeypatch, **more) as one:
            await scenario(one)
            assert one.mishaps == []

    asyncio.run(inside())


def test_one_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(one: World) -> None:
        await one.outage()
        await one.hears(link.NOTICE)
        assert "Ctrl-]" in one.relay.payloads[link.NOTICE].decode("utf-8", "replace")
        await one.hears(link.RENEW, 2)
        assert link.RELEASE not in one.relay.heard
        one.api.mend()
        await one.hears(link.RELEASE)
        renewed = one.relay.heard.count(link.RENEW)
        one.relay.draw(picture("● back again"))
        await one.until(lambda: [i.outcome for i in one.incidents] == ["recovered"])
        assert one.relay.heard.count(link.RENEW) == renewed
        assert one.relay.heard.count(link.HOLD) == 1
        (incident,) = one.incidents
        assert (incident.kind, incident.code, incident.retries_spent) == ("connection", "ECONNRESET", 2)
        assert incident.held_s > 0

    play(scenario, monkeypatch)


# When nobody is stopped


def test_not_while_the_path_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(one: World) -> None:
        one.api.mend()
        one.relay.draw(picture(retry_row(1, 1)))
        await one.until(lambda: one.api.accepted > 0)
        for attempt in (2, 3, 4):
            one.relay.draw(picture(retry_row(attempt)))
            await one.hears_not(link.HOLD, 0.4)

    play(scenario, monkeypatch)


def test_not_when_the_wait_is_nearly_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt may be under way before the stop arrives."""

    async def scenario(one: World) -> None:
        one.relay.draw(picture(retry_row(1, 0)))
        await asyncio.sleep(0.1)
        for attempt in (2, 3, 4):
            one.relay.draw(picture(retry_row(attempt, 0)))
            await one.hears_not(link.HOLD, 0.4)
        one.relay.draw(picture(retry_row(5, 9).replace("in 9s", "…").replace("retrying …", "retrying…")))
        await one.hears_not(link.HOLD, 0.4)

    play(scenario, monkeypatch)


def test_not_in_the_middle_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path dies while the client streams: that is the client's to notice."""

    async def scenario(one: World) -> None:
        for number in range(10):
            one.relay.draw(picture(f"● an answer {number}", "", SPINNER))
            await asyncio.sleep(0.1)
        assert link.HOLD not in one.relay.heard
        assert one.incidents == []

    play(scenario, monkeypatch)


def test_not_while_a_question_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transcript of 2.0 says that a request waits; the screen asks for permission."""

    async def scenario(one: World) -> None:
        one.relay.draw(picture(*MENU, box=False))
        one.transcript_retry(2, 30.0)
        await one.until(lambda: one.guard._state.phase == "holding")
        await asyncio.sleep(QUIET_S)
        assert link.HOLD not in one.relay.heard
        one.relay.draw(picture(SPINNER))
        await one.hears(link.HOLD)

    play(scenario, monkeypatch, version=(2, 0, 60))


def test_not_when_the_user_has_ended_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape: the transcript still speaks of a wait, but the client is idle, and the user wants to type."""

    async def scenario(one: World) -> None:
        one.relay.draw(picture(SPINNER))
        await asyncio.sleep(0.1)
        one.relay.draw(picture("  ⎿  Interrupted · What should Claude do instead?"))
        one.transcript_retry(2, 30.0)
        await one.until(lambda: one.guard._state.phase == "holding")
        await asyncio.sleep(QUIET_S)
        assert link.HOLD not in one.relay.heard

    play(scenario, monkeypatch, version=(2, 0, 60))


def test_not_for_an_answer_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(one: World) -> None:
        one.relay.draw(picture(SPINNER))
        for attempt in (1, 2, 3):
            one.transcript_retry(attempt, 30.0, error={"status": 429})
        await one.hears_not(link.HOLD)
        assert one.incidents[0].kind == "rate_limit"

    play(scenario, monkeypatch, version=(2, 0, 60))


def test_not_after_the_release_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(one: World) -> None:
        await one.outage()
        await one.hears(link.NOTICE)
        one.relay.event("released key")
        for attempt in (3, 4, 5):
            one.relay.draw(picture(retry_row(attempt)))
            await one.hears_not(link.HOLD, 0.3)
        assert one.incidents[0].outcome == "released"

    play(scenario, monkeypatch)


def test_not_before_the_lost_part_of_the_picture_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(one: World) -> None:
        await asyncio.sleep(0.2)
        one.relay.offset += 1000
        one.relay.send(link.STALE, link.OFFSET.pack(one.relay.offset))
        one.relay.draw(f"\x1b[?2026h\x1b[5A{retry_row(3)}\x1b[?2026l".encode())
        await one.hears(link.REPAINT)
        await one.hears_not(link.REPAINT)  # once is enough
        assert link.HOLD not in one.relay.heard
        one.relay.draw(picture(retry_row(4)))
        await one.hears(link.HOLD)
        await one.hears(link.MODES)
        assert b"\x1b[?2004l" in one.relay.payloads[link.MODES], "modes set in the lost part are reset, too"

    play(scenario, monkeypatch)


def test_a_guard_that_dies_again_and_again_leaves_the_picture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repaint costs clients up to 2.0 the scrollback, built anew each time."""

    async def scenario(one: World) -> None:
        one.relay.send(link.STALE, link.OFFSET.pack(0))
        await one.hears_not(link.REPAINT, 2.0)

    play(scenario, monkeypatch, restarts=4)


# It always goes on


def test_a_stop_inside_a_frame_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(one: World) -> None:
        one.relay.draw(picture(retry_row(1, 1)))
        await asyncio.sleep(0.1)
        one.relay.draw(picture(retry_row(2)))
        await one.hears(link.HOLD)
        half = b"\x1b[?2026h\x1b[2J"
        one.relay.draw(half)
        one.relay.event(f"held {one.relay.offset - len(half)}")
        await one.hears(link.RELEASE)
        assert link.NOTICE not in one.relay.heard

    play(scenario, monkeypatch, grants=False)


def test_a_client_that_went_on_in_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame with the answer comes out of the terminal after the stop."""

    async def scenario(one: World) -> None:
        await one.outage()
        one.relay.draw(picture("● back", "", SPINNER))
        await one.hears(link.RELEASE)

    play(scenario, monkeypatch)


def test_probes_that_never_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason: nobody waits for a word that does not come."""

    async def scenario(one: World) -> None:
        policy = replace(one.guard._state.policy, report_s=1.0)
        one.guard._state = replace(one.guard._state, policy=policy)
        one.guard._prober._on_result = lambda *_: None
        await one.outage()
        await one.hears(link.RELEASE)
        one.relay.draw(picture(retry_row(3)))
        await one.hears_not(link.HOLD)

    play(scenario, monkeypatch)


def test_the_client_goes_on_before_the_history_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another program keeps it locked, that takes a second."""
    order: list[str] = []
    real = Journal.record

    def record(journal: Journal, report: machine.Report) -> None:
        order.append("record")
        real(journal, report)

    async def scenario(one: World) -> None:
        one.guard._port.hold = lambda *_: order.append("hold")  # type: ignore[method-assign]
        one.relay.draw(picture(retry_row(1, 1)))
        await one.until(lambda: one.guard._state.unanswered is not None)  # so the next row decides
        one.relay.draw(picture(retry_row(2)))
        await one.until(lambda: "hold" in order)
        assert order[order.index("hold") + 1 :][:1] == ["record"], "in the same step, behind it"
        one.guard._port.release = lambda: order.append("release")  # type: ignore[method-assign]
        order.clear()
        one.api.mend()
        await one.until(lambda: "record" in order)
        assert order[:2] == ["release", "record"]

    monkeypatch.setattr(Journal, "record", record)
    play(scenario, monkeypatch)


def test_a_failure_that_comes_at_once_is_explained_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    async def looked(*_: object) -> diagnosis.Diagnosis:
        await asyncio.sleep(0.3)
        return diagnosis.Diagnosis("tls.untrusted_ca", 0.9, "An unknown CA.", ())

    async def scenario(one: World) -> None:
        text = [
            {"type": "text", "text": "API Error: Unable to connect to API: Self-signed certificate detected"}
        ]
        message = {"model": "<synthetic>", "content": text}
        row = {"type": "assistant", "subtype": "", "isApiErrorMessage": True, "message": message}
        one.transcript_retry(0, 0, **row)
        await one.until(lambda: [i.outcome for i in one.incidents] == ["failed"])
        await one.until(lambda: one.incidents[0].cause == "tls.untrusted_ca")
        assert one.incidents[0].confidence == 0.9

    monkeypatch.setattr(diagnosis, "ask", looked)
    play(scenario, monkeypatch)


def test_a_history_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OverflowError("surprise")

    async def scenario(one: World) -> None:
        await one.outage()
        one.api.mend()
        await one.hears(link.RELEASE)

    monkeypatch.setattr(History, "save", fail)
    play(scenario, monkeypatch)


def test_a_frame_that_nobody_understands_costs_that_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above all the count of bytes must stay right: no hold is granted at a wrong offset."""

    async def scenario(one: World) -> None:
        screen = one.guard._frames.screen
        assert screen is not None
        real = screen.text
        monkeypatch.setattr(screen, "text", lambda: 1 / 0)
        one.relay.send(link.SIZE, b"short")
        one.relay.draw(picture(retry_row(1)))
        await one.until(lambda: len(one.mishaps) >= 2)
        monkeypatch.setattr(screen, "text", real)
        await one.outage()
        assert link.OFFSET.unpack_from(one.relay.payloads[link.HOLD])[0] == one.relay.offset
        one.mishaps.clear()

    play(scenario, monkeypatch)


def test_the_relay_goes_while_the_client_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(one: World) -> None:
        await one.outage()
        await one.hears(link.NOTICE)

    play(scenario, monkeypatch)
    with History() as history:
        assert [incident.outcome for incident in history.list()] == ["abandoned"]


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (1, 1), (1000, 1000), (65535, 65535)])
def test_terminals_of_any_size(rows: int, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(one: World) -> None:
        one.relay.size(rows, columns)
        for attempt in (1, 2, 3):
            one.relay.draw(picture(retry_row(attempt)))
            await asyncio.sleep(0.1)
        one.relay.size(30, 80)
        one.relay.draw(picture(retry_row(4)))
        await one.hears(link.HOLD)

    play(scenario, monkeypatch)


def test_a_path_that_swallows_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No probe has failed yet, and none has answered."""

    async def scenario(one: World) -> None:
        one.api.handler = silent
        one.relay.draw(picture(retry_row(1, 1)))
        await asyncio.sleep(machine.SILENT_PATH_S + 0.2)
        one.relay.draw(picture(retry_row(2)))
        await one.hears(link.HOLD)
        one.api.mend()
        await one.hears(link.RELEASE)

    play(scenario, monkeypatch)
