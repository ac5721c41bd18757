"""When the screen in place of a held client is begun, shown, and let go."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from cc_guard.guard.incident_screen import SHOWN_AFTER_S, IncidentScreen
from cc_guard.incident import machine
from cc_guard.screen.model import Screen


class Port:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def screen(self, argv: list[str]) -> None:
        self.said.append("begin" if argv else "end")

    def show(self, offset: int, wait_s: float, over: object, picture: bytes) -> None:
        self.said.append(("show", offset, round(wait_s, 3)))


class Play:
    """An incident, phase by phase; `now` is the time."""

    def __init__(
        self, columns: int = 120, rows: int = 40, enabled: bool = True, observe: bool = False
    ) -> None:
        self.port, self.now, self.watched = Port(), 100.0, False
        self.frames = SimpleNamespace(screen=Screen(columns, rows), stale=False, complete=True, offset=7)
        settings: Any = SimpleNamespace(screen=SimpleNamespace(enabled=enabled), observe=observe)
        frames: Any = self.frames
        port: Any = self.port
        self.screen = IncidentScreen(port, frames, settings, lambda: self.watched, lambda: self.now)
        self.hold = True

    def phase(self, name: str) -> list[Any]:
        """What is said to the relay."""
        self.port.said.clear()
        policy = dataclasses.replace(machine.Policy(), hold=self.hold)
        self.screen.follow(machine.State(policy=policy, phase=name))
        return list(self.port.said)

    def held(self) -> list[Any]:
        self.screen.held()
        return self.phase("held")


SHOW = ("show", 7, SHOWN_AFTER_S)


def test_begun_when_the_client_retries_and_shown_when_it_is_held() -> None:
    play = Play()
    assert play.phase("idle") == []
    assert play.phase("watching") == ["begin"]
    assert play.phase("holding") == []
    assert play.phase("held") == [], "its last frame may not be whole yet"
    assert play.held() == [SHOW]
    assert play.phase("held") == []
    play.screen.event(["screen", "shown"])
    assert play.screen.shown
    play.screen.event(["screen", "over", "released"])
    assert not play.screen.shown
    assert play.phase("going") == ["begin"], "the next hold may come at once"
    assert play.phase("fading") == ["end"]


def test_let_go_when_there_was_no_hold() -> None:
    play = Play()
    play.phase("watching")
    assert play.phase("idle") == ["end"]
    assert play.phase("idle") == []


def test_another_hold_in_the_same_incident() -> None:
    play = Play()
    play.phase("watching")
    play.held()
    play.screen.event(["screen", "over", "released"])
    assert play.phase("going") == ["begin"]
    assert play.phase("watching") == []
    assert play.held() == [SHOW]


@pytest.mark.parametrize("reasons", [["closed"], ["late", "closed"], ["late", "late"], ["refused", "late"]])
def test_not_again_in_an_incident_in_which_it_was_of_no_use(reasons: list[str]) -> None:
    play = Play()
    play.phase("watching")
    play.held()
    for number, reason in enumerate(reasons):
        if number:
            play.now += SHOWN_AFTER_S
            assert play.phase("held") == ["begin", ("show", 7, 0.0)], "one that was late gets another chance"
        play.screen.event(["screen", "over", reason])
    assert play.phase("held") == []
    assert play.phase("watching") == []
    assert play.phase("down") == []
    assert play.phase("watching") == []
    play.phase("idle")
    assert play.phase("watching") == ["begin"]


def test_a_panel_is_there() -> None:
    play = Play()
    play.watched = True
    assert play.phase("watching") == []
    play.watched = False
    play.phase("watching")
    play.watched = True  # for a moment: somebody answers from another window
    assert play.held() == []
    play.watched = False
    play.now += 0.1
    assert play.phase("held") == [("show", 7, round(SHOWN_AFTER_S - 0.1, 3))]


@pytest.mark.parametrize(
    "play",
    [Play(enabled=False), Play(observe=True), Play(columns=59), Play(rows=11)],
    ids=["off", "observe", "narrow", "low"],
)
def test_where_there_is_none(play: Play) -> None:
    assert play.phase("watching") == []
    assert play.held() == []
    assert play.phase("idle") == []


def test_where_nothing_is_held() -> None:
    play = Play()
    play.hold = False
    assert play.phase("watching") == []


def test_a_picture_that_is_not_known() -> None:
    play = Play()
    play.phase("watching")
    play.frames.stale = True
    assert play.held() == []
    play.frames.screen = None
    assert play.phase("held") == []
