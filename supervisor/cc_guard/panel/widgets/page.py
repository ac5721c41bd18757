"""Lines of styled text that fit a width, with hanging indents."""

import textwrap

from rich.cells import cell_len
from textual.content import Content

Part = tuple[str, str]
"""Text and its style."""

DIM = "$dim"
TONES = {
    "ok": "$success",
    "busy": "$primary",
    "warn": "$warning",
    "bad": "$error",
    "ask": "$accent",
    "off": "$dim",
}
MARKS = {
    "pass": ("●", "$success"),
    "warn": ("▲", "$warning"),
    "fail": ("✗", "$error"),
    "skip": ("○", DIM),
    "na": ("–", DIM),
}
_UNKNOWN = ("○", DIM)
_NARROWEST = 10


def mark(state: str) -> Part:
    """The sign of a probe's result; shapes differ, not only colours."""
    return MARKS.get(state, _UNKNOWN)


class Page:
    def __init__(self, width: int) -> None:
        self.width = max(width, _NARROWEST)
        self._lines: list[list[Part]] = []

    def line(self, *parts: Part) -> None:
        self._lines.append(list(parts))

    def ends(self, left: Part, right: Part) -> None:
        """`left` and, at the other end of the line, `right`."""
        room = self.width - len(right[0]) - 1
        text = left[0] if len(left[0]) <= room else f"{left[0][: max(room - 1, 0)]}…"
        self.line((text, left[1]), (" " * (self.width - len(text) - len(right[0])), ""), right)

    def words(self, text: str, style: str = "", first: Part = ("", ""), most: int = 0) -> None:
        """Wrapped behind `first`, its further lines as far from the left; `most` lines, 0: all."""
        room = max(self.width - len(first[0]), _NARROWEST)
        lines = [
            line
            for row in text.splitlines()
            for line in textwrap.wrap(row, _fitting(row, room), subsequent_indent=_indent(row)) or [""]
        ]
        if most and len(lines) > most:
            lines = [*lines[: most - 1], f"{lines[most - 1][: room - 2]} …"]
        for number, line in enumerate(lines):
            self.line(first if number == 0 else (" " * len(first[0]), ""), (line, style))

    def content(self) -> Content | None:
        """None when nothing was written."""
        if not self._lines:
            return None
        parts: list[Part | str] = []
        for number, line in enumerate(self._lines):
            parts += ["\n"] if number else []
            parts += [part for part in line if part[0]]
        return Content.assemble(*parts)


def _fitting(row: str, room: int) -> int:
    """In characters; those of East Asia are two columns wide, and nobody minds a line that is too short."""
    return room if cell_len(row) == len(row) else max(room // 2, 1)


def _indent(row: str) -> str:
    """Of a line that starts with blanks, the same for the lines that it is broken into."""
    return row[: len(row) - len(row.lstrip())][:8]
