"""Sleep, clock jumps and uptime: real clocks, made-up marks, and fakes of macOS' and systemd's tools."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import clocks, sockets, tools
from cc_guard.diagnose.probes import sleep
from cc_guard.incident.record import Finding
from tests.fakes.looking import context, look, only


@pytest.fixture(autouse=True)
def old_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there was an earlier, also where the tests run on a machine that was just started."""
    running, whole = clocks.running, clocks.since_boot
    monkeypatch.setattr(clocks, "running", lambda: running() + 1e6)
    monkeypatch.setattr(clocks, "since_boot", lambda: whole() + 1e6)


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    only(monkeypatch, tmp_path / "bin", "sysctl", "systemctl")
    return monkeypatch


def started(wall: float = 0, running: float = 0, whole: float = 0) -> dict[str, str]:
    """A mark of clocks that were so many seconds behind those of now."""
    now = (time.time(), clocks.running(), clocks.since_boot())
    return {clocks.MARK: clocks.mark(now[0] - wall, now[1] - running, now[2] - whole)}


def at(wall: float) -> str:
    return f"{{ sec = {int(wall)}, usec = 250000 }} Sa. 21 Nov. 18:24:43 2026"


# Asleep


def test_here() -> None:
    found = look(sleep.PROBES, "sleep", context())
    assert found.state in ("pass", "warn")
    assert found.evidence["asleep_s_total"] >= 0


def test_slept_since_the_start() -> None:
    """The clock that goes on in sleep went on for 300 s, the other one for 60 s."""
    found = look(sleep.PROBES, "sleep", context(environ=started(running=60, whole=300)))
    assert found.state == "warn"
    assert found.evidence["asleep_s_since_start"] == pytest.approx(240, abs=1)


def test_awake_since_the_start() -> None:
    found = look(sleep.PROBES, "sleep", context(environ=started(running=60, whole=60)))
    assert found.evidence["asleep_s_since_start"] == 0


@pytest.mark.parametrize(("ago", "state"), [(5, "warn"), (119, "warn"), (600, "pass")])
def test_systemd_knows_when_it_woke(fakes: pytest.MonkeyPatch, ago: float, state: str) -> None:
    fakes.setattr(clocks, "since_boot", lambda: clocks.running() + 5000)
    fakes.setenv("FAKE_WOKE", str(int((clocks.running() - ago) * 1e6)))
    found = look(sleep.PROBES, "sleep", context("linux"))
    assert (found.state, found.evidence["asleep_s_total"]) == (state, 5000)
    assert found.evidence["last_wake_s_ago"] == pytest.approx(ago, abs=3)


def test_systemd_does_not_know(fakes: pytest.MonkeyPatch) -> None:
    fakes.setattr(clocks, "since_boot", lambda: clocks.running() + 5000)
    found = look(sleep.PROBES, "sleep", context("linux"))
    assert (found.state, found.evidence["last_wake_s_ago"]) == ("pass", None)


@pytest.mark.parametrize(("woke", "state"), [(10, "warn"), (4000, "pass"), (None, "pass")])
def test_macos_knows_when_it_woke(fakes: pytest.MonkeyPatch, woke: float | None, state: str) -> None:
    said = "{ sec = 0, usec = 0 } Thu Jan  1 01:00:00 1970" if woke is None else at(time.time() - woke)
    fakes.setenv("FAKE_SYSCTL", json.dumps({"kern.waketime": said}))
    found = look(sleep.PROBES, "sleep", context("macos"))
    assert found.state == state
    assert (found.evidence["last_wake_s_ago"] is None) == (woke is None)


# The clock


@pytest.mark.parametrize(
    ("wall", "whole", "jump", "state"),
    [(100, 100, 0, "pass"), (7300, 100, 7200, "warn"), (-500, 100, -600, "warn"), (130, 100, 30, "pass")],
)
def test_clock(wall: float, whole: float, jump: float, state: str) -> None:
    found = look(sleep.PROBES, "clock.jump", context(environ=started(wall, whole=whole)))
    assert (found.state, found.evidence["jump_s"]) == (state, pytest.approx(jump, abs=2))


def test_without_a_mark() -> None:
    assert look(sleep.PROBES, "clock.jump", context()).state == "na"


def test_mark_of_now() -> None:
    found = look(sleep.PROBES, "clock.jump", context(environ={clocks.MARK: clocks.mark()}))
    assert (found.state, found.evidence["jump_s"]) == ("pass", pytest.approx(0, abs=1))


@pytest.mark.parametrize(
    "text", ["", "1:2", "1.0:2.0", "a:b:c", "1.0:2.0:3.0:4.0", "1.0:2.0:3.0:", "-1.0:2.0:3.0"]
)
def test_odd_marks(text: str) -> None:
    assert clocks.parse_mark(text) is None


# Forty-nine days


def uptime(fakes: pytest.MonkeyPatch, said: str) -> Finding:
    fakes.setenv("FAKE_SYSCTL", json.dumps({"kern.boottime": said}))
    return look(sleep.PROBES, "macos.uptime", context("macos"))


@pytest.mark.parametrize(
    ("seconds", "state", "past"),
    [(3600, "pass", False), (45.1 * 86400, "warn", False), (4294900, "warn", False), (4294970, "warn", True)],
)
def test_uptime(fakes: pytest.MonkeyPatch, seconds: float, state: str, past: bool) -> None:
    found = uptime(fakes, at(time.time() - seconds))
    assert (found.state, found.evidence["past_49_days"]) == (state, past)
    assert found.evidence["uptime_s"] == pytest.approx(seconds, abs=5)


@pytest.mark.parametrize(
    ("days", "before", "after", "stuck", "state"),
    [
        (50, 400, 400, True, "fail"),
        (50, 400, 500, True, "fail"),  # and new ones
        (50, 400, 399, False, "warn"),
        (50, 199, 199, None, "warn"),
        (30, 400, 400, None, "pass"),
    ],
)
def test_closed_connections_that_never_go_away(
    fakes: pytest.MonkeyPatch, days: int, before: int, after: int, stuck: bool | None, state: str
) -> None:
    counts = [before, after]

    async def listed(_: object) -> list[sockets.Socket]:
        many = counts.pop(0)
        return [sockets.Socket(50000 - n, "192.0.2.1", 443, "TIME_WAIT") for n in range(many)]

    fakes.setattr(sockets, "listed", listed)
    fakes.setattr(sleep, "_WATCH_S", 0.01)
    found = uptime(fakes, at(time.time() - days * 86400))
    assert (found.state, found.evidence["time_wait_stuck"]) == (state, stuck)


@pytest.mark.parametrize("said", ["", "sec = x", "{ sec = 99999999999999999999, usec = 0 }"])
def test_uptime_that_cannot_be_read(fakes: pytest.MonkeyPatch, said: str) -> None:
    assert uptime(fakes, said).state == "na"


def test_uptime_elsewhere() -> None:
    assert look(sleep.PROBES, "macos.uptime", context("linux")).state == "na"


@given(st.text() | st.binary().map(tools.decoded))
def test_no_text_is_too_odd(text: str) -> None:
    clocks.parse_mark(text)
    sleep.parse_timeval(text)


@given(*[st.floats(0, 1e9)] * 3)
def test_marks_come_back(wall: float, running: float, whole: float) -> None:
    found = clocks.parse_mark(clocks.mark(wall, running, whole))
    assert found == pytest.approx((wall, running, whole), abs=0.001)
