"""Colours of themes, however few of them a terminal has."""

import pytest

from cc_guard.screen.colours import is_ansi, is_chromatic
from cc_guard.screen.model import Colour, Screen
from tests.unit.pictures import THEMES


def drawn(sequence: str) -> Colour:
    screen = Screen(10, 2)
    screen.feed(f"{sequence}x".encode())
    return screen.colour(0, 0)


@pytest.mark.parametrize("theme", [name for name in THEMES if name != "no colour"])
def test_errors_and_what_is_at_work_have_a_colour_and_greys_have_none(theme: str) -> None:
    for name in "EOWBR":
        assert is_chromatic(drawn(THEMES[theme][name])), name
    for name in "GP":
        assert not is_chromatic(drawn(THEMES[theme][name])), name


@pytest.mark.parametrize(
    "sequence",
    [
        *("38;2;0;0;0", "38;2;255;255;255", "38;2;136;136;136", "38;2;80;80;80"),
        *("30", "37", "90", "97", "38;5;0", "38;5;7", "38;5;8", "38;5;15"),
        *("38;5;16", "38;5;231", "38;5;232", "38;5;244", "38;5;246", "38;5;255", "38;5;59", "38;5;145"),
        *("39", "0", "1", "2", "7"),
    ],
)
def test_black_white_and_grey_in_every_form(sequence: str) -> None:
    assert not is_chromatic(drawn(f"\x1b[{sequence}m"))


@pytest.mark.parametrize(
    "sequence",
    [
        *("38;2;255;107;128", "38;2;171;43;63", "38;2;255;102;102", "38;2;204;0;0", "38;2;255;193;7"),
        *("38;2;215;119;87", "38;2;177;185;249"),
        *("31", "91", "33", "34", "38;5;1", "38;5;9", "38;5;210", "38;5;211", "38;5;174", "38;5;196"),
    ],
)
def test_colours_in_every_form(sequence: str) -> None:
    assert is_chromatic(drawn(f"\x1b[{sequence}m"))


def test_the_colours_that_a_terminal_names() -> None:
    assert is_ansi(drawn("\x1b[31m"))
    assert is_ansi(drawn("\x1b[91m"))
    assert is_ansi(drawn("\x1b[38;5;9m"))
    assert not is_ansi(drawn("\x1b[38;5;211m"))
    assert not is_ansi(drawn("\x1b[38;2;255;0;0m"))
    assert not is_ansi(drawn("\x1b[m"))


def test_every_colour_is_something() -> None:
    for number in range(256):
        colour = drawn(f"\x1b[38;5;{number}m")
        assert colour == ("palette", number)
        assert is_ansi(colour) == (number < 16)
        assert isinstance(is_chromatic(colour), bool)


def test_attributes_are_no_colours() -> None:
    """Faint, inverse and bold are drawn with the colour that was set."""
    assert drawn("\x1b[2;31m") == drawn("\x1b[31m")
    assert drawn("\x1b[7;2m") is None
    assert is_chromatic(drawn("\x1b[1;31;44m"))
    assert not is_chromatic(drawn("\x1b[41m")), "a background says nothing"
