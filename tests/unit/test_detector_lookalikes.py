"""What only looks like a retry is none. Each is shown for two seconds, in colours and without."""

import pytest

from tests.unit.eras import pairs
from tests.unit.pictures import CAUSE, NEW, OLD, THEMES, WAITING, Shown, box, idle, working, working_2_1


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
