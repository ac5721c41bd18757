"""Numbers and times in people's words, and lines that fit."""

import pytest

from cc_guard.panel import words
from cc_guard.panel.state import read
from cc_guard.panel.widgets.page import Page


@pytest.mark.parametrize(
    ("value", "long", "short"),
    [
        (-3, "0 s", "0 s"),
        (7.9, "7 s", "8 s"),
        (125, "2 min 05 s", "2 min"),
        (11520, "3 h 12 min", "3 h"),
        (187200, "2 d 4 h", "2 d"),
    ],
)
def test_spans(value: float, long: str, short: str) -> None:
    assert words.span(value) == long
    assert words.short(value) == short


def test_bars_and_sparks() -> None:
    assert words.spark([0, 1, 2, 4], 4) == "▁▃▅█"
    assert words.spark([1, 2, 4], 2) == "▅█", "the latest"
    assert words.spark([0, 0], 5) == "▁▁"
    assert words.spark([1], 0) == words.spark([], 5) == ""
    assert words.bar(0.4, 10) == ("━━━━", "──────")
    assert words.bar(7, 3) == ("━━━", "")


@pytest.mark.parametrize("width", [12, 28, 80])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    page = Page(width)
    page.words("a " * 60 + "b" * 90 + "\n  indented " + "c" * 50, "", ("▸ ", ""))
    page.words("日本語のとても長い文章です" * 6)
    page.ends(("left" * 9, ""), ("right", ""))
    content = page.content()
    assert content is not None
    assert max(line.cell_length for line in content.split("\n")) <= width


def test_what_is_no_number_or_time_is_left_out() -> None:
    told = {"vitals": {"first_words_s": [1, True, "x", float("nan"), 1e300, 2.5], "ports": "many"}}
    vitals = read({**told, "question": {"id": 5}, "incident": {"started_at": "soon"}}).vitals
    assert vitals.first_words_s == (1.0, 2.5)
    assert vitals.ports is None
    assert read({"incident": {"started_at": "soon"}}).incident.started_at is None  # type: ignore[union-attr]
    assert read({"question": {"id": 5}}).question is None
