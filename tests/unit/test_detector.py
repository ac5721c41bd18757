"""From the screens of all eras to symptoms; and from what only looks like them to nothing."""

from collections.abc import Callable

import pytest

from cc_guard.detect.signatures import wait_seconds
from tests.unit.pictures import (
    CAUSE,
    DARK,
    NEW,
    OLD,
    PLAIN,
    SIXTEEN,
    THEMES,
    Shown,
    Theme,
    box,
    framed_box,
    idle,
    working,
    working_2_1,
)

Draw = Callable[[int], str]
"""The picture of an attempt; 0: at work, before any."""


# Retry rows, era by era


def pairs(attempt: int, first: int, seconds: str = "seconds") -> list[str]:
    """1.x appends a pair for each attempt and takes none away."""
    rows = []
    for n in range(first, attempt + 1):
        rows.append(
            f"  ⎿  {{R}}API Error (Connection error.) · Retrying in {n} {seconds}… (attempt {n}/10){{P}}"
        )
        rows.append(f"    ⎿  {{R}}{CAUSE}{{P}}")
    return rows


def v1_0_31(attempt: int) -> str:
    rows = ["{G}> say back again{P}", *pairs(attempt, 1), ""]
    return "\n".join(
        [*rows, "{O}✻ Envisioning…{P} {G}(0s · ↑ 0 tokens · esc to interrupt){P}", "", *framed_box()]
    )


def v1_0_120(attempt: int) -> str:
    return working("> say back again", *pairs(attempt, 4))


def v1_0_120_http(attempt: int) -> str:
    row = "  ⎿  {{R}}API Error (503 no healthy upstream) · Retrying in {n} seconds… (attempt {n}/10){{P}}"
    return working("> say x", *(row.format(n=n) for n in range(4, attempt + 1)))


def v2_0_14(attempt: int) -> str:
    rows = ["> say x", "  ⎿  {E}Unable to connect to API due to poor internet connection{P}"]
    return (
        working(*rows, f"     \x1b[2mRetrying in 4 seconds… (attempt {attempt}/10){{P}}")
        if attempt
        else working(rows[0])
    )


def v2_0_60(attempt: int) -> str:
    rows = ["> say x", "  ⎿  {E}Unable to connect to API due to poor internet connection{P}"]
    return (
        working(*rows, f"     {{G}}Retrying in 1 second… (attempt {attempt}/10){{P}}")
        if attempt
        else working(rows[0])
    )


def v2_1_30(attempt: int) -> str:
    rows = ["❯ say x", "  ⎿  {E}Unable to connect to API (ECONNRESET){P}"]
    if not attempt:
        return working_2_1(rows[0])
    return working_2_1(*rows, f"     {{G}}Retrying in 4 seconds… (attempt {attempt}/10){{P}}")


def v2_1_132_bare(attempt: int) -> str:
    row = f"  {{G}}⎿  Retrying in {attempt}s · attempt {attempt}/10{{P}}"
    return working_2_1("❯ say x", *([row] if attempt else []))


def v2_1_132_bare_after_tool(attempt: int) -> str:
    row = f"  {{G}}⎿  Retrying in {attempt}s · attempt {attempt}/10{{P}}"
    return working_2_1("● Bash(ls)", "  ⎿  one", "     two", *([row] if attempt else []))


def v2_1_132_cause(attempt: int) -> str:
    rows = [
        "  {G}⎿{P}  {E}503 no healthy upstream{P}",
        f"     {{G}}Retrying in 2s · attempt {attempt}/10{{P}}",
    ]
    return working_2_1("❯ say x", *(rows if attempt else []))


def v2_1_197(attempt: int) -> str:
    row = f"{{E}}✻ API error{{G}} · Retrying in {attempt}s · attempt {attempt}/10{{P}}"
    return working_2_1("❯ say x", spinner=row if attempt else "{O}✢ Booping…{P}")


