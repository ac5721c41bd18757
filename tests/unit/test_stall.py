"""A client that waits for an answer while nothing comes: when that is told, and what is done about it."""

import asyncio
import os
import socket
import subprocess
import sys
import time

import pytest

from cc_guard.guard import headline, received
from cc_guard.guard.stall import QUIET_S, Stall
from cc_guard.incident import machine as m
from cc_guard.incident.record import Finding, Symptom
from tests.unit.machine_run import WALL, Run

GONE = Finding("api.path", "fail", "no answer in 5 s")
THERE = Finding("api.path", "pass", "HTTP 404")


class Watched:
    """A waiting client, in time that passes as fast as it can."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.finding = GONE
        self.since: float | None = None
        self.probes: list[float] = []
        self.told: list[float] = []
        self.stall = Stall(self._check, lambda: self.since, self._tell, lambda: self.now)

    async def _check(self) -> tuple[Finding, bool]:
        self.probes.append(self.now)
        return self.finding, self.finding.state == "pass"

    def _tell(self, silent_s: float, finding: Finding) -> None:
        self.told.append(silent_s)

    async def live(self, seconds: float, waits: bool = True) -> None:
        for _ in range(int(seconds * 4)):
            self.now += 0.25
            self.stall.tick(waits)
            await asyncio.sleep(0)
            await asyncio.sleep(0)


def test_a_silence_in_which_no_probe_is_answered_is_told_once_and_soon() -> None:
    async def scenario() -> None:
        watched = Watched()
        await watched.live(QUIET_S - 0.5)
        assert watched.probes == []
        await watched.live(5)
        assert len(watched.told) == 1
        assert QUIET_S < watched.told[0] < QUIET_S + 5

    asyncio.run(scenario())


def test_silence_alone_is_slow_and_the_api_is_spared() -> None:
    async def scenario() -> None:
        watched = Watched()
        watched.finding = THERE
        await watched.live(300)
        assert watched.told == []
        assert len(watched.probes) <= 13

    asyncio.run(scenario())


def test_one_failure_between_answers_is_a_blip() -> None:
    async def scenario() -> None:
        watched = Watched()
        await watched.live(QUIET_S + 0.5)
        assert len(watched.probes) == 1
        watched.finding = THERE
        await watched.live(4)
        watched.finding = GONE
        await watched.live(6)
        assert len(watched.probes) >= 3
        assert watched.told == []

    asyncio.run(scenario())


def test_nothing_is_asked_while_an_answer_streams() -> None:
    """A long thought has no row in the transcript; the kernel sees it come."""

    async def scenario() -> None:
        watched = Watched()
        watched.since = 0.5
        await watched.live(120)
        assert watched.probes == []
        watched.since = 60.0
        await watched.live(20)
        assert watched.told

    asyncio.run(scenario())


def test_a_client_that_runs_a_tool_is_not_waiting() -> None:
    async def scenario() -> None:
        watched = Watched()
        await watched.live(60, waits=False)
        assert watched.probes == []
        await watched.live(QUIET_S - 0.5)
        assert watched.probes == [], "the silence begins when the tool has ended"

    asyncio.run(scenario())


def test_a_word_of_the_client_during_the_probe_outdates_it() -> None:
    async def scenario() -> None:
        watched = Watched()
        await watched.live(QUIET_S + 1)
        for _ in range(40):
            watched.stall.heard()
            await watched.live(1)
        assert watched.told == []

    asyncio.run(scenario())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when something came")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_when_something_came_by_the_kernel(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        code = f"import socket, time; s = socket.create_connection(({host!r}, {port})); time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", code])
        try:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"x")
                time.sleep(1.0)
                since = received.since_s(os.getpid(), port)
                assert since is not None
                assert 0.8 < since < 5
                connection.sendall(b"x")
                time.sleep(0.1)
                again = received.since_s(os.getpid(), port)
                assert again is not None
                assert again < since
                assert received.since_s(os.getpid(), 1) is None, "of connections to elsewhere"
        finally:
            child.kill()
            child.wait()


# The machine


def stalled() -> Run:
    run = Run(m.Policy(trusted=True))
    symptom = Symptom(WALL, "stall", "waiting", text="no answer for 15 s", confirmed=True)
    assert m.Probe(True) in run.do(m.Seen(symptom, "probe"))
    run.probe(False)
    assert run.state.phase == "stalled"
    return run


def test_the_clients_own_banner_is_no_incident() -> None:
    run = Run(m.Policy(trusted=True))
    run.do(m.Seen(Symptom(WALL, "stall", "waiting"), "screen"))
    assert run.state.phase == "idle"


def test_a_stall_is_looked_into_and_nothing_is_held_typed_or_restarted() -> None:
    run = stalled()
    for second in range(120):
        run.probe(second > 60, after=0.5)
        run.tick(0.5)
    kinds = {type(effect) for effect in run.effects}
    assert m.Diagnose in kinds
    assert not kinds & {m.Hold, m.Type, m.Restart}
    run.do(m.Progressed("transcript"))
    assert (run.last.outcome, run.last.retries_spent, run.last.held_s) == ("recovered", 0, 0.0)
    assert run.last.reachable is not None


def test_a_stall_that_ends_in_retries_is_the_same_incident() -> None:
    run = stalled()
    started = run.last.started
    run.retrying(1, after=30)
    run.retrying(2, after=1)
    run.probe(False)
    assert run.state.phase == "holding"
    assert run.last.started == started


def test_a_stall_that_the_user_ends_is_abandoned() -> None:
    """2.1.330 tells of an Escape before any answer by its screen alone."""
    run = stalled()
    run.do(m.Tick(at_rest=True), after=1)
    run.do(m.Tick(at_rest=False), after=1)
    assert run.state.phase == "stalled", "one picture is no rest"
    run.do(m.Tick(at_rest=True), after=0.1)
    run.do(m.Tick(at_rest=True), after=m.SETTLE_S)
    assert run.last.outcome == "abandoned"
    assert run.state.phase == "idle"


def test_a_stall_is_not_watched_for_ever() -> None:
    run = stalled()
    run.tick(m.LOST_S)
    assert run.last.outcome == "abandoned"


def test_what_people_are_told_of_a_stall() -> None:
    run = stalled()
    said = headline.of(run.state, observe=False, asks=False)
    assert said["word"] == "NO ANSWER"
    assert "can't be reached" in said["text"]
    run.probe(True, after=1)
    assert "can be reached again" in headline.of(run.state, observe=False, asks=False)["text"]
