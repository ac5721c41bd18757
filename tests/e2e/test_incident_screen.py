"""The screen in place of a held client, with the real clients in a terminal that nobody can divide."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pyghostty
import pytest

from cc_guard.screen.model import Screen
from cc_guard.screen.takeover import frozen
from tests.e2e.test_typing import COLUMNS, ROWS, Window
from tests.relay.harness import CC_GUARD, is_guard, stopped
from tests.standin.api import StandIn
from tests.support.client import box_shown

pytestmark = pytest.mark.client

UP_S = 0.6
UNPREPARED_S = 1.5  # where the first that shows of the trouble is what it is held for: at the fourth retry
ANSWER = "● back again"
_ENTERED = b"\x1b[?1000h\x1b[?1006h"  # the last that the relay writes before the screen's own bytes
_LEFT = b"\x1b\\\x1b[?2026l"  # the first that it writes after them
_MODES = (1, 6, 7, 9, 25, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1049, 2004, 2026, 2031)
_LEFT_COLUMNS = 60


class Outage:
    """cc-guard with a real client, which waits for an API that cuts all connections off."""

    def __init__(
        self, stack: ExitStack, claude: Path, env: dict[str, str], work: Path, api: StandIn, *options: str
    ) -> None:
        self.api = api
        env = env | {"PATH": f"{claude.parent}:{env['PATH']}"}
        self.window = stack.enter_context(Window([CC_GUARD, *options, "claude"], env, work))
        self.window.see(lambda: box_shown(self.window.screen()), "no input box", 40)
        self.window.pump(1.5)
        api.set_fault("reset")
        self.window.type(b"say back again")
        self.window.pump(1.0)
        self.window.type(b"\r")
        self.client = self.window.client()
        self.until_held()

    def until_held(self) -> None:
        self.window.see(lambda: stopped(self.client), "not held", 60)
        self.held_at = time.monotonic()

    def up(self) -> float:
        """Seconds from the hold to a screen that says what is the matter."""
        self.window.see(lambda: "PAUSED" in self.window.screen(), "no incident screen", 10)
        return time.monotonic() - self.held_at

    @property
    def shown(self) -> bool:
        return self.window.output.rfind(_ENTERED) > self.window.output.rfind(_LEFT)

    def app(self) -> psutil.Process:
        return next(p for p in self.window.processes() if _is_screen(p))

    def mend(self) -> None:
        self.api.set_fault("none")
        self.window.see(lambda: ANSWER in self.window.screen(), "no answer", 30)
        self.window.pump(1.0)

    def leave(self) -> None:
        self.window.type(b"\x03")
        self.window.see(lambda: "again to exit" in self.window.screen(), "no hint")
        self.window.type(b"\x03")
        assert self.window.wait() == 0
        assert self.window.restored
        assert self.window.unread() == b""


@pytest.fixture
def outage(
    claude: Path, client_env: dict[str, str], work: Path, standin: StandIn
) -> Iterator[Callable[..., Outage]]:
    with ExitStack() as stack:

        def open_(*options: str, **env: str) -> Outage:
            return Outage(stack, claude, client_env | env, work, standin, *options)

        yield open_


only_the_newest = pytest.mark.parametrize("version", ["2.1.330"])


@pytest.mark.parametrize(
    ("version", "env", "up_s"),
    [
        ("2.1.330", {}, UP_S),
        ("2.1.330", {"CLAUDE_CODE_NO_FLICKER": "1"}, UP_S),  # on the alternate screen, with the mouse
        ("2.1.330", {"TERM_PROGRAM": "ghostty"}, UP_S),  # with the kitty keyboard
        pytest.param("2.0.60", {}, UP_S, marks=pytest.mark.long),
        pytest.param("1.0.120", {}, UNPREPARED_S, marks=pytest.mark.long),
    ],
    ids=["2.1.330", "fullscreen", "kitty", "2.0.60", "1.0.120"],
)
def test_an_outage(env: dict[str, str], up_s: float, outage: Callable[..., Outage]) -> None:
    one = outage(**env)
    window = one.window
    before = _left(window.screen())
    assert one.up() <= up_s * _slowness()
    window.pump(0.1)
    shown = _left(window.screen())
    assert shown[: len(before)] == before, "the client's picture stands where it stood"
    assert not any(shown[len(before) :])
    window.see(lambda: "Esc close" in window.screen().splitlines()[-1], "no keys")
    window.pump(1.0)
    one.mend()
    assert not one.shown
    output = bytes(window.output)
    start, end = output.index(_ENTERED) + len(_ENTERED), output.index(_LEFT)
    enter = _start_of_enter(output, start)
    leave = _end_of_leave(output, end)
    assert _all(output[:enter]) == _all(output[:leave])
    assert output.count(_ENTERED) == output.count(_LEFT) == 1
    assert window.screen().count(ANSWER) == 1
    assert _boxes(window.screen()) == 1, window.screen()
    one.leave()
    window.nothing_remains()


@only_the_newest
@pytest.mark.parametrize("key", [b"\x1d", b"r"], ids=["release key", "r"])
def test_the_client_is_let_go(key: bytes, outage: Callable[..., Outage]) -> None:
    one = outage()
    one.up()
    one.window.pump(0.8)
    one.window.type(key)
    one.window.see(lambda: not stopped(one.client), "still stopped", 3)
    one.window.see(lambda: not one.shown, "the screen stays", 3)
    one.mend()
    assert one.window.box() == ""
    one.leave()


@only_the_newest
def test_a_hold_soon_after_another(outage: Callable[..., Outage]) -> None:
    """The API comes and goes: the client is let go, fails at once, and is held again 0.3 s later."""
    one = outage()
    one.up()
    one.window.pump(1.0)
    one.api.set_fault("none")
    one.window.see(lambda: not stopped(one.client), "still stopped", 10)
    one.api.set_fault("reset")
    began = time.monotonic()
    one.until_held()
    assert one.held_at - began < 1.0
    one.window.see(lambda: _LEFT in one.window.output, "the first one stays", 3)
    assert one.up() <= UP_S * _slowness()
    one.mend()
    one.leave()
    one.window.nothing_remains()


@only_the_newest
def test_closed_it_leaves_the_client_waiting(outage: Callable[..., Outage]) -> None:
    one = outage()
    one.up()
    one.window.pump(0.8)
    one.window.type(b"\x1b")
    one.window.see(lambda: not one.shown, "still there")
    assert stopped(one.client)
    one.window.pump(1.5)
    assert not one.shown
    assert stopped(one.client)
    one.mend()
    one.leave()


@only_the_newest
def test_not_where_it_is_not_wanted(outage: Callable[..., Outage]) -> None:
    one = outage(CC_GUARD_SCREEN__ENABLED="false")
    one.window.pump(2.0)
    assert stopped(one.client)
    assert _ENTERED not in one.window.output
    assert not any(map(_is_screen, one.window.processes()))
    one.mend()
    one.leave()


@only_the_newest
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
@pytest.mark.parametrize("who", ["app", "guard"])
def test_killed_at_any_moment_the_session_lives(who: str, seed: int, outage: Callable[..., Outage]) -> None:
    one = outage()
    one.window.pump(random.Random(seed).uniform(0.0, 1.2))
    wanted = is_guard if who == "guard" else _is_screen
    for process in one.window.processes():
        if wanted(process):
            process.kill()
    if who == "guard":
        one.window.see(lambda: not stopped(one.client) and not one.shown, "the client does not go on", 5)
    else:
        one.window.see(lambda: not one.shown, "still there", 5)
    one.mend()
    assert _boxes(one.window.screen()) == 1
    one.leave()
    one.window.nothing_remains()


@only_the_newest
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_the_terminal_is_closed_at_any_moment(seed: int, outage: Callable[..., Outage]) -> None:
    one = outage()
    one.window.pump(random.Random(seed).uniform(0.0, 1.2))
    one.window.hang_up()
    one.window.nothing_remains()


def _slowness() -> float:
    """On a machine that others use as well, and with more work than cores only the order of magnitude can be
    held to."""
    return 2.0 if os.getloadavg()[0] <= (os.cpu_count() or 1) else 4.0


def _is_screen(process: psutil.Process) -> bool:
    try:
        return "cc_guard.panel.screen_app" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def _left(screen: str) -> list[str]:
    return [row[:_LEFT_COLUMNS].rstrip() for row in screen.splitlines()]


def _boxes(screen: str) -> int:
    rows = screen.splitlines()
    return sum(row.startswith((">\xa0", "❯\xa0")) or row in (">", "❯") for row in rows)


def _all(output: bytes) -> tuple[object, ...]:
    """What a terminal is after this output: its modes, its picture with all colours, its cursor."""
    terminal = pyghostty.Terminal(COLUMNS, ROWS)
    screen = Screen(COLUMNS, ROWS)
    terminal.feed(output)
    screen.feed(output)
    modes = {mode: terminal.mode(mode) for mode in _MODES}
    kitty = terminal.get("kitty_keyboard_flags", "uint8_t")
    keys = output.rfind(b"\x1b[>4;2m") > output.rfind(b"\x1b[>4m")
    visible = terminal.get("cursor_visible", "bool")
    text = terminal.contents()  # with what has scrolled away
    return (
        modes,
        kitty,
        keys,
        visible,
        terminal.cursor,
        terminal.get("active_screen", "int"),
        text,
        frozen(screen),
    )


def _start_of_enter(output: bytes, end: int) -> int:
    """The relay's bytes are one run of sequences, behind the title that it has put up."""
    return output.rindex(b"\x07", 0, end) + 1


def _end_of_leave(output: bytes, start: int) -> int:
    """Up to the title's way back."""
    return output.index(b"\x1b[23;2t", start)
