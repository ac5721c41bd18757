"""The one place that knows the terminal library."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard.detect.detector import Detector
from cc_guard.detect.signatures import shipped
from cc_guard.guard.repaint import before_continue
from cc_guard.screen.model import Screen
from cc_guard.screen.region import live_region

MARGINS = b"\x1b[m\x1b7\x1b[r\x1b8"


@pytest.fixture
def screen() -> Screen:
    return Screen(40, 10)


# What stands on it


def test_rows_are_what_a_person_sees(screen: Screen) -> None:
    screen.feed("one\r\ntwo ⏺ \x1b[31mthree\x1b[m   \r\n\r\n".encode())
    assert screen.rows()[:2] == ["one", "two ⏺ three"]


def test_a_row_that_the_terminal_wraps_is_two_rows(screen: Screen) -> None:
    screen.feed(b"x" * 50)
    assert screen.rows()[:2] == ["x" * 40, "x" * 10]


def test_colours(screen: Screen) -> None:
    screen.feed(b"a\x1b[31mb\x1b[38;2;255;107;128mc\x1b[38;5;196md")
    assert [screen.colour(column, 0) for column in range(4)] == [
        None,
        ("palette", 1),
        ("rgb", (255, 107, 128)),
        ("palette", 196),
    ]


def test_the_title(screen: Screen) -> None:
    assert screen.title == ""
    screen.feed("\x1b]0;✳ Claude Code\x07".encode())
    assert screen.title == "✳ Claude Code"


def test_synchronized_and_at_rest(screen: Screen) -> None:
    assert screen.at_rest
    screen.feed(b"\x1b[?2026h\x1b[3")
    assert screen.synchronized
    assert not screen.at_rest
    screen.feed(b"1m\x1b[?2026l")
    assert not screen.synchronized
    assert screen.at_rest


def test_it_never_answers(screen: Screen) -> None:
    """The user's terminal answers the client's questions; two answers would be typed into the prompt."""
    screen.feed(b"\x1b[c\x1b[>0q\x1b[6n\x1b[?u\x1b[?2026$p\x1b]11;?\x07")
    assert screen.rows() == [""]


# What a dead client leaves behind


def test_nothing_to_put_right(screen: Screen) -> None:
    screen.feed(b"text\x1b[31m")
    assert screen.mode_reset() == b""


@pytest.mark.parametrize(
    ("sets", "resets"),
    [
        (b"\x1b[?2004h", b"\x1b[?2004l"),
        (b"\x1b[?1004h", b"\x1b[?1004l"),
        (b"\x1b[?1000h", b"\x1b[?1000l"),
        (b"\x1b[?1002h\x1b[?1006h", b"\x1b[?1002l\x1b[?1006l"),
        (b"\x1b[?2031h", b"\x1b[?2031l"),
        (b"\x1b[?1h", b"\x1b[?1l"),
        (b"\x1b[?2026h", b"\x1b[?2026l"),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?7l", b"\x1b[?7h"),
        (b"\x1b[>5u", b"\x1b[<u"),
        (b"\x1b[>4;2m", b"\x1b[>4m"),
        (b"\x1b[?1049h", b"\x1b[?1049l"),
    ],
)
def test_each_mode_is_put_right(screen: Screen, sets: bytes, resets: bytes) -> None:
    screen.feed(sets)
    assert screen.mode_reset() == resets + MARGINS


def test_a_mode_that_the_client_took_back_needs_nothing(screen: Screen) -> None:
    screen.feed(b"\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[>5u\x1b[<u\x1b[?25h\x1b[?2004l\x1b[?1049l")
    assert screen.mode_reset() == b""


def test_the_resets_reset() -> None:
    """Fed to the terminal that needs them, nothing remains to be put right."""
    dirty = Screen(40, 10)
    dirty.feed(b"\x1b[?1049h\x1b[?2004h\x1b[?1000h\x1b[?1006h\x1b[?25l\x1b[?7l\x1b[>5u\x1b[?2031h\x1b[3;5r")
    before = dirty.mode_reset()
    assert before
    dirty.feed(before)
    assert dirty.mode_reset() == b""


def test_a_screen_that_has_not_seen_everything_resets_what_it_may(screen: Screen) -> None:
    """A guard that came late does not know that the client has set bracketed paste."""
    resets = screen.mode_reset(blind=True)
    for each in (b"\x1b[?2004l", b"\x1b[?1000l", b"\x1b[?25h", b"\x1b[<u", b"\x1b[>4m"):
        assert each in resets
    assert b"1049" not in resets, "leaving the alternate screen moves the cursor, so only if it is known"
    clean = Screen(40, 10)
    clean.feed(b"$ \x1b[5;5H" + resets + b"x")
    assert clean.rows()[4] == "    x", "where nothing was set, nothing happens"


# Anything at all

_PIECES = [
    "\x1b[?2026h",
    "\x1b[?2026l",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "\x1b[2J\x1b[H",
    "\x1b[5A",
    "\x1b[99;99H",
    "\x1b[3;2r",
    "\x1b[?6h",
    "\x1b]0;",
    "\x1b\\",
    "\x07",
    "\x1bP",
    "\x1b_G",
    "─" * 20,
    "\r\n> ",
    "\r\n❯\xa0",
    "\r\n✻ API error · retrying in 9s · attempt 5/10",
    "\r\n  ⎿  API Error · Retrying in 4 seconds… (attempt 99999999999999999999/10)",
    "\r\n● ",
    "👩‍👩‍👧",
    "\u0301",
    "\x1b[38;2;255;0;0m",
    "\x1b[31m",
    "\r",
]
_anything = st.lists(
    st.binary(max_size=20) | st.sampled_from([piece.encode() for piece in _PIECES]), max_size=25
)
_sizes = st.tuples(st.integers(1, 120), st.integers(1, 50))


@settings(max_examples=150, deadline=None)
@given(chunks=_anything, first=_sizes, then=_sizes)
def test_whatever_comes(chunks: list[bytes], first: tuple[int, int], then: tuple[int, int]) -> None:
    """No bytes and no size make the screen, the region, the detector or the mend raise."""
    screen = Screen(*first)
    detector = Detector(shipped())
    for number, chunk in enumerate(chunks):
        screen.feed(chunk)
        if number == len(chunks) // 2:
            screen.resize(*then)
        rows = screen.rows()
        assert len(rows) <= max(first[1], then[1])
        live_region(rows, screen.columns)
        detector.frame(screen, float(number), settled=bool(number % 2))
        screen.mode_reset()
        before_continue(b"".join(chunks), screen.cursor_row, screen.alternate)
    assert screen.title is not None
    assert isinstance(screen.at_rest, bool)


def test_sizes_of_nothing_are_ignored(screen: Screen) -> None:
    screen.resize(0, 0)
    screen.resize(0, 5)
    assert screen.columns == 40
