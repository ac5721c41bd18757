"""The live region, on screens as the clients draw them."""

import pytest

from cc_guard.screen.region import last_block, live_region

RULE = "─" * 60
BOX_20 = [RULE, ">\xa0", RULE, "  ? for shortcuts"]
BOX_21 = [RULE, "❯\xa0", RULE, "  ⏸ manual mode on · esc to interrupt"]
ROW_10 = "  ⎿  API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)"


def region(*rows: str) -> tuple[str, list[str]] | None:
    found = live_region(list(rows), 60)
    return (found.spinner.text, [notice.text for notice in found.notices]) if found else None


def test_nothing_without_a_box_or_without_work() -> None:
    assert region("● hello", "", "✻ Thinking… (esc to interrupt)") is None
    assert region("> say x", "", "● x", "", *BOX_20) is None


def test_the_spinner_row_above_the_box() -> None:
    row = "✻ Connection dropped (ECONNRESET) · retrying in 9s · attempt 5/10"
    assert region("❯ say x", "", row, "", *BOX_21) == (row[2:], [])


def test_tips_and_to_dos_below_the_spinner_are_not_its_words() -> None:
    rows = ["❯ say x", "", "✻ Brewing… (3s)", "  ⎿  Tip: press tab", "", *BOX_21]
    assert region(*rows) == ("Brewing… (3s)", [])


def test_the_fullscreen_renderer_puts_words_at_the_right_edge() -> None:
    rows = ["❯ say x", "", "✻ Brewing… (3s)", "", "", " " * 48 + "medium · /effort", *BOX_21]
    assert region(*rows) == ("Brewing… (3s)", [])


def test_a_notice_and_its_cause() -> None:
    rows = [
        "> say x",
        ROW_10,
        "    ⎿  TypeError (fetch failed)",
        "",
        "✻ Brewing… (esc to interrupt)",
        "",
        *BOX_20,
    ]
    assert region(*rows) == ("Brewing… (esc to interrupt)", [ROW_10[5:], "TypeError (fetch failed)"])


def test_a_notice_wrapped_at_the_last_column() -> None:
    rows = [
        "> say x",
        "  ⎿ \xa0Unable to connect to API due to poor internet connectio",
        "n",
        "",
        "     Retrying in 8 seconds… (attempt 5/10)",
        "",
        "✻ Brewing…",
        "",
        *BOX_20,
    ]
    text = "Unable to connect to API due to poor internet connection Retrying in 8 seconds… (attempt 5/10)"
    assert region(*rows) == ("Brewing…", [text])


def test_the_output_of_a_tool_is_no_notice_whatever_it_says() -> None:
    for call in (
        ["● Bash(cat log)"],
        ["⏺ Bash(for i in 1 2; do", "      cat log; done)"],
        ["● db - query (MCP)"],
    ):
        rows = [*call, "  ⎿  first line", "     " + ROW_10.strip(), "", "✻ Brewing…", "", *BOX_20]
        assert region(*rows) == ("Brewing…", [])


def test_a_notice_below_the_output_of_a_tool() -> None:
    """The request with the tool's result has failed."""
    rows = ["● Bash(ls)", "  ⎿ \xa0one", "     two", ROW_10, "", "✻ Brewing…", "", *BOX_20]
    assert region(*rows) == ("Brewing…", [ROW_10[5:]])


def test_a_notice_below_an_answer() -> None:
    for gap in ([], [""]):
        rows = ["● I will run it (now).", *gap, ROW_10, "", "✻ Brewing…", "", *BOX_20]
        assert region(*rows) == ("Brewing…", [ROW_10[5:]])


def test_an_answer_between_the_notice_and_the_box_ends_the_region() -> None:
    rows = ["> say x", ROW_10, "", "● hello", "", "✻ Brewing…", "", *BOX_20]
    assert region(*rows) == ("Brewing…", [])


def test_a_draft_that_looks_like_a_retry_row() -> None:
    rows = ["● hello", "", RULE, "❯\xa0✻ API error · retrying in 9s · attempt 5/10", RULE]
    assert region(*rows) is None


