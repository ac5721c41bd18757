"""A pasted text as rows: without escape sequences, borders and glyphs, whatever program it went through."""

import re
from typing import NamedTuple

MOST = 1_000_000  # bytes at the end of a paste that are looked at

_ESCAPES = re.compile(
    r"\x1b\[\d*C"  # cursor right: written instead of blanks; becomes one
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|$)"  # OSC, DCS, APC…
    r"|\x1b[ -/]*[0-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200b-\u200f\u2060\ufeff]")
_BREAKS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_BLANKS = str.maketrans(dict.fromkeys("\t\xa0\u2000\u2001\u2002\u2003\u2007\u2009\u202f\u3000", " "))

_GLYPHS = "●⏺⎿✻✶✢✳✽∗❯>⚠✗✘×※◐◑"
_BORDERS = "│┃║▏▕┆"
_LEFT = re.compile(rf"[ {_BORDERS}|]*(?P<glyph>[{_GLYPHS}·*](?=[ {_BORDERS}]|[A-Z\d]))?[ ]*")
_RIGHT = re.compile(rf"[ {_BORDERS}|]+$")
_RULE = re.compile(r"[─━═╌╭╮╰╯┌┐└┘▔▁_=\- ]{4,}$")


class Row(NamedTuple):
    """`text` begins at `column`, behind borders and `glyph` (`""` without one). `full` counts the columns up
    to the end of the text, to tell rows that were wrapped. A rule between parts of the screen has no text and
    the glyph `─`. A dot or a star may be a frame of the spinner, or a part of a sentence that was wrapped."""

    text: str
    glyph: str
    column: int
    full: int

    @property
    def opens(self) -> bool:
        """Something new begins in this row."""
        return self.glyph not in ("", "·", "*") and bool(self.text)

    @property
    def words(self) -> str:
        """All of the text, in a row that goes on with a sentence."""
        return f"{self.glyph} {self.text}" if self.glyph in ("·", "*") else self.text


def decode(data: bytes) -> str:
    """The end of what was pasted; bytes that are not UTF-8 become `\N{REPLACEMENT CHARACTER}`."""
    text = data[-MOST:].decode("utf-8", "replace")
    return text if len(data) <= MOST else text.partition("\n")[2] or text


def plain(text: str) -> str:
    """`text` without escape sequences and other control characters, with `\n` between the lines."""
    text = _ESCAPES.sub(lambda match: " " if match[0].endswith("C") else "", text)
    return _CONTROL.sub("", _BREAKS.sub("\n", text)).translate(_BLANKS)


def rows(text: str) -> list[Row]:
    return [_row(line) for line in text.split("\n")]


def _row(line: str) -> Row:
    line = _RIGHT.sub("", line)
    if _RULE.match(line):
        return Row("", "─", 0, len(line))
    left = _LEFT.match(line)
    assert left is not None  # it matches nothing, too
    glyphs, text = left["glyph"] or "", line[left.end() :]
    column = left.end()
    while glyphs and text and text[0] in _GLYPHS:  # `> ⎿  API Error`: quoted in a report
        more = _LEFT.match(text)
        if more is None or not more["glyph"]:
            break
        glyphs, column, text = more["glyph"], column + more.end(), text[more.end() :]
    return Row(text, glyphs, column, len(line))