def v2_1_330(attempt: int) -> str:
    row = f"{{E}}✻ Connection dropped (ECONNRESET){{G}} · retrying in 9s · attempt {attempt}/10{{P}}"
    return working_2_1("❯ say x", spinner=row if attempt else "{O}✢ Booping…{P}")


ERAS: dict[str, tuple[Draw, str]] = {
    "1.0.31": (v1_0_31, "connection"),
    "1.0.120": (v1_0_120, "connection"),
    "1.0.120 503": (v1_0_120_http, "server_error"),
    "2.0.14": (v2_0_14, "connection"),
    "2.0.60": (v2_0_60, "connection"),
    "2.1.30": (v2_1_30, "connection"),
    "2.1.132 bare": (v2_1_132_bare, "connection"),
    "2.1.132 bare, after a tool": (v2_1_132_bare_after_tool, "connection"),
    "2.1.132 with a cause": (v2_1_132_cause, "server_error"),
    "2.1.197": (v2_1_197, "connection"),
    "2.1.330": (v2_1_330, "connection"),
}
DONE = idle("❯ say x", "", "● back again", "", "{G}✻ Brewed for 36s{P}")
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


def test_long_waits() -> None:
    shown = Shown()
    for words, seconds in (("5m (7pm)", 300.0), ("2m 31s", 151.0), ("1h", 3600.0)):
        shown.show(
            working_2_1("❯ x", spinner=f"{{E}}✻ API error{{G}} · Retrying in {words} · attempt 1/10{{P}}")
        )
        assert shown.told[-1].retry_in_s == seconds


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


# Narrow and wide


def wrapped(row: str, columns: int) -> list[str]:
    """At the last column, inside words, on at column 0: as up to 2.0."""
    return [row[at : at + columns].rstrip() for at in range(0, len(row), columns)]


@pytest.mark.parametrize("columns", [40, 41, 47, 55, 60, 64, 66, 71])
def test_rows_of_1_0_wrapped_at_any_column(columns: int) -> None:
    shown = Shown(columns, theme=DARK)
    shown.show(working("> say x", columns=columns))
    for n in (4, 5):
        row = f"  ⎿  API Error (503 no healthy upstream) · Retrying in {n} seconds… (attempt {n}/10)"
        shown.show(
            working("> say x", "{R}" + "{P}\n{R}".join(wrapped(row, columns)) + "{P}", columns=columns)
        )
    assert shown.phases == [("retrying", 4), ("retrying", 5)]


@pytest.mark.parametrize("columns", [40, 50, 57])
def test_rows_of_2_0_in_a_narrow_window(columns: int) -> None:
    shown = Shown(columns)
    label = "  ⎿ \xa0Unable to connect to API due to poor internet connection"
    rows = "{E}" + "{P}\n{E}".join(wrapped(label, columns)) + "{P}\n"
    wait = "     {G}Retrying in 17 seconds… (attempt 6/10){P}"
    shown.show(
        working("> say x", rows, wait if columns > 41 else wait.replace(" (", "\n     ("), columns=columns)
    )
    assert shown.phases == [("retrying", 6)]
    assert shown.told[0].text.startswith("Unable to connect to API due to poor internet connection Retrying")


def test_a_label_that_is_cut_in_a_narrow_window() -> None:
    shown = Shown(60)
    row = "{E}✻ Connection dropped (ECO…{G} · retrying in 3s · attempt 3/10{P}"
    shown.show(working_2_1("❯ say x", spinner=row, columns=60))
    (symptom,) = shown.told
    assert (symptom.attempt, symptom.kind) == (3, "connection")


@pytest.mark.parametrize("era", ERAS)
def test_250_columns(era: str) -> None:
    shown = Shown(250, 60)
    draw, _ = ERAS[era]
    for attempt in (0, 4):
        rule = "─" * 100
        shown.show(draw(attempt).replace(rule, "─" * 250))
    assert shown.phases == [("retrying", 4)]


