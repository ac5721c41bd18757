"""Desktop notifications: which terminal gets which bytes, and what may be in them."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard.guard.announcer import Announcer
from cc_guard.guard.notices import retitle, title_bytes
from cc_guard.guard.notification import notification
from cc_guard.screen.model import Screen
from cc_guard.settings import Notify

ON, OFF, BELL = Notify(), Notify(osc="off"), Notify(osc="off", bell=True)
ITERM = {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}
NINE = b"\x1b]9;Claude Code: paused; waits\x1b\\"
SEVENS = b"\x1b]777;notify;Claude Code;paused, waits\x1b\\"
NINETY_NINE = (
    b"\x1b]99;i=cc-guard:o=unfocused:d=0;Claude Code\x1b\\"
    b"\x1b]99;i=cc-guard:o=unfocused:d=1:p=body;paused; waits\x1b\\"
)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (ITERM, NINE),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, NINE),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, NINE),
        ({"TERM": "xterm-ghostty"}, NINE),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WarpTerminal"}, NINE),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "zed"}, NINE),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, SEVENS),
        ({"TERM": "xterm-256color", "WT_SESSION": "4a1f"}, SEVENS),
        ({"TERM": "foot"}, SEVENS),
        ({"TERM": "foot-extra"}, SEVENS),
        ({"TERM": "rxvt-unicode-256color"}, SEVENS),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, NINETY_NINE),
        # Nobody knows, or knows that it is ignored or shown as text.
        ({}, b""),
        ({"TERM": "xterm-256color"}, b""),
        ({"TERM": "linux"}, b""),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, b""),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "other"}, b""),
        ({"TERM": "xterm-256color", "WT_SESSION": ""}, b""),
        # What was started from a terminal that does.
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "WT_SESSION": "4a1f"}, b""),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "LC_TERMINAL": "iTerm2"}, b""),
        # Multiplexers.
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "WT_SESSION": "4a1f"}, b""),
        ({**ITERM, "TMUX": "/tmp/tmux-0/default,1,0"}, b""),
        ({"TERM": "screen.xterm-256color", "LC_TERMINAL": "iTerm2"}, b""),
        ({**ITERM, "STY": "1.pts"}, b""),
        ({**ITERM, "ZELLIJ": "0"}, b""),
    ],
    ids=str,
)
def test_each_terminal_gets_what_it_knows(environ: dict[str, str], expected: bytes) -> None:
    assert notification(environ, "paused; waits", ON) == expected


def test_switches() -> None:
    assert notification(ITERM, "words", OFF) == b""
    assert notification(ITERM, "words", BELL) == b"\a"
    assert notification({"TERM": "dumb"}, "words", Notify(bell=True)) == b"\a"
    assert notification(ITERM, "words", Notify(bell=True)).endswith(b"words\x1b\\\a")


TERMINALS = st.sampled_from([ITERM, {"TERM": "foot"}, {"TERM": "xterm-kitty"}])


@given(TERMINALS, st.text(max_size=400))
def test_no_words_can_end_the_sequence_early(environ: dict[str, str], words: str) -> None:
    said = notification(environ, words, ON)
    pieces = said.split(b"\x1b\\")
    assert pieces.pop() == b""
    for piece in pieces:
        assert piece.startswith(b"\x1b]")
        body = piece[2:].decode()
        assert body.isprintable()
        assert len(body) < 250
    if environ["TERM"] == "foot" and pieces:
        assert pieces[0].count(b";") == 3


@settings(deadline=None)
@given(TERMINALS, st.text(max_size=60))
def test_nothing_changes_on_the_screen(environ: dict[str, str], words: str) -> None:
    screen = Screen(40, 5)
    screen.feed(b"\x1b]0;title\x07one\r\n\x1b[1mtwo")
    screen.feed(notification(environ, words, Notify(bell=True)))
    screen.feed(b"!")
    assert screen.text().rstrip() == "one\ntwo!"
    assert screen.title == "title"
    assert screen.at_rest


def test_another_title_during_a_hold_and_the_old_one_back() -> None:
    now, restore = title_bytes("paused", "Claude")
    screen = Screen(40, 5)
    for data, title in (
        (now, "paused"),
        (retitle("cc-guard\x1b asks"), "cc-guard asks"),
        (restore, "Claude"),
    ):
        screen.feed(data)
        assert screen.title == title


# -- when it is said


class Stage:
    def __init__(self, environ: dict[str, str] | None = None) -> None:
        self.now = 100.0
        self.said: list[tuple[int, bytes]] = []
        self.frames = SimpleNamespace(complete=True, stale=False, offset=7)
        port = SimpleNamespace(say=lambda offset, data: self.said.append((offset, data)))
        self.announcer = Announcer(
            cast(Any, port), cast(Any, self.frames), environ or ITERM, ON, lambda: self.now
        )

    def texts(self) -> list[str]:
        return [data.decode()[len("\x1b]9;Claude Code: ") : -2] for _, data in self.said]


def test_at_once_between_two_frames() -> None:
    stage = Stage()
    stage.announcer.tell("one")
    assert stage.said == [(7, b"\x1b]9;Claude Code: one\x1b\\")]
    stage.announcer.event(["said"])
    stage.announcer.attempt()
    assert len(stage.said) == 1


def test_later_when_a_frame_is_under_way_or_output_has_come() -> None:
    stage = Stage()
    stage.frames.complete = False
    stage.announcer.tell("one")
    assert stage.said == []
    stage.frames.complete = True
    stage.announcer.attempt()
    stage.announcer.attempt()
    assert len(stage.said) == 1, "not twice before the relay has answered"
    stage.announcer.event(["unsaid"])
    stage.frames.offset = 9
    stage.announcer.attempt()
    assert stage.said[1][0] == 9


def test_old_news_is_dropped_and_newer_takes_its_place() -> None:
    stage = Stage()
    stage.frames.stale = True
    stage.announcer.tell("old")
    stage.now += 11
    stage.frames.stale = False
    stage.announcer.attempt()
    assert stage.said == []
    stage.announcer.tell("one")
    stage.announcer.tell("two")
    stage.announcer.event(["held", "7"])
    stage.announcer.event(["said"])
    stage.announcer.attempt()
    assert stage.texts() == ["one", "two"]
    stage.announcer.event(["said"])
    stage.announcer.attempt()
    assert stage.texts() == ["one", "two"]


def test_the_same_words_are_not_said_again_and_again() -> None:
    stage = Stage()
    for _ in range(20):
        stage.announcer.tell("paused")
        stage.announcer.event(["said"])
        stage.announcer.tell("back")
        stage.announcer.event(["said"])
        stage.now += 4
    assert stage.texts() == ["paused", "back"] * 3


def test_a_terminal_that_is_told_nothing() -> None:
    stage = Stage({"TERM": "xterm"})
    stage.announcer.tell("one")
    stage.announcer.attempt()
    assert stage.said == []
    stage.announcer.tell("two", b"title")
    assert stage.said == [(7, b"title")]


def test_the_port_sends_what_the_relay_understands() -> None:
    from cc_guard.relay import link
    from tests.unit.test_relay_port import relay

    async def scenario() -> None:
        async with relay() as one:
            one.port.say(7, b"words")
            await one.take_all(1)
            assert one.frames == [(link.SAY, link.OFFSET.pack(7) + b"words")]

    asyncio.run(scenario())
