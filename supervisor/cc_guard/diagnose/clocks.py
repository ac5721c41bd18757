"""This machine's clocks, and a mark of them that later tells how long it slept and whether one was set.

The guard makes one when it starts, and hands it to each diagnosis. Lean: the guard imports this file.
"""

import re
import time

MARK = "CC_GUARD_CLOCKS"  # the variable in which a diagnosis finds the mark


def mark(wall: float | None = None, awake: float | None = None, whole: float | None = None) -> str:
    """The three clocks now, in seconds: wall clock; time this boot without sleep; time this boot."""
    values = (
        time.time() if wall is None else wall,
        running() if awake is None else awake,
        since_boot() if whole is None else whole,
    )
    return ":".join(f"{value:.3f}" for value in values)


def parse_mark(text: str) -> tuple[float, float, float] | None:
    if not re.fullmatch(r"(?:\d{1,12}\.\d{1,6}(?::(?!$)|$)){3}", text, re.ASCII):
        return None
    wall, awake, whole = map(float, text.split(":"))
    return wall, awake, whole


def running() -> float:
    """Stands still while the machine sleeps: CLOCK_MONOTONIC on Linux, CLOCK_UPTIME_RAW on macOS,
    clock_gettime(2) and (3)."""
    return time.clock_gettime(getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC))


def since_boot() -> float:
    """Goes on while the machine sleeps: CLOCK_BOOTTIME on Linux, CLOCK_MONOTONIC on macOS."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
