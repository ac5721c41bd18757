"""A row as runs of one style: what is grey, inverse or coloured on it.

The terminal library writes a row as text with SGR sequences in one call, which is ten times as quick as
asking for every cell. Beside `Screen` itself, only this file and takeover.py know its inside.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cc_guard.screen.colours import is_chromatic
from cc_guard.screen.model import Colour, Screen
from cc_guard.screen.width import width

_Style = tuple[Colour, bool, bool]
"""Foreground, faint, inverse."""

_PLAIN: _Style = (None, False, False)
_SEQUENCE = re.compile(r"\x1b\[([\d;:]*)m|\x1b\].*?\x1b\\|[\r\n]+")
_PALETTE = b"\x1b]4;"  # stands before the rows, all 256 of it
_STRING_END = b"\x1b\\"


@dataclass(frozen=True, slots=True)
class Run:
    text: str
    column: int
    colour: Colour
    faint: bool
    inverse: bool

    @property
    def end(self) -> int:
        return self.column + width(self.text)

    @property
    def plain(self) -> bool:
        """In the colour of ordinary text."""
        return self.colour is None and not self.faint

    @property
    def grey(self) -> bool:
        return not self.plain and not is_chromatic(self.colour)


def runs(screen: Screen, row: int) -> list[Run]:
    """From the left edge to the last cell that shows something."""
    found: list[Run] = []
    column = 0
    for text, (colour, faint, inverse) in _parts(styled(screen, row, row).decode()):
        found.append(Run(text, column, colour, faint, inverse))
        column = found[-1].end
    return found


def cursor(screen: Screen) -> tuple[int, int]:
    """Column and row of the terminal's own cursor, shown or hidden."""
    column, row = screen._terminal.cursor
    return int(column), int(row)


def styled(screen: Screen, first: int, last: int) -> bytes:
    """Rows `first` to `last` with SGR sequences and nothing else, CR LF between them, UTF-8."""
    lib, form = screen._lib, screen._format
    screen._selection.start = screen._at(0, first)[0]
    screen._selection.end = screen._at(screen.columns - 1, last)[0]
    form.emit = lib.GHOSTTY_FORMATTER_FORMAT_VT
    try:
        for _ in range(2):
            result = lib.ghostty_terminal_selection_format_buf(
                screen._handle, form[0], screen._buffer, len(screen._buffer), screen._size
            )
            if result != lib.GHOSTTY_OUT_OF_SPACE:
                break
            screen._buffer = screen._ffi.new("uint8_t[]", screen._size[0] + 4096)
    finally:
        form.emit = lib.GHOSTTY_FORMATTER_FORMAT_PLAIN
    if result:
        raise OSError(f"libghostty-vt can't show rows {first} to {last}: error {result}")
    data = bytes(screen._ffi.buffer(screen._buffer, screen._size[0]))
    palette = data.rfind(_PALETTE)
    start = data.index(_STRING_END, palette) + len(_STRING_END) if palette >= 0 else 0
    return data[start:]


def _parts(text: str) -> Iterator[tuple[str, _Style]]:
    style, at = _PLAIN, 0
    for match in _SEQUENCE.finditer(text):
        if match.start() > at:
            yield text[at : match.start()], style
        if match[1] is not None:
            style = _applied(style, match[1])
        at = match.end()
    if at < len(text):
        yield text[at:], style


def _applied(style: _Style, parameters: str) -> _Style:
    """Of SGR, what the library writes: a reset before each change, then what is set."""
    colour, faint, inverse = style
    numbers = iter(int(number or 0) for number in re.split("[;:]", parameters))
    for number in numbers:
        if number == 0:
            colour, faint, inverse = _PLAIN
        elif number == 2:
            faint = True
        elif number == 7:
            inverse = True
        elif 30 <= number <= 37:
            colour = "palette", number - 30
        elif 90 <= number <= 97:
            colour = "palette", number - 82
        elif number in (38, 48, 58):
            value = _colour(numbers)
            colour = value if number == 38 else colour
        elif number == 4:
            break  # the kind of an underline may follow
    return colour, faint, inverse


def _colour(numbers: Iterator[int]) -> Colour:
    if next(numbers, 5) == 2:
        return "rgb", (next(numbers, 0), next(numbers, 0), next(numbers, 0))
    return "palette", next(numbers, 0)
