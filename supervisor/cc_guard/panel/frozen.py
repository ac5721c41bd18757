"""The client's last screen, as it stood when the client was paused: a picture in its own colours."""

import re
from collections.abc import Iterator

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.filter import LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

_PART = re.compile(r"\x1b\[([\d;:]*)m|([^\x1b]+)|\x1b\[[^@-~]*[@-~]|\x1b.?")
_SWITCHES = {
    1: Style(bold=True),
    2: Style(dim=True),
    3: Style(italic=True),
    4: Style(underline=True),
    5: Style(blink=True),
    7: Style(reverse=True),
    8: Style(conceal=True),
    9: Style(strike=True),
}
_FOREGROUND, _BACKGROUND, _UNDERLINE = 38, 48, 58


class Frozen(Widget):
    """What does not fit on the right is cut off; the rest stands where it stood."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Strip] = []

    def show(self, picture: str) -> None:
        """Rows with SGR sequences, as screen/takeover.py has them."""
        self._rows = [Strip(list(segments(row))) for row in picture.split("\n")]
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Past the styles of this app: defaults are the terminal's own."""
        return [self._row(y).crop_extend(crop.x, crop.right, None) for y in range(crop.y, crop.bottom)]

    def get_line_filters(self) -> list[LineFilter]:
        return []

    def _row(self, y: int) -> Strip:
        return self._rows[y] if y < len(self._rows) else Strip.blank(0)


def segments(row: str) -> Iterator[Segment]:
    style = Style.null()
    for match in _PART.finditer(row):
        sgr, text = match[1], match[2]
        if sgr is not None:
            style = _applied(style, sgr)
        elif text:
            shown = "".join(c for c in text if c.isprintable())
            if shown:
                yield Segment(shown, style)


def _applied(style: Style, parameters: str) -> Style:
    """Of SGR (ECMA-48, 8.3.117), what the screen model writes: a reset before each change, then what is set.
    The kind of an underline comes as `4:3`."""
    fields = iter(parameters.split(";"))
    for field in fields:
        number = int(field.partition(":")[0] or 0)
        if number == 0:
            style = Style.null()
        elif number in _SWITCHES:
            style += _SWITCHES[number]
        elif number in (_FOREGROUND, _BACKGROUND, _UNDERLINE):
            colour = _colour(fields)
            if number == _FOREGROUND:
                style += Style(color=colour)
            elif number == _BACKGROUND:
                style += Style(bgcolor=colour)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style += Style(color=_named(number))
        elif 40 <= number <= 47 or 100 <= number <= 107:
            style += Style(bgcolor=_named(number - 10))
    return style


def _named(number: int) -> Color:
    return Color.from_ansi(number - 30 if number < 90 else number - 82)


def _colour(fields: Iterator[str]) -> Color:
    def number() -> int:
        return min(int(next(fields, "0") or 0), 255)

    if number() == 2:
        return Color.from_rgb(number(), number(), number())
    return Color.from_ansi(number())
