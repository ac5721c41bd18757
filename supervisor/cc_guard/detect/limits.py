"""When a usage limit is over, by the client's own words. Pure but for the zone files of the system."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_EPOCH = re.compile(r"limit reached\|(\d{10})\b")  # 1.x, in seconds
_ISO = re.compile(r"resets? (?:at )?(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d) UTC")
_CLOCK = re.compile(
    r"""\bresets?\s(?:at\s)?
    (?:(?P<month>[A-Z][a-z]{2})[a-z]*\s(?P<day>\d{1,2}),?\s(?:at\s)?)?
    (?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s?(?P<half>[ap]m)\b
    (?:\s*\((?P<zone>[A-Za-z]+(?:/[A-Za-z0-9_+-]+)*)\))?(?!\s*\()""",
    re.VERBOSE | re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_JUST_OVER_S = 120.0  # a time of the clock that has just passed is today's, not tomorrow's
# A week is the longest limit; with some days to spare.
_LONGEST_S = 10 * 86400.0


def over_at(text: str, now: float) -> float | None:
    """Epoch seconds; None where the text does not say, or says what can't be: `resets Monday`, a time more
    than ten days away. A time without a zone is this machine's."""
    words = " ".join(text.split())
    found = _epoch(words) or _iso(words) or _clock(words, now)
    return found if found is not None and -_JUST_OVER_S <= found - now <= _LONGEST_S else None


def _epoch(words: str) -> float | None:
    match = _EPOCH.search(words)
    return float(match[1]) if match else None


def _iso(words: str) -> float | None:
    match = _ISO.search(words)
    try:
        year, month, day, hour, minute = map(int, match.groups()) if match else (0,) * 5
        return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() if match else None
    except ValueError:
        return None


def _clock(words: str, now: float) -> float | None:
    match = _CLOCK.search(words)
    if match is None:
        return None
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if not 1 <= hour <= 12 or minute > 59:
        return None
    hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
    try:
        zone: tzinfo | None = ZoneInfo(match["zone"]) if match["zone"] else None
        here = datetime.fromtimestamp(now, zone)
        at = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if match["month"]:
            at = at.replace(month=_MONTHS.index(match["month"].lower()) + 1, day=int(match["day"]))
            if at.timestamp() < now - _LONGEST_S:
                at = at.replace(year=at.year + 1)
        elif at.timestamp() < now - _JUST_OVER_S:
            at += timedelta(days=1)
        return at.timestamp()
    except (ValueError, KeyError, OSError, OverflowError):  # no such day, no such zone, no zone files
        return None