def test_the_words_at_the_right_edge_of_the_fullscreen_renderer() -> None:
    right = " " * 84 + "medium · /effort"
    spinner = "{E}✻ Connection dropped (ECONNRESET){G} · retrying in 9s · attempt 5/10{P}"
    for gap in ("\n\n", "\n"):
        shown = Shown()
        shown.show(working_2_1("❯ say x", spinner=f"{spinner}{gap}{right}"))
        assert shown.phases == [("retrying", 5)]


def test_an_hour_of_conversation_scrolls_by_above() -> None:
    shown = Shown(rows=12)
    shown.show(working_2_1(*(f"● line {n}" for n in range(40)), "❯ say x"))
    shown.show(
        working_2_1(
            *(f"● line {n}" for n in range(40)),
            "❯ say x",
            spinner="{E}✻ API error{G} · retrying in 1s · attempt 1/10{P}",
        )
    )
    assert shown.phases == [("retrying", 1)]


# Letters that are wider, or less wide, than one cell

CJK = "服务暂时不可用请稍后重试如果问题仍然存在请联系管理员谢谢您的耐心等待"
MARKS = "e\u0301\u0302\u0303" * 30
FAMILY = "👨\u200d👩\u200d👧\u200d👦" * 5


@pytest.mark.parametrize("theme", ["dark", "no colour"])
@pytest.mark.parametrize(
    "label", [CJK, MARKS, FAMILY, "สวัสดีครับ", "🙂" * 10], ids=["cjk", "marks", "family", "thai", "emoji"]
)
def test_labels_of_any_script_at_the_spinner(label: str, theme: str) -> None:
    shown = Shown(140, theme=THEMES[theme])
    shown.show(working_2_1("❯ say x", columns=140))
    shown.show(
        working_2_1(
            "❯ say x", spinner=f"{{E}}✻ 503 {label}{{G}} · retrying in 2s · attempt 2/2{{P}}", columns=140
        )
    )
    assert shown.phases == [("retrying", 2)]


@pytest.mark.parametrize(
    "label", [CJK, MARKS, FAMILY, "สวัสดีครับ", "🙂" * 10], ids=["cjk", "marks", "family", "thai", "emoji"]
)
def test_labels_of_any_script_in_a_notice(label: str) -> None:
    shown = Shown(140)
    shown.show(working_2_1("❯ say x", columns=140))
    rows = [f"  ⎿  {{E}}503 {label}{{P}}", "     {G}Retrying in 2 seconds… (attempt 4/10){P}"]
    shown.show(working_2_1("❯ say x", *rows, columns=140))
    shown.show(idle("❯ say x", "", "● done", columns=140))
    assert shown.phases == [("retrying", 4), ("cleared", None)]


@pytest.mark.parametrize("prompt", [CJK, MARKS, FAMILY], ids=["cjk", "marks", "family"])
@pytest.mark.parametrize("era", ["1.0.120", "2.0.60", "2.1.132 bare", "2.1.330"])
def test_prompts_of_any_script(era: str, prompt: str) -> None:
    shown = Shown(140)
    for attempt in (0, 4):
        shown.show(ERAS[era][0](attempt).replace("say", f"say {prompt}"))
    assert shown.phases == [("retrying", 4)]


@pytest.mark.parametrize("columns", range(40, 72, 3))
def test_wide_letters_in_a_row_that_is_wrapped(columns: int) -> None:
    """1.0.120 counts cells."""
    shown = Shown(columns)
    for n in (4, 5):
        row = f"  ⎿  API Error (503 服务暂时不可用请稍后重试) · Retrying in {n} seconds… (attempt {n}/10)"
        shown.show(working("> say x", "{R}" + "{P}\n{R}".join(cells(row, columns)) + "{P}", columns=columns))
    assert shown.phases == [("retrying", 4), ("retrying", 5)]


