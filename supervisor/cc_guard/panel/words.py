"""Numbers, times and kinds of trouble in people's words. Pure."""

import time
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"

KINDS = {
    "connection": "The connection to the API fails",
    "timeout": "The API does not answer in time",
    "stall": "An answer stopped in the middle",
    "tls": "The encrypted connection is not trusted",
    "proxy": "The proxy does not let the request through",
    "server_error": "The API answers with an error of its own",
    "overloaded": "The API is overloaded",
    "rate_limit": "The API says: too many requests",
    "usage_limit": "Your usage limit is reached",
    "auth": "The API does not accept the sign-in",
    "bad_request": "The API refuses the request as invalid",
    "too_large": "The request is too large for the API",
}

LEVELS = {
    1: "It touches Claude Code only.",
    2: "It touches things of yours, and can be taken back.",
    3: "It needs administrator rights (sudo), and can be taken back.",
}

OUTCOMES = {
    "recovered": ("✓", "ok"),
    "failed": ("✗", "bad"),
    "released": ("–", "warn"),
    "abandoned": ("–", "off"),
    "open": ("…", "busy"),
}


def span(seconds: float) -> str:
    """`7 s`, `2 min 05 s`, `3 h 12 min`, `2 d 4 h`."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def milliseconds(value: float) -> str:
    return f"{value:.0f} ms" if value < 1000 else seconds(value / 1000)


def size(mb: float) -> str:
    return f"{mb / 1024:.1f} GB" if mb >= 1000 else f"{mb:.0f} MB"


def short(seconds: float) -> str:
    """In its largest unit alone."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def clock(t: float, with_seconds: bool = True) -> str:
    return time.strftime("%H:%M:%S" if with_seconds else "%H:%M", time.localtime(t))


def day(t: float, now: float) -> str:
    """With the day, when it is not today."""
    there = time.localtime(t)
    same = there[:3] == time.localtime(now)[:3]
    return time.strftime("%H:%M" if same else "%b %d", there)


def certainty(confidence: float) -> str:
    """By the steps of cc_guard.diagnose.rules.case: two findings agree, one without another reading, one of
    several readings, a guess."""
    if confidence >= 0.9:
        return "sure"
    if confidence >= 0.7:
        return "very likely"
    return "likely" if confidence >= 0.5 else "a guess"


def spark(values: Sequence[float], width: int) -> str:
    """The last `width` values as bars, from 0 to the highest."""
    shown = list(values)[-width:] if width > 0 else []
    top = max(shown, default=0.0)
    if top <= 0:
        return _BARS[0] * len(shown)
    return "".join(_BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1)] for value in shown)


def bar(part: float, width: int) -> tuple[str, str]:
    """The full and the empty end of a bar; `part` from 0 to 1."""
    full = round(min(max(part, 0.0), 1.0) * width)
    return "━" * full, "─" * (width - full)


def fitted(text: str, width: int) -> str:
    """In one line of `width` columns at most."""
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"
