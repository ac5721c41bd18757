"""Reading asciicast v2: https://docs.asciinema.org/manual/asciicast/v2/

A header, then one event a line: `[seconds, code, data]`. Of the codes `o` is output, `r` a new size
("COLUMNSxROWS"), `m` a marker; others are passed over, as that document asks.
"""

import gzip
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_GZIP = b"\x1f\x8b"
_LARGEST = 10_000  # columns or rows
_YEAR_10000 = 253_402_300_800.0


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
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == _GZIP
        with gzip.open(path, "rb") if packed else open(path, "rb") as source:
            text = source.read().decode("utf-8", "surrogateescape")
    except (OSError, EOFError) as error:
        raise CastError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}.") from None
    lines = text.split("\n")
    header = _header(path, lines[0])
    events = tuple(_events(path, lines))
    columns, rows = _size(path, header.get("width"), header.get("height"))
    started = _time(header.get("timestamp"))
    notes = header.get("cc-guard")
    return Cast(
        path,
        columns,
        rows,
        started if started is not None and started <= _YEAR_10000 else 0.0,
        events,
        notes if isinstance(notes, dict) else {},
    )


def _header(path: str, line: str) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or "version" not in header:
        raise CastError(f"{path} is no asciicast: its first line is not a header.")
    if header["version"] != 2:
        raise CastError(
            f"{path} is asciicast version {header['version']}; version 2 is needed."
            " `asciinema convert` makes one of the other."
        )
    return header


def _size(path: str, columns: object, rows: object) -> tuple[int, int]:
    if not isinstance(columns, int) or not isinstance(rows, int):
        raise CastError(f"{path}: the header has no width and height.")
    if not (0 < columns <= _LARGEST and 0 < rows <= _LARGEST):
        raise CastError(f"{path}: a terminal of {columns}x{rows} is not possible.")
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
            case [t, str(code), str(data)] if (seconds := _time(t)) is not None:
                last = max(last, seconds)
                yield last, code, data
            case _:
                raise CastError(f"{path}, line {number}: not an event of the form [time, code, data].")


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