def cells(row: str, columns: int) -> list[str]:
    lines, width = [""], 0
    for letter in row:
        wide = 2 if "\u2e80" <= letter <= "\uffdc" else 1
        if width + wide > columns:
            lines, width = [*lines, ""], 0
        lines[-1] += letter
        width += wide
    return [line.rstrip() for line in lines]


# Numbers that no client writes


@pytest.mark.parametrize(
    "number", ["9" * 5000, "9" * 400, "99999999"], ids=["5000 digits", "400 digits", "8 digits"]
)
@pytest.mark.parametrize("where", ["attempt", "wait"])
def test_numbers_beyond_all_measure(number: str, where: str) -> None:
    """Wrapped over many rows by the terminal; whatever is made of them, it is finite."""
    shown = Shown(250, 60)
    wait, attempt = (number, "4") if where == "wait" else ("4", number)
    for label in ("{E}API error{P} ", ""):
        row = f"  ⎿  {label}Retrying in {wait}s · attempt {attempt}/10"
        shown.show(working_2_1("❯ say x", columns=250))
        shown.show(working_2_1("❯ say x", row, columns=250))
    for symptom in shown.told:
        assert (symptom.attempt or 0) < 10**6
        assert (symptom.retry_in_s or 0.0) <= 7 * 24 * 3600


# Slow, not failed

WAITING = "Waiting for API response · will retry in 2m 31s · check your network"


@pytest.mark.parametrize("theme", ["dark", "no colour"])
def test_waiting_is_told_once_and_once_when_it_is_over(theme: str) -> None:
    shown = Shown(theme=THEMES[theme])
    shown.show(working_2_1("❯ x"))
    shown.show(working_2_1("❯ x", spinner="{W}✻ " + WAITING + "{P}"))
    shown.show(working_2_1("❯ x", spinner="{W}✻ " + WAITING.replace("31", "30") + "{P}"))
    assert [(s.phase, s.kind, s.retry_in_s) for s in shown.told] == [("waiting", "stall", 151.0)]
    shown.show(working_2_1("❯ x"))
    assert shown.phases == [("waiting", None), ("cleared", None)]


@pytest.mark.parametrize("theme", ["dark", "no colour"])
def test_waiting_that_becomes_a_retry_is_not_over(theme: str) -> None:
    shown = Shown(theme=THEMES[theme])
    shown.show(working_2_1("❯ x"))
    shown.show(working_2_1("❯ x", spinner="{W}✻ " + WAITING + "{P}"))
    shown.show(v2_1_330(1))
    shown.show(DONE)
    assert shown.phases == [("waiting", None), ("retrying", 1), ("cleared", None)]


@pytest.mark.parametrize("prompt", [f"look:\n  ⎿  {WAITING}", f"look:\n  ✻ {WAITING}"])
def test_the_users_prompt_about_waiting(prompt: str) -> None:
    shown = Shown()
    shown.show(working_2_1(f"❯ {prompt}"))
    shown.show(working_2_1("● Bash(cat log)", f"  ⎿  {WAITING}"))
    assert shown.told == []


# What only looks like it. Each is shown for two seconds, in colours and without.


def never(*pictures: str, columns: int = 100, themes: tuple[str, ...] = ("dark", "16", "no colour")) -> None:
    for theme in themes:
        shown = Shown(columns, theme=THEMES[theme])
        for picture in pictures:
            shown.show(picture)
        assert [(s.phase, s.text) for s in shown.told] == [], theme


PROMPTS = {
    "the pair of 1.0": f"⎿  {OLD}\n    ⎿  {CAUSE}",
    "the notice of 2.0": "⎿  Unable to connect to API due to poor internet connection\n"
    "     Retrying in 4 seconds… (attempt 4/10)",
    "the bare row of 2.1.132": "⎿  Retrying in 1s · attempt 1/10",
    "the spinner of 2.1.330": f"✻ {NEW}",
}


