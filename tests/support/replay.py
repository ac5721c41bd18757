"""A recording through the product's screen model and detector, with the frame ends of the live guard."""

import gzip
import json
from pathlib import Path

from cc_guard.detect.retries import RetryDetector
from cc_guard.detect.signatures import shipped
from cc_guard.incident.record import Symptom
from cc_guard.screen.model import Screen

FOLDER = Path(__file__).parent.parent / "recordings"
_QUIET_S = 0.04
_LOOK_AGAIN_S = 0.12


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


def symptoms(path: Path) -> list[Symptom]:
    columns, rows, output = events(path)
    screen = Screen(columns, rows)
    detector = RetryDetector(shipped())
    found: list[Symptom] = []

    def look(t: float, settled: bool) -> None:
        if not screen.synchronized and screen.at_rest:
            symptom = detector.frame(screen, t, settled)
            if symptom is not None:
                found.append(symptom)

    for (t, data), (following, _) in zip(output, [*output[1:], (float("inf"), b"")], strict=True):
        screen.feed(data)
        if b"\x1b[?2026l" in data:
            look(t, settled=False)
        at = t + _QUIET_S
        while at < following and (at == t + _QUIET_S or detector.pending):
            look(at, settled=True)
            at += _LOOK_AGAIN_S
    return found
