"""A retry on the screens of all eras: from its first attempt to its end."""

import pytest

from cc_guard.detect.signatures import wait_seconds
from tests.unit.eras import DONE, ERAS, pairs, v1_0_120, v2_1_132_bare, v2_1_132_bare_after_tool
from tests.unit.pictures import CAUSE, DARK, OLD, PLAIN, SIXTEEN, THEMES, Shown, Theme, idle, working_2_1

# In the first frame that shows it; what nothing but its place tells apart, a moment later.
AT_ONCE_S, A_MOMENT_S = 0.05, 0.15


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("era", ERAS)
def test_a_retry_from_its_first_attempt_to_the_answer(era: str, theme: str) -> None:
    draw, kind = ERAS[era]
    shown = Shown(theme=THEMES[theme])
    assert shown.show(draw(0)) == []
    began = shown.now
    shown.show(draw(4))
    shown.show(draw(5))
    shown.show(DONE)
    attempts = [attempt for phase, attempt in shown.phases if phase == "retrying"]
    assert attempts in ([4, 5], [5]), "one colour and no cause: believed when it moves"
    assert shown.phases[-1] == ("cleared", None)
    assert len(shown.phases) == len(attempts) + 1
    assert {symptom.kind for symptom in shown.told} == {kind}
    if theme == "dark":
        assert attempts == [4, 5]
        assert shown.told[0].t - began <= (A_MOMENT_S if "bare" in era else AT_ONCE_S)


@pytest.mark.parametrize(
    "era", ["2.0.60", "2.1.30", "2.1.132 bare", "2.1.132 with a cause", "2.1.197", "2.1.330"]
)
def test_every_colour_of_a_terminal_will_do(era: str) -> None:
    """With 24 bits, 256 or 16 colours the first attempt is enough."""
    for theme in ("light", "256", "16"):
        shown = Shown(theme=THEMES[theme])
        shown.show(ERAS[era][0](0))
        shown.show(ERAS[era][0](4))
        assert shown.phases == [("retrying", 4)], theme


@pytest.mark.parametrize("era", ["1.0.120", "2.1.132 bare", "2.1.197", "2.1.330"])
def test_without_colours_a_row_that_came_alone_is_enough(era: str) -> None:
    shown = Shown(theme=PLAIN)
    shown.show(ERAS[era][0](0))
    shown.show(ERAS[era][0](4))
    assert shown.phases == [("retrying", 4)]


def test_a_row_in_the_second_frame_that_is_ever_seen() -> None:
    """The guard has just started, or the window has a new size."""
    shown = Shown()
    shown.flash(v2_1_132_bare(0))
    shown.show(v2_1_132_bare(4))
    assert shown.phases == [("retrying", 4)]


@pytest.mark.parametrize("era", ERAS)
def test_a_row_that_is_gone_for_one_frame_is_not_gone(era: str) -> None:
    """Old clients erase it and draw it again."""
    draw, _ = ERAS[era]
    shown = Shown()
    shown.show(draw(0))
    shown.show(draw(4))
    shown.flash(draw(0))
    shown.show(draw(4))
    shown.show(draw(5))
    assert shown.phases == [("retrying", 4), ("retrying", 5)]


@pytest.mark.parametrize("theme", ["dark", "no colour"])
def test_a_row_that_only_its_place_speaks_for_has_to_stand_for_a_moment(theme: str) -> None:
    """One frame may be half a picture where the client sends no synchronized updates."""
    shown = Shown(theme=THEMES[theme])
    for draw in (v2_1_132_bare, v2_1_132_bare_after_tool):
        shown.show(draw(0))
        shown.flash(draw(4))
        shown.show(draw(0))
        assert shown.told == []


@pytest.mark.parametrize("era", ERAS)
def test_a_row_that_stays_away_is_told_as_over_once(era: str) -> None:
    draw, _ = ERAS[era]
    shown = Shown()
    shown.show(draw(0))
    shown.show(draw(4))
    shown.show(draw(0))
    shown.show(draw(0).replace("Booping", "Beaming").replace("Brewing", "Boiling"))
    assert shown.phases == [("retrying", 4), ("cleared", None)]


@pytest.mark.parametrize("era", ERAS)
def test_the_second_outage_of_a_session(era: str) -> None:
    draw, _ = ERAS[era]
    shown = Shown()
    for _ in range(2):
        shown.show(draw(0))
        shown.show(draw(4))
        shown.show(DONE)
    assert shown.phases == [("retrying", 4), ("cleared", None)] * 2


@pytest.mark.parametrize("era", ERAS)
def test_a_resize_in_the_middle(era: str) -> None:
    draw, _ = ERAS[era]
    shown = Shown()
    shown.show(draw(0))
    shown.show(draw(4))
    for columns in (140, 101, 120):
        shown.screen.resize(columns, 30)
        shown.show(draw(4), seconds=0.3)
    shown.show(draw(5))
    shown.show(DONE)
    assert shown.phases == [("retrying", 4), ("retrying", 5), ("cleared", None)]


def test_the_countdown_tells_each_second_and_the_attempt_under_way_has_none() -> None:
    shown = Shown()
    for words in ("retrying in 2s", "retrying in 1s", "retrying…"):
        shown.show(working_2_1("❯ x", spinner=f"{{E}}✻ API error{{G}} · {words} · attempt 2/10{{P}}"))
        assert shown.detector.waiting == (words != "retrying…")
    assert [symptom.retry_in_s for symptom in shown.told] == [2.0, 1.0, None]
    assert [symptom.confirmed for symptom in shown.told] == [False, True, True]
    assert all((s.attempt, s.max_attempts) == (2, 10) for s in shown.told)