@pytest.mark.parametrize("what", PROMPTS)
@pytest.mark.parametrize(
    "before", ["> {}", "> look:\n  {}", "> look:\n\n  {}"], ids=["first", "second", "below a blank"]
)
def test_a_prompt_that_quotes_a_row_with_its_indents(what: str, before: str) -> None:
    """Drawn at once, in white or grey, with the client at work below it."""
    prompt = before.format(PROMPTS[what])
    never(
        idle("● hello"),
        working("● hello", "", prompt),
        working("● hello", "", prompt).replace("Brewing", "Boiling"),
    )
    grey = "\n".join(f"{{G}}{row}{{P}}" for row in prompt.split("\n")).replace(">", "❯", 1)
    never(working_2_1("● hello"), working_2_1("● hello", "", grey))


@pytest.mark.parametrize("what", PROMPTS)
def test_a_prompt_that_begins_like_one_before(what: str) -> None:
    """Its first row has been on the screen while the client was at work on the other."""
    first, second = "> why is this?", f"> why is this?\n  {PROMPTS[what]}"
    never(working(first), idle(first, "", "● so"), working(first, "", "● so", "", second))
    never(
        working_2_1(first.replace(">", "❯")),
        idle(first.replace(">", "❯"), "", "● so"),
        working_2_1(first.replace(">", "❯"), "", "● so", "", second.replace(">", "❯")),
    )


@pytest.mark.parametrize("label", ["API Error (Connection error.)", "API Error (503 no healthy upstream)"])
def test_an_answer_of_several_blocks_that_counts_like_a_retry(label: str) -> None:
    """Up to 2.0 an answer that begins with these words is drawn as an error: the whole row in the theme's
    error colour."""
    row = f"  ⎿  {{E}}{label} · Retrying in 4 seconds… (attempt 4/10){{P}}"
    pictures = []
    for n in (4, 5, 6):
        rows = [row.replace("4", str(k)) for k in range(4, n + 1)]
        pictures.append(working("> say x", *rows))
    never(working("> say x"), *pictures, themes=("dark", "light", "256"))


def test_a_row_in_the_colour_of_a_mode_is_no_error_until_it_counts() -> None:
    """Plan mode, code and questions are blue or violet."""
    row = "{{B}}✻ API error{{G}} · retrying in {n}s · attempt 5/10{{P}}"
    never(working_2_1("❯ go", spinner=row.format(n=9)), themes=("dark", "light", "256", "16"))
    shown = Shown()
    for n in (9, 8):
        shown.show(working_2_1("❯ go", spinner=row.format(n=n)))
    assert [symptom.retry_in_s for symptom in shown.told] == [8.0]


def test_an_answer_in_the_error_colour_with_code_in_it() -> None:
    row = "  ⎿  {E}API Error (Connection error.) · {B}Retrying in 4 seconds… (attempt 4/10){P}"
    never(working("> x"), working("> x", row), themes=("dark", "light", "256"))


def test_what_a_hook_of_the_user_says_below_a_tool() -> None:
    """In grey, and all by itself."""
    said = f"  {{G}}⎿  PostToolUse:Bash says: {OLD}{{P}}"
    for n in (4, 5):
        tool = ["● Bash(ls)", "  ⎿  one"]
        rows = [*tool, said.replace("4", str(n))]
        never(working(*tool), working(*rows), working_2_1(*tool), working_2_1(*rows), themes=("dark", "256"))


def test_an_answer_whose_words_are_drawn_as_code() -> None:
    row = "{B}API Error (Connection error.){P} · Retrying in 4 seconds… (attempt 4/10)"
    never(
        working_2_1("❯ what is it?"),
        working_2_1("❯ what is it?", "", "● The row of old clients:"),
        working_2_1("❯ what is it?", "", "● The row of old clients:", f"  ⎿  {row}"),
        working_2_1(
            "❯ what is it?", "", "● The row of old clients:", f"  ⎿  {row}", f"  ⎿  {row.replace('4', '5')}"
        ),
    )