def test_the_second_of_two_pictures_counts() -> None:
    """After a stop some clients draw anew below the old picture."""
    old = ["✻ API error · retrying in 2s · attempt 2/10", "", *BOX_21]
    assert region(*old, "❯ say x", "", "● hello", "", *BOX_21) is None


# Which cell a character is in


@pytest.mark.parametrize(
    ("label", "column"),
    [
        ("no upstream", 17),
        ("服务不可用", 16),
        ("e\u0301\u0302e\u0301", 8),
        ("🙂🙂", 10),
        ("\u200bx", 7),
        ("", 6),
    ],
)
def test_the_cell_of_a_character_behind_letters_of_any_width(label: str, column: int) -> None:
    found = live_region(["❯ x", "", f"✻ 503 {label} · retrying in 2s · attempt 2/2", "", *BOX_21], 100)
    assert found is not None
    at = found.spinner.text.index(" · retrying")
    assert found.spinner.cell(at) == (column, 2)


def test_the_cell_of_a_character_in_the_second_row() -> None:
    rows = [
        "> x",
        "  ⎿  Unable to connect to API",
        "     Retrying in 4 seconds… (attempt 4/10)",
        "",
        "✻ Brewing…",
        "",
        *BOX_20,
    ]
    found = live_region(rows, 60)
    assert found is not None
    (notice,) = found.notices
    assert notice.cell(0) == (5, 1)
    assert notice.cell(notice.text.index("Retrying")) == (5, 2)
    assert notice.cell(notice.text.index("4/10")) == (5 + len("Retrying in 4 seconds… (attempt "), 2)


# Input boxes


@pytest.mark.parametrize(
    "box",
    [
        BOX_20,
        BOX_21,
        ["╭" + "─" * 58 + "╮", "│ >" + " " * 56 + "│", "╰" + "─" * 58 + "╯", "  ? for shortcuts"],
        [RULE, "❯\xa0first line of a draft", "  second line", RULE],
        [RULE, "!\xa0ls", RULE, "  ! for bash mode"],
        [RULE, "#\xa0remember this", RULE],
        [RULE + "─ task ──", "❯\xa0", RULE],
        ["━" * 60, "❯\xa0", "━" * 60],
    ],
)
def test_input_boxes(box: list[str]) -> None:
    assert region("> x", "", "✻ Brewing…", "", *box) == ("Brewing…", [])


@pytest.mark.parametrize(
    "box",
    [
        [],
        [RULE],
        [RULE, ""],
        [RULE, "  ❯ 1. Yes", "    2. No"],
        ["❯ ", RULE],
        ["───", "❯ ", "───"],
        [RULE, ">x"],
    ],
)
def test_what_is_no_input_box(box: list[str]) -> None:
    assert region("> x", "", "✻ Brewing…", "", *box) is None


# The last thing of the conversation


def last(*rows: str, columns: int = 60) -> str | None:
    block = last_block(list(rows), columns)
    return block.text if block else None


def test_the_last_block_is_what_stands_above_the_box() -> None:
    assert last("> x", "", "● one", "", "● two", "", *BOX_20) == "two"
    assert last("> x", "  ⎿  API Error: Connection error.", "", *BOX_20) == "API Error: Connection error."
    assert last("> x", "", *BOX_20) == "x"
    assert last("hello", "", *BOX_20) is None
    assert last(*BOX_20) is None
    assert last("● one") is None, "there is no box"


def test_the_last_block_goes_on_below_a_blank_row() -> None:
    assert last("● one", "", "  two", "     three", "", *BOX_21) == "one two three"


def test_what_a_turn_took_is_not_the_last_block() -> None:
    for row in ("✻ Brewed for 36s · done 6:06 PM", "✻ Churned for 1s"):
        assert last("❯ x", "", "● API Error: 503", "", row, "", *BOX_21) == "API Error: 503"


def test_a_last_block_that_is_wrapped_at_the_last_column() -> None:
    words = '  ⎿ API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    rows = [words[:60], words[60:]]
    assert last("> x", *rows, "", *BOX_20) == words[4:]
    wide = "  ⎿  API Error: 503 " + "服" * 20
    assert last("> x", wide, "务不可用", "", *BOX_20) == "API Error: 503 " + "服" * 20 + "务不可用"
