"""Rows, transcripts and bytes that no client writes: nothing raises, and noise gives no symptom.

The long form is `python -m tests.proofs.fuzz`.
"""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard.channels.reader import ChannelReader
from cc_guard.channels.spool import HookEvent
from cc_guard.detect.detector import Detector
from cc_guard.detect.signatures import shipped
from cc_guard.incident.record import Symptom
from cc_guard.screen.model import Colour
from cc_guard.screen.region import last_block, live_region, plain_region
from tests.proofs import fuzz
from tests.unit.test_channels import Listener

GLYPHS = [
    *"●⏺⎿└✻✢·*>❯!$│╭─☐",
    "─" * 30,
    "  ",
    "     ",
    "\xa0",
    "✻ ",
    "  ⎿  ",
    "> ",
    "❯ ",
    ">\xa0",
    "❯\xa0",
    "you: ",
]
LETTERS = [
    "a",
    "服务",
    "e\u0301\u0302",
    "👩\u200d💻",
    "\u200b",
    "９",
    "٣",
    "9" * 30,
    "…",
    "(",
    ")",
    "/",
    "\t",
    "\u202e",
]
WORDS = [
    "Brewing… (esc to interrupt)",
    "Churned for 3s",
    "● Bash(ls)",
    "1/10",
    "503",
    "? for shortcuts",
    "error",
]
TROUBLE = [
    *(
        "API Error (",
        "Connection error.)",
        " · Retrying in 4 seconds… (attempt 4/10)",
        "TypeError (fetch failed)",
    ),
    *(
        "API error",
        " · retrying in 9s",
        " · attempt 5/10",
        "Retrying in 1s · attempt 1/10",
        " · retrying…",
        "attempt ",
    ),
    *(
        "Unable to connect to API",
        "Waiting for API response · will retry in 5s",
        "API Error: 503",
        "Please run /login · ",
    ),
    *("Interrupted by user", "[Request interrupted by user]", "API Error: Operation aborted."),
]
COLOURS: list[Colour] = [
    *(
        None,
        ("palette", 1),
        ("palette", 7),
        ("palette", 211),
        ("rgb", (255, 107, 128)),
        ("rgb", (153, 153, 153)),
    ),
    ("rgb", (215, 119, 87)),
]


class Sketch:
    """Rows that a terminal need not be able to show."""

    def __init__(self, rows: list[str], columns: int, colours: list[Colour]) -> None:
        self._rows, self.columns, self._colours = rows, columns, colours

    def rows(self) -> list[str]:
        return self._rows

    def text(self) -> str:
        return "\n".join(self._rows)

    def colour(self, column: int, row: int) -> Colour:
        assert isinstance(column, int)
        assert 0 <= row < len(self._rows)
        return self._colours[(column + 7 * row) % len(self._colours)]


def a_screen(pieces: list[str]) -> st.SearchStrategy[list[str]]:
    """Mostly with a box at its end, and a spinner above that."""
    row = st.lists(st.sampled_from(pieces), max_size=5).map("".join)
    rule = "─" * 30
    bottom: list[Callable[[str], list[str]]] = [
        lambda spinner: ["", f"✻ {spinner}", "", rule, ">\xa0", rule],
        lambda spinner: ["✻ Brewing…", "", rule, "❯\xa0" + spinner, rule, "esc to interrupt"],
        lambda spinner: [spinner, "manual mode on  ·  esc to interrupt", "effort: high", "$"],
        lambda spinner: [spinner],
    ]
    return st.builds(
        lambda rows, kind, spinner: rows + kind(spinner),
        st.lists(row, max_size=8),
        st.sampled_from(bottom),
        row,
    )


def sketches(pieces: list[str]) -> st.SearchStrategy[list[Sketch]]:
    one = st.builds(
        Sketch,
        a_screen(pieces),
        st.sampled_from([1, 5, 20, 30, 40, 80]),
        st.lists(st.sampled_from(COLOURS), min_size=1, max_size=5),
    )
    return st.lists(one, min_size=1, max_size=5)


def shown(pictures: list[Sketch]) -> list[Symptom]:
    detector, told, now = Detector(shipped()), [], 1000.0
    for picture in pictures:
        for seconds in (0.0, 0.04, 0.1, 0.5):
            told += detector.frame(picture, now + seconds, settled=seconds > 0)
        now += 1.0
    return told


@settings(max_examples=150, deadline=None)
@given(pictures=sketches(GLYPHS + LETTERS + WORDS + TROUBLE))
def test_whatever_the_rows_say(pictures: list[Sketch]) -> None:
    for symptom in shown(pictures):
        json.dumps(symptom.to_json(), allow_nan=False)
        assert symptom.phase in ("retrying", "waiting", "failed", "cleared")
        assert not (symptom.phase == "failed" and symptom.confirmed)


@settings(max_examples=100, deadline=None)
@given(pictures=sketches(GLYPHS + LETTERS + WORDS))
def test_rows_without_a_word_of_trouble_give_no_symptom(pictures: list[Sketch]) -> None:
    assert shown(pictures) == []