def test_an_answer_that_comes_line_by_line_and_quotes_a_log() -> None:
    lines = [f"  ⎿  Retrying in {n}s · attempt {n}/10" for n in range(1, 5)]
    pictures = [working_2_1("❯ log?", "", "● It says:", *lines[:n]) for n in range(5)]
    never(*pictures)


@pytest.mark.parametrize("name", [NEW, "API error · Retrying in 4s · attempt 4/10", WAITING])
def test_a_to_do_that_is_named_like_a_row(name: str) -> None:
    """The spinner says the name of the active one."""
    for n in (5, 6):
        told = name.replace("5/10", f"{n}/10")
        shimmer = f"{{O}}✻ {told[:9]}\x1b[38;2;235;159;127m{told[9:12]}{{O}}{told[12:]}…{{P}}"
        never(
            working(
                "> go",
                spinner=f"{{O}}✻ {told}…{{P}} {{G}}(esc to interrupt · ctrl+t to hide)\n{{P}}  ⎿  ☐ {told}",
            ),
            working_2_1("❯ go", spinner=shimmer),
            working_2_1(
                "❯ go", spinner=f"{shimmer} {{G}}(3s · ↓ 10 tokens){{P}}\n  ⎿  ◼ {told}\n     ◻ {told}"
            ),
        )


def test_what_the_users_own_command_puts_out() -> None:
    """`! cat client.log; python3 suite.py`: in its own colours, with the client at work below it."""
    for sign in ("! ", "> ! "):
        rows = [f"  ⎿  {{R}}{OLD.replace('4', str(n))}{{P}}\n    ⎿  {{R}}{CAUSE}{{P}}" for n in (4, 5, 6)]
        bare = [f"  ⎿  Retrying in {n}s · attempt {n}/10" for n in (1, 2, 3)]
        if sign == "! ":
            never(*(working_2_1(f"{sign}python3 suite.py", row) for row in rows))
        never(*(working_2_1("! cat client.log", row) for row in bare))


@pytest.mark.parametrize("bullet", ["●", "⏺", " "])
@pytest.mark.parametrize(
    "call", ["Bash(tail -f client.log)", 'mcp__db__query (MCP)(q: "x")', "Task(Look at the log)"]
)
def test_numbers_that_move_in_the_output_of_a_tool(call: str, bullet: str) -> None:
    """Its bullet blinks while it runs."""
    for colour in ("{G}", "{R}", "{E}", "{P}"):
        bare = [f"  ⎿  {colour}Retrying in {n}s · attempt {n}/10{{P}}" for n in (1, 2, 3)]
        old = [f"  ⎿  {colour}{OLD.replace('4', str(n))}{{P}}" for n in (4, 5, 6)]
        for rows in (bare, old):
            blinking = zip(rows, (bullet, "●", bullet), strict=True)
            never(
                working_2_1("❯ go", "", f"{bullet} {call}", "  ⎿  Running…"),
                *(working_2_1("❯ go", "", f"{sign} {call}", row) for row, sign in blinking),
                themes=("dark", "no colour"),
            )


@pytest.mark.parametrize(
    "head", ["● Reading 3 files… (ctrl+o to expand)", "  Searching for 1 pattern… (ctrl+o to expand)"]
)
def test_what_a_group_of_tools_is_at(head: str) -> None:
    """Calls of one kind are drawn as one row; below it, while they run, what the last one is about."""
    lines = ["client.log", *(f"Retrying in {n}s · attempt {n}/10" for n in (1, 2, 3))]
    never(*(working_2_1("❯ go", "", head, f"  {{G}}⎿  {line}{{P}}") for line in lines))


