"""When a usage limit is over, by the words of all eras."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.detect.limits import over_at

NOW = datetime(2026, 1, 28, 12, 0, tzinfo=UTC).timestamp()


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: str = "UTC") -> float:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Claude AI usage limit reached|1769610000", 1769610000.0),
        ("You've hit your limit · resets 1:30am (Asia/Dhaka)", at(2026, 1, 29, 1, 30, zone="Asia/Dhaka")),
        (
            "You've hit your limit · resets Jan 30, 11:30am (Asia/Calcutta)",
            at(2026, 1, 30, 11, 30, zone="Asia/Calcutta"),
        ),
        ("You've hit your session limit · resets 3:45pm (UTC)", at(2026, 1, 28, 15, 45)),
        (
            "Claude usage limit reached. Your limit will reset at 10am \n     (America/Lima).",
            at(2026, 1, 28, 10, zone="America/Lima"),
        ),
        (
            "You've hit your weekly limit · resets Feb 2, 4pm (Europe/Rome)",
            at(2026, 2, 2, 16, zone="Europe/Rome"),
        ),
        ("spend limit reached (daily; resets 2026-01-29 00:00 UTC)", at(2026, 1, 29)),
        ("resets 11:59am (UTC)", at(2026, 1, 28, 11, 59)),
        ("resets 11:00am (UTC)", at(2026, 1, 29, 11)),
        ("resets 12am (UTC)", at(2026, 1, 29)),
        ("resets 12:30pm (UTC)", at(2026, 1, 28, 12, 30)),
        ("You've hit your team's shared budget · resets Monday", None),
        ("You've hit your limit", None),
        ("resets 13pm (UTC)", None),
        ("resets Jan 32, 3pm (UTC)", None),
        ("resets Jun 7, 4pm (Europe/Rome)", None),
        ("resets 3pm (Middle/Earth)", None),
        ("resets 3pm (../../etc/passwd)", None),
    ],
)
def test_words(text: str, expected: float | None) -> None:
    assert over_at(text, NOW) == expected


def test_over_the_turn_of_the_year() -> None:
    now = datetime(2026, 12, 30, 12, tzinfo=UTC).timestamp()
    assert over_at("resets Jan 2, 3pm (UTC)", now) == at(2027, 1, 2, 15)


def test_without_a_zone_it_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert over_at("5-hour limit reached ∙ resets 11pm", NOW) == at(2026, 1, 28, 23, zone="Asia/Tokyo")
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text(max_size=80), st.floats(0, 4e9))
def test_no_text_breaks_it(text: str, now: float) -> None:
    found = over_at(f"limit reached · resets {text}", now)
    assert found is None or abs(found - now) <= 11 * 86400
