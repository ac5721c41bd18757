"""A retry in narrow and wide windows, in letters of any width, with numbers of any length."""

import pytest

from tests.unit.eras import ERAS
from tests.unit.pictures import DARK, THEMES, Shown, idle, working, working_2_1


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
