"""A terminal that was taken and given back is as it was, whatever the client had set."""

import pyghostty
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.screen.model import Screen
from cc_guard.screen.takeover import Takeover, frozen, size, takeover

COLUMNS, ROWS = 40, 6
PICTURE = (
    "\x1b[38;2;255;0;0mred \x1b[1mbold\x1b[m plain\r\n\x1b[44;3mon blue   \x1b[m\r\n"
    "\x1b[2mfaint\x1b[22m \x1b[4:3mcurly\x1b[m 日本 \x1b[38;5;200mpink\x1b[m"
).encode()
_CUT_OFF = ("", "\x1b", "\x1b[38;2;1", "\x1b]52;c;abc", "\x1b_mark", "\x1b[?2026h", "日"[:1])
_SETTINGS = (
    "\x1b[?2004h",
    "\x1b[?1004h",
    "\x1b[?2031h",
    "\x1b[?1000h",
    "\x1b[?1000h\x1b[?1002h\x1b[?1003h\x1b[?1006h",
    "\x1b[?1h",
    "\x1b[>1u",
    "\x1b[>4;2m",
    "\x1b[?25l",
    "\x1b[?7l",
    "\x1b[?66h",
)
# As an app leaves a terminal that is cut off.
_APP = b"\x1b[?2026h\x1b[3;3H\x1b[1;7mhello\x1b[48;5;1m" + b"x" * 100


def _state(output: bytes) -> tuple[object, ...]:
    terminal, screen = pyghostty.Terminal(COLUMNS, ROWS), Screen(COLUMNS, ROWS)
    terminal.feed(output)
    screen.feed(output)
    # Two modes that no reset is written for; the other keys' mode is not in the library.
    others = output.rfind(b"\x1b[>4;2m") > output.rfind(b"\x1b[>4m")
    kitty = terminal.get("kitty_keyboard_flags", "uint8_t")
    more = [terminal.mode(mode) for mode in (6, 1047, 1049, 2026)]
    reset = screen.mode_reset().replace(b"\x1b[>4m", b"")
    return reset, more, kitty, others, terminal.cursor, terminal.contents(), frozen(screen)


def _taken(client: bytes) -> Takeover:
    screen = Screen(COLUMNS, ROWS)
    screen.feed(client)
    return takeover(screen, frozen(screen))


@given(st.booleans(), st.sets(st.sampled_from(_SETTINGS)), st.sampled_from(_CUT_OFF))
def test_as_it_was(alternate: bool, settings: set[str], cut_off: str) -> None:
    client = (b"\x1b[?1049h" if alternate else b"") + "".join(sorted(settings)).encode() + PICTURE
    over = _taken(client)
    assert bool(over.paint) == alternate
    after = client + over.enter + _APP + cut_off.encode() + over.leave + over.paint
    assert _state(after) == _state(client)


@given(st.sets(st.sampled_from(_SETTINGS)))
def test_a_screen_of_ours_starts_from_one_state(settings: set[str]) -> None:
    """An empty screen, clicks and the wheel, and nothing else that the client has set."""
    client = "".join(sorted(settings)).encode() + PICTURE
    seen = client + _taken(client).enter
    screen, terminal = Screen(COLUMNS, ROWS), pyghostty.Terminal(COLUMNS, ROWS)
    screen.feed(seen)
    terminal.feed(seen)
    there = {mode for mode in (1, 6, 9, 25, 66, 1002, 1003, 1004, 2004, 2031) if terminal.mode(mode)}
    assert there == set()
    assert terminal.mode(1000)
    assert terminal.mode(1006)
    assert terminal.mode(7)
    assert terminal.get("kitty_keyboard_flags", "uint8_t") == 0
    assert screen.text().strip() == ""
    assert terminal.cursor == (0, 0)


def test_where_the_client_had_scrolled() -> None:
    client = b"".join(b"line %d\r\n" % n for n in range(30)) + b"\x1b[2Ahere"
    over = _taken(client)
    assert _state(client + over.enter + _APP + b"\r\n" * 20 + over.leave) == _state(client)


@pytest.mark.parametrize("alternate", [b"", b"\x1b[?1049h"])
def test_the_picture_is_rows_with_colours_and_nothing_else(alternate: bytes) -> None:
    screen = Screen(COLUMNS, ROWS)
    screen.feed(alternate + b"\x1b]0;title\x07" + PICTURE)
    rows = frozen(screen).decode().split("\n")
    assert size(screen) == (ROWS, COLUMNS)
    assert "\x1b[38;2;255;0;0mred" in rows[0]
    assert "\x1b[48;5;4m" in rows[1]
    assert "日本" in rows[2]
    assert not any("\x1b]" in row for row in rows)
    assert screen.text().startswith("red bold plain\non blue"), "the model still gives plain text"
