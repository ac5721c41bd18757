"""How many cells a text takes on a terminal: UAX #11 for wide characters; marks take none."""

import unicodedata


def width(text: str) -> int:
    """Cells of `text`; what a terminal makes of joined emoji differs, and is not followed here."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