@settings(max_examples=150, deadline=None)
@given(pictures=sketches(GLYPHS + LETTERS + WORDS + TROUBLE))
def test_what_was_told_is_over_when_an_answer_stands_there(pictures: list[Sketch]) -> None:
    """Whatever came before, nothing stays open, and nothing is pending for ever."""
    answer = ["● hello", "", "─" * 30, "❯\xa0", "─" * 30, "? for shortcuts"]
    detector, told, now = Detector(shipped()), [], 1000.0
    for picture in [*pictures, Sketch(answer, 30, [None])]:
        for seconds in (0.0, 0.04, 0.1, 0.5):
            told += detector.frame(picture, now + seconds, settled=seconds > 0)
        now += 1.0
    assert not detector.pending
    assert not detector.waiting
    assert not detector.busy
    open_, ends = 0, 0
    for symptom in told:
        open_ += symptom.phase == "retrying"
        ends += symptom.phase in ("cleared", "failed")
        if symptom.phase in ("cleared", "failed"):
            open_ = 0
    assert open_ == 0


@settings(max_examples=100, deadline=None)
@given(rows=a_screen(GLYPHS + LETTERS + TROUBLE), columns=st.integers(1, 50))
def test_every_part_of_a_region_is_where_it_says(rows: list[str], columns: int) -> None:
    """The cell of each of its characters is in a row of the screen, and none is before the first."""
    found = [live_region(rows, columns), plain_region(rows, lambda row: "esc to" in row)]
    blocks = [block for region in found if region for block in (region.spinner, *region.notices)]
    last = last_block(rows, columns)
    for block in [*blocks, *([last] if last else [])]:
        for index in range(len(block.text)):
            column, row = block.cell(index)
            assert column >= 0
            assert 0 <= row < len(rows)
        starts = [start for start, _, _ in block.parts]
        assert starts == sorted(starts)
        assert starts[0] == 0


@settings(max_examples=100, deadline=None)
@given(pictures=sketches(GLYPHS + TROUBLE), back=st.integers(0, 4))
def test_a_clock_that_jumps(pictures: list[Sketch], back: int) -> None:
    detector = Detector(shipped())
    for number, picture in enumerate(pictures):
        now = 1000.0 - 3600 * (number == back)
        detector.frame(picture, now)
        detector.frame(picture, now + 0.1, settled=True)


def test_rows_of_a_screen_without_any() -> None:
    for rows in (
        [],
        [""],
        ["─" * 30],
        ["─" * 30, ">"],
        [">", "─" * 30],
        ["✻ x", "─" * 30, ">"],
        ["⎿", "✻ x", "─" * 30, ">"],
    ):
        shown([Sketch(rows, columns, [None]) for columns in (1, 30)])


# Channels

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        ["assistant", "user", "system", "api_error", "<synthetic>", "claude", "text", *TROUBLE, "\ud800"]
    )
    | st.sampled_from(
        ["2026-11-21T18:00:00Z", "0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "20261121", 10**400]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "content", "type", "text", "status"]), inner, max_size=4)
    ),
    max_leaves=6,
)
KEYS = [
    "type",
    "subtype",
    "message",
    "timestamp",
    "error",
    "retryAttempt",
    "maxRetries",
    "retryInMs",
    "isSidechain",
]
KEYS += ["isApiErrorMessage", "isMeta", "transcript_path", "agent_id", "last_assistant_message"]
rows_and_hooks = st.tuples(
    st.sampled_from(["row", "Stop", "StopFailure", "UserPromptSubmit", "SessionStart", ""]),
    st.dictionaries(st.sampled_from(KEYS), values, max_size=8),
)


@settings(max_examples=100, deadline=None)
@given(
    given_=st.lists(rows_and_hooks, max_size=6),
    version=st.sampled_from([None, (), (2,), (1, 0, 120), (2, 1, 330)]),
)
def test_whatever_the_channels_say(
    given_: list[tuple[str, dict[str, object]]], version: tuple[int, ...] | None
) -> None:
    listener = Listener()
    reader = ChannelReader(shipped(), version, lambda: 1_800_000_000.0, lambda: 5.0, listener)
    for event, said in given_:
        if event == "row":
            reader.row(said)
        else:
            reader.hook(HookEvent(event, 1_800_000_000.0, said))
    for symptom, source in listener.symptoms:
        assert source in ("transcript", "hook")
        assert symptom.confirmed
        json.dumps(symptom.to_json(), allow_nan=False)
    assert 0.0 <= reader.retry_until <= 5.0 + 8 * 24 * 3600


# Bytes


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_nonsense(kind: str) -> None:
    tally = fuzz.run(kind, 150_000, seed=1)
    assert fuzz.violations(kind, tally) == []
    assert tally.looks > 50


def test_the_fuzzer_reaches_what_it_is_for() -> None:
    """Otherwise it would find nothing for ever."""
    tally = fuzz.run("pictures with wordings", 150_000, seed=2)
    assert {symptom.split(":")[0] for symptom in tally.symptoms} >= {"retrying", "cleared", "waiting"}


def test_violations_are_told() -> None:
    assert fuzz.violations("pictures", fuzz.Tally(looks=1)) == []
    assert len(fuzz.violations("pictures", fuzz.Tally(symptoms=["retrying: ''"], errors=["Traceback"]))) == 3
    assert fuzz.violations("bent recordings", fuzz.Tally(looks=1, symptoms=["retrying: ''"])) == []