def test_the_cause_is_named_later() -> None:
    shown = Shown()
    for label, attempt in (("API error", 2), ("Connection dropped (ECONNRESET)", 3)):
        shown.show(
            working_2_1("❯ x", spinner=f"{{E}}✻ {label}{{G}} · retrying in 2s · attempt {attempt}/10{{P}}")
        )
    assert [(s.kind, s.code) for s in shown.told] == [("connection", None), ("connection", "ECONNRESET")]


def test_a_cause_that_is_named_while_it_waits() -> None:
    shown = Shown()
    for label in ("API error", "503 no healthy upstream"):
        shown.show(working_2_1("❯ x", spinner=f"{{E}}✻ {label}{{G}} · retrying in 9s · attempt 3/10{{P}}"))
    assert [symptom.kind for symptom in shown.told] == ["connection", "server_error"]


@pytest.mark.parametrize("theme", ["dark", "light", "256", "16"])
def test_a_cause_below_the_row_is_read_and_proves_it(theme: str) -> None:
    """An answer that is drawn as an error has none."""
    shown = Shown(theme=THEMES[theme])
    shown.show(v1_0_120(4))
    assert [symptom.text for symptom in shown.told] == [f"{OLD} ⎿ {CAUSE}"]


def test_no_answer_at_all() -> None:
    """Its attempt is under way, so nothing is known of a wait; the last one is told without numbers."""
    shown = Shown()
    row = "{{E}}✻ No response from the API after 3m{{G}} · retrying{}{{P}}"
    shown.show(working_2_1("❯ x", spinner=row.format(", waiting up to 10m · attempt 2/10")))
    (told,) = shown.told
    assert (told.kind, told.attempt, told.max_attempts, told.retry_in_s) == ("stall", 2, 10, None)
    shown.show(working_2_1("❯ x", spinner=row.format(" once, waiting up to 1m 30s")))
    assert {(one.phase, one.kind) for one in shown.told[1:]} == {("waiting", "stall"), ("cleared", "stall")}


def test_long_waits() -> None:
    shown = Shown()
    for words, seconds in (("5m (7pm)", 300.0), ("2m 31s", 151.0), ("1h", 3600.0)):
        shown.show(
            working_2_1("❯ x", spinner=f"{{E}}✻ API error{{G}} · Retrying in {words} · attempt 1/10{{P}}")
        )
        assert shown.told[-1].retry_in_s == seconds


def test_waits_as_the_pattern_reads_them() -> None:
    from cc_guard.detect.signatures import shipped

    pattern = next(p.pattern for p in shipped().retries if p.where == "spinner")
    match = pattern.search("API error · Retrying in 1m 5s · attempt 1/10")
    assert match is not None
    assert wait_seconds(match) == 65.0


def test_a_clock_that_is_set_back_meanwhile() -> None:
    """A virtual machine that wakes up: what has to stand for a moment still does, and then counts."""
    shown = Shown(theme=PLAIN)
    shown.show(v2_1_132_bare(0))
    shown.flash(v2_1_132_bare(4))
    shown.now -= 3600
    shown.show(v2_1_132_bare(4), seconds=5.0)
    assert shown.phases == [("retrying", 4)]


def test_themes_are_what_they_say() -> None:
    assert set(DARK) == set(PLAIN) == set(SIXTEEN)
    theme: Theme
    for theme in THEMES.values():
        assert "{" not in "{E}{G}{O}{W}{B}{R}{P}".format_map(theme)


# Below prompts


PROMPT_SHAPES = {
    "two lines": ["say x", "  and y"],
    "two paragraphs": ["say x", "", "  and y"],
    "two blank lines": ["say x", "", "", "  and y"],
    "ends with an ellipsis": ["say x", "", "  and so on…"],
    "a list": ["do this:", "  - one", "  - two", "", "  1. three"],
    "a call": ["what does", "", "  foo(bar) do?"],
    "30 lines": ["do this:", *(f"  line {n}" for n in range(30))],
    "30 lines with blanks": ["do this:", *(row for n in range(15) for row in ("", f"  line {n}"))],
}


@pytest.mark.parametrize("shape", PROMPT_SHAPES)
@pytest.mark.parametrize("era", [era for era in ERAS if "tool" not in era])
def test_below_a_prompt_of_any_shape(era: str, shape: str) -> None:
    shown = Shown(rows=60)
    prompt = "\n".join(PROMPT_SHAPES[shape])
    for attempt in (0, 4, 5):
        picture = ERAS[era][0](attempt)
        assert picture.count("say x") + picture.count("say back again") == 1
        shown.show(picture.replace("say back again", "say x").replace("say x", prompt))
    assert shown.phases == [("retrying", 4), ("retrying", 5)]


@pytest.mark.parametrize("shape", ["one line", *PROMPT_SHAPES])
@pytest.mark.parametrize("era", ["1.0.120", "2.0.60", "2.1.30", "2.1.132 bare", "2.1.330"])
def test_the_same_prompt_again_after_it_has_failed(era: str, shape: str) -> None:
    """Up, Enter: the most natural thing to do."""
    shown = Shown(rows=60)
    prompt = PROMPT_SHAPES.get(shape, ["say x"])
    rows = (pairs(10, 4) if era == "1.0.120" else []) + ["  ⎿  {E}API Error: Connection error.{P}"]
    for _ in range(2):
        for attempt in (0, 4, 5):
            shown.show(ERAS[era][0](attempt).replace("say x", "\n".join(prompt)))
        shown.show(idle(f"> {prompt[0]}", *prompt[1:], *rows))
        shown.show(idle(f"> {prompt[0]}", *prompt[1:], *rows, "", "● and now?"))
    phases = [phase for phase, attempt in shown.phases if attempt != 4]
    assert phases == ["retrying", "failed"] * 2
