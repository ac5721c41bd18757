"""Reading asciicast v2: https://docs.asciinema.org/manual/asciicast/v2/

A header, then one event a line: `[seconds, code, data]`. Of the codes `o` is output, `r` a new size
("COLUMNSxROWS"), `m` a marker; others are passed over, as that document asks.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_GZIP = b"\x1f\x8b"
_MOST_BYTES = 512 * 1024 * 1024  # unpacked; an hour of a busy session has 30 MB
LARGEST = 10_000
"""Columns or rows."""
_LONGEST_S = 10 * 366 * 86400.0
_LAST_START = 253_402_300_800.0 - 2 * _LONGEST_S  # no time of a recording is beyond the year 9999


class CastError(Exception):
    """Not a recording that can be read; the text says why and where, for people."""


@dataclass(frozen=True)
class Cast:
    """`events` are `(seconds since the start, code, data)`; `started` is in epoch seconds, 0 when unknown.
    `notes` is what this project's own recordings say of themselves."""

    path: str
    columns: int
    rows: int
    started: float
    events: tuple[tuple[float, str, str], ...]
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.events[-1][0] if self.events else 0.0


def read(path: str) -> Cast:
    """The recording in the file `path`, which may be packed by gzip. Raises CastError."""
    lines = _text(path).split("\n")
    header = _header(path, lines[0])
    columns, rows = _size(path, header.get("width"), header.get("height"))
    events = tuple(_events(path, lines))
    notes = header.get("cc-guard")
    notes = notes if isinstance(notes, dict) else {}
    started = _number(notes.get("started", header.get("timestamp")), _LAST_START)
    return Cast(path, columns, rows, started or 0.0, events, notes)


def _text(path: str) -> str:
    """Read once from its beginning to its end, so that a pipe will do as well."""
    try:
        with open(path, "rb") as file:
            packed = file.peek(2)[:2] == _GZIP
            source = gzip.GzipFile(fileobj=file) if packed else file
            data = source.read(_MOST_BYTES + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:  # ValueError: a zero byte in the path
        raise CastError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}.") from None
    if len(data) > _MOST_BYTES:
        raise CastError(f"{path} is too large: more than {_MOST_BYTES >> 20} MB.")
    return data.decode("utf-8", "surrogateescape")


def _header(path: str, line: str) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or "version" not in header:
        raise CastError(f"{path} is no asciicast: its first line is not a header.")
    if header["version"] != 2 or isinstance(header["version"], bool):
        raise CastError(
            f"{path} is asciicast version {header['version']!r:.20}; version 2 is needed."
            " `asciinema convert` makes one of the other."
        )
    return header


def _size(path: str, columns: object, rows: object) -> tuple[int, int]:
    if type(columns) is not int or type(rows) is not int:
        raise CastError(f"{path}: the header has no width and height.")
    if not (0 < columns <= LARGEST and 0 < rows <= LARGEST):
        raise CastError(f"{path}: a terminal of {columns!s:.20}x{rows!s:.20} is not possible.")
    return columns, rows


def _events(path: str, lines: list[str]) -> Iterator[tuple[float, str, str]]:
    last = 0.0
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            if not any(line.strip() for line in lines[number:]):
                return  # a recording that was cut off: what is whole counts
            raise CastError(f"{path}, line {number}: not valid JSON.") from None
        match event:
            case [t, str(code), str(data)] if (seconds := _number(t, _LONGEST_S)) is not None:
                last = max(last, seconds)
                yield last, code, data
            case _:
                raise CastError(f"{path}, line {number}: not an event of the form [time, code, data].")


def _number(value: object, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= most else None  # also for NaN