def test_a_retry_below_a_group_of_tools_that_are_done() -> None:
    head = "● Read 3 files (ctrl+o to expand)"
    shown = Shown()
    shown.show(working_2_1("❯ go", "", head))
    for n in (1, 2):
        shown.show(working_2_1("❯ go", "", head, f"  {{G}}⎿  Retrying in {n}s · attempt {n}/10{{P}}"))
    assert shown.phases[-1] == ("retrying", 2)


def test_prompts_that_wait_in_the_queue() -> None:
    for quoted in (f"✻ {NEW}", f"⎿  {OLD}", "⎿  Retrying in 1s · attempt 1/10"):
        queued = f"{{G}}> look: {quoted}{{P}}"
        never(working_2_1("❯ go", spinner=f"{{O}}✢ Booping…{{P}}\n\n  {queued}"))
        never(working("> go", spinner=f"{{O}}✻ Brewing… (esc to interrupt){{P}}\n\n{queued}\n  {quoted}"))


def test_an_old_row_above_the_last_answer_is_history() -> None:
    """1.0 leaves its rows in the conversation."""
    never(working(*pairs(5, 4), "", "● back again", "", "> and now?"), themes=("dark",))


def test_a_row_where_nobody_works() -> None:
    never(idle("> say x", *pairs(5, 4)), idle("❯ x", "", f"✻ {NEW}", "", "● hello"), themes=("dark",))


def test_the_users_draft() -> None:
    for draft in (
        OLD,
        f"✻ {NEW}",
        f"x\n  ✻ {NEW}",
        f"x\n  ⎿  {OLD}\n    ⎿  {CAUSE}",
        "─" * 50 + f"\n  > ✻ {NEW}",
    ):
        never("\n".join(["● hello", "", *box(draft=draft)]))
        never("\n".join(["● hello", "", "{O}✢ Booping…{P}", "", *box(sign="❯", draft=draft)]))


def test_the_status_line() -> None:
    rows = [f"  {{R}}✻ {NEW.replace('5/', f'{n}/')}{{P}}" for n in (4, 5, 6)]
    never(*(working_2_1("❯ go") + f"\n{row}" for row in rows))


def test_garbage_instead_of_a_picture() -> None:
    never("\x1b[40;40H" + NEW, "─" * 100, "─" * 100 + "\n> ", "", "\n" * 28 + ">")


# What the detector says of the client


def test_busy_by_its_spinner_or_by_its_footer() -> None:
    shown = Shown()
    for picture, busy in (
        (working("> x"), True),
        (working_2_1("❯ x"), True),
        ("\n".join(["❯ x", "", "● text that comes", "", *box(sign="❯", footer="esc to interrupt")]), True),
        (idle("❯ x", "", "● done"), False),
    ):
        shown.show(picture)
        assert shown.detector.busy is busy, picture


@pytest.mark.parametrize(
    "row",
    ["✻ Brewed for 36s · done 6:06 PM", "✻ Churned for 1s", "✻ Sautéed for 1m 3s", "✻ Cogitated for 2h 1m"],
)
def test_what_a_turn_took_is_no_work(row: str) -> None:
    """Since 2.1.30 it stands where the spinner was, and stays there."""
    shown = Shown()
    shown.show(working_2_1("❯ x"))
    shown.show(idle("❯ x", "", "● done", "", f"{{G}}{row}{{P}}"))
    assert not shown.detector.busy
    assert not shown.detector.at_work


def test_words_of_the_conversation_are_no_footer() -> None:
    shown = Shown()
    shown.show(idle("❯ how do I stop it?", "", "● Press esc to interrupt."))
    assert not shown.detector.busy
    shown.show("\n".join(["● hello", "", *box(sign="❯", draft="what is esc to interrupt?")]))
    assert not shown.detector.busy


