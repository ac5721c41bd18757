"""The recordings, as bytes with their times."""

import gzip
import json
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "recordings"


def events(path: Path) -> tuple[int, int, list[tuple[float, bytes]]]:
    """Columns, rows, and the output with its times."""
    with gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape") as file:
        header = json.loads(file.readline())
        rows = [json.loads(line) for line in file]
    output = [(t, data.encode("utf-8", "surrogateescape")) for t, kind, data in rows if kind == "o"]
    return header["width"], header["height"], output


def around(path: Path, marker: str) -> tuple[int, int, bytes, bytes]:
    """Columns, rows, and all output before and after a marker such as SIGSTOP."""
    columns, rows, output = events(path)
    with gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape") as file:
        times = [row[0] for row in map(json.loads, list(file)[1:]) if row[1:] == ["m", marker]]
    before = b"".join(data for t, data in output if t <= times[0])
    return columns, rows, before, b"".join(data for t, data in output if t > times[0])
