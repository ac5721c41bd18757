"""Taking a terminal from a client that stands still, and giving it back as it was: bytes for both, and the
picture that the client has left.

On the main screen the terminal keeps the picture itself, below the alternate one. A client on the alternate
screen has that taken from it, so its picture is painted again. Like cells.py, this file knows the inside of
`Screen`.
"""

from dataclasses import dataclass

from cc_guard.screen.cells import styled
from cc_guard.screen.model import Screen

# Private modes that a client may have set and that a screen of ours must not have: paste and focus reports,
# mouse, keypad, scheme reports.
_OTHERS = (1, 66, 9, 1000, 1002, 1003, 1005, 1006, 1015, 1016, 1004, 2004, 2031)
_MOUSE = (1000, 1006)  # clicks and the wheel, in decimal
_WRAP, _CURSOR = 7, 25


@dataclass(frozen=True)
class Takeover:
    """`enter` and `leave` change modes alone (and which screen is shown); `paint` brings back a picture that
    the terminal does not keep, behind `leave`; empty where it does."""

    enter: bytes
    leave: bytes
    paint: bytes


def takeover(screen: Screen, picture: bytes) -> Takeover:
    """`picture` is that of `screen`, as `frozen` gives it."""
    terminal = screen._terminal
    there = [mode for mode in _OTHERS if terminal.mode(mode)]
    kitty = bool(terminal.get("kitty_keyboard_flags", "uint8_t"))
    wraps, shown = bool(terminal.mode(_WRAP)), bool(terminal.mode(_CURSOR))
    own = not screen.alternate

    enter = "".join(f"\x1b[?{mode}l" for mode in there)
    enter += "\x1b[>4m" if screen._other_keys else ""
    enter += "\x1b[?1049h" if own else ""
    # The kitty protocol has a stack for each screen; where a terminal has one for both, this is right too.
    enter += "\x1b[>0u" if kitty else ""
    enter += "\x1b[m\x1b[r\x1b[?25l" + ("" if wraps else "\x1b[?7h") + "\x1b[H\x1b[2J"
    enter += "".join(f"\x1b[?{mode}h" for mode in _MOUSE)

    # The string end first: what was under way may have been a string.
    leave = "\x1b\\\x1b[?2026l" + "".join(f"\x1b[?{mode}l" for mode in reversed(_MOUSE))
    leave += "\x1b[m\x1b[r" + ("\x1b[<u" if kitty else "")
    leave += "\x1b[?1049l" if own else ""
    leave += "" if wraps else "\x1b[?7l"
    leave += "\x1b[>4;2m" if screen._other_keys else ""  # what all clients set (CLAUDE_CODE.md)
    leave += "".join(f"\x1b[?{mode}h" for mode in there) + ("\x1b[?25h" if shown else "")
    return Takeover(enter.encode(), leave.encode(), b"" if own else _paint(screen, picture))


def frozen(screen: Screen) -> bytes:
    """The picture: rows with SGR sequences and nothing else, `\\n` between them, UTF-8."""
    return styled(screen, 0, size(screen)[0] - 1).replace(b"\r\n", b"\n")


def size(screen: Screen) -> tuple[int, int]:
    """Rows and columns."""
    return screen._get("ROWS"), screen.columns


def _paint(screen: Screen, picture: bytes) -> bytes:
    column, row = screen._terminal.cursor
    rows = b"".join(b"\x1b[%d;1H%s\x1b[m" % (at, text) for at, text in enumerate(picture.split(b"\n"), 1))
    return b"\x1b[m\x1b[2J%s\x1b[%d;%dH" % (rows, row + 1, column + 1)