@pytest.mark.parametrize("sign", ["!", "#", "&"])
def test_the_user_types_something_else_than_a_prompt_while_it_retries(sign: str) -> None:
    """Shell commands, notes to remember, tasks for elsewhere: the sign of the input box changes."""
    shown = Shown()
    spinner = "{E}✻ API error{G} · retrying in 9s · attempt 5/10{P}"
    shown.show(working_2_1("❯ x", spinner=spinner))
    shown.show("\n".join(["❯ x", "", spinner, "", *box(sign=sign, footer="esc to interrupt")]))
    assert shown.phases == [("retrying", 5)]


QUESTION = """● Bash(rm x)
  ⎿  Waiting…

{B}────────────────────────{P}
 Bash command
   rm x
 Do you want to proceed?
 ❯ 1. Yes
   2. No
 Esc to cancel · Tab to amend"""


def test_a_question_instead_of_the_input_box_is_looked_at_once() -> None:
    """It may stand there for hours."""
    for before in (v2_1_330(0), v2_1_330(4), v2_1_132_bare(4), v1_0_120(4)):
        shown = Shown()
        shown.show(v2_1_330(4))
        shown.flash(before)
        shown.show(QUESTION)
        assert not shown.detector.pending
        assert not shown.detector.waiting
        shown.show(DONE)
        assert shown.phases[-1] == ("cleared", None)


def test_a_retry_behind_another_view_goes_on_when_it_is_closed() -> None:
    shown = Shown()
    shown.show(v2_1_330(4))
    shown.show("Showing detailed transcript · Ctrl+O to toggle\n❯ say x")
    shown.show(v2_1_330(5))
    assert shown.phases == [("retrying", 4), ("retrying", 5)]


def test_nothing_is_pending_when_only_another_frame_can_tell_more() -> None:
    """A prompt that quotes a row may stand there for hours."""
    shown = Shown()
    shown.show(working("> look:", f"  ⎿  {OLD}", f"    ⎿  {CAUSE}"))
    assert not shown.detector.pending


def test_after_lost_output_everything_is_new() -> None:
    shown = Shown()
    shown.show(v2_1_330(4))
    shown.detector.lose_sight()
    assert not shown.detector.busy
    assert not shown.detector.waiting
    shown.show(v2_1_330(4))
    assert [s.attempt for s in shown.told] == [4, 4]


def test_a_row_that_went_while_nobody_saw_has_gone() -> None:
    shown = Shown()
    shown.show(v2_1_330(4))
    shown.detector.lose_sight()
    shown.show(DONE)
    assert shown.phases == [("retrying", 4), ("cleared", None)]


def test_the_same_picture_is_looked_at_once() -> None:
    shown = Shown()
    shown.show(idle("● hello"))

    class Dear(Exception):
        pass

    def count(*_: object) -> None:
        raise Dear

    shown.screen.colour = count  # type: ignore[method-assign,assignment]
    shown.look(1.0)


def test_a_clock_that_is_set_back_meanwhile() -> None:
    """A virtual machine that wakes up: what has to stand for a moment still does, and then counts."""
    shown = Shown(theme=PLAIN)
    shown.show(v2_1_132_bare(0))
    shown.flash(v2_1_132_bare(4))
    shown.now -= 3600
    shown.show(v2_1_132_bare(4), seconds=5.0)
    assert shown.phases == [("retrying", 4)]


def test_waits_as_the_pattern_reads_them() -> None:
    from cc_guard.detect.signatures import shipped

    pattern = next(p.pattern for p in shipped().retries if p.where == "spinner")
    match = pattern.search("API error · Retrying in 1m 5s · attempt 1/10")
    assert match is not None
    assert wait_seconds(match) == 65.0


def test_themes_are_what_they_say() -> None:
    assert set(DARK) == set(PLAIN) == set(SIXTEEN)
    theme: Theme
    for theme in THEMES.values():
        assert "{" not in "{E}{G}{O}{W}{B}{R}{P}".format_map(theme)
