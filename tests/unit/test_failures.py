"""A final failure as the screen alone shows it: what is worth a look at the transcript, and what is not."""

from dataclasses import replace

import pytest

from tests.unit.pictures import LIGHT, OLD, PLAIN, THEMES, Shown, box, idle, working, working_2_1

TOOK = "{G}✻ Churned for 1s{P}"
NO_UPSTREAM = (
    "API Error: 503 no healthy upstream. This is a server-side issue, usually temporary — try again in a"
)
FAILURES = {
    "1.0.120": (["> say x", "  ⎿  {E}API Error: Connection error.{P}"], "connection", None),
    "1.0.120 JSON": (
        [
            "> say x",
            '  ⎿ {E}API Error: 529 {{"type":"error","error":{{"type":"overloaded_error","message":"Over{P}',
            '    {E}loaded"}},"request_id":"req_98a0e05ed33a412692a14d30"}}{P}',
        ],
        "overloaded",
        529,
    ),
    "2.0.60": (["> say x", "  ⎿  {E}API Error: 503 no healthy upstream{P}"], "server_error", 503),
    "2.1.132": (
        ["❯ say x", "  {G}⎿{P}  {E}" + NO_UPSTREAM + "{P}", "     {E}moment.{P}", "", TOOK],
        "server_error",
        503,
    ),
    "2.1.330": (["❯ say x", "", "{W}● " + NO_UPSTREAM + "{P}", "  {W}moment.{P}"], "server_error", 503),
    "2.1.330, after a while": (
        ["❯ say x", "", "{W}● API Error: Connection dropped (ECONNRESET). Check the gateway{P}", "", TOOK],
        "connection",
        None,
    ),
    "2.1.330 log in": (
        ["❯ say x", "", "{W}● Please run /login · API Error: 401 OAuth token has expired.{P}"],
        "auth",
        401,
    ),
}


def failing(rows: list[str], theme: str = "dark", columns: int = 100) -> Shown:
    """Shown to the end of a turn that failed."""
    shown = Shown(columns, theme=THEMES[theme])
    shown.show(working_2_1(rows[0], columns=columns))
    shown.show(idle(*rows, columns=columns))
    return shown


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("era", FAILURES)
def test_the_failures_of_all_eras(era: str, theme: str) -> None:
    rows, kind, status = FAILURES[era]
    shown = failing(rows, theme)
    (symptom,) = shown.told
    assert (symptom.phase, symptom.kind, symptom.http_status) == ("failed", kind, status)
    assert not symptom.confirmed, "the model may have written it"
    assert "API Error" in symptom.text
    assert "Churned" not in symptom.text


def test_it_has_to_stand_for_a_moment() -> None:
    """The answer may still be coming, and the transcript is mostly quicker."""
    rows, _, _ = FAILURES["2.1.330"]
    shown = Shown()
    shown.show(working_2_1(rows[0]))
    began = shown.now
    assert shown.flash(idle(*rows)) == []
    shown.show(idle(*rows))
    assert 0.05 <= shown.told[0].t - began <= 0.2


def test_a_failure_that_is_followed_by_more_text_was_an_answer() -> None:
    rows, _, _ = FAILURES["2.1.330"]
    shown = Shown()
    shown.show(working_2_1(rows[0]))
    shown.flash(idle(*rows))
    shown.show(
        idle(*rows, "", "  That is what the client writes when its gateway is down.", "", "● Anything else?")
    )
    assert shown.told == []


def test_the_same_failure_again_after_more_work() -> None:
    rows, _, _ = FAILURES["2.1.330"]
    shown = failing(rows)
    shown.show(working_2_1(*rows, "", "❯ continue"))
    shown.show(idle(*rows, "", "❯ continue", "", *rows[2:]))
    assert [symptom.phase for symptom in shown.told] == ["failed", "failed"]


def test_it_is_told_once_however_often_it_is_drawn() -> None:
    rows, _, _ = FAILURES["2.1.330"]
    shown = failing(rows)
    for draft in ("c", "co", "con"):
        shown.show("\n".join([*rows, "", *box(sign="❯", draft=draft)]))
    shown.screen.resize(120, 40)
    shown.show(idle(*rows, columns=120))
    assert len(shown.told) == 1


def test_an_old_one_that_a_resumed_session_draws() -> None:
    """`--resume`, Ctrl-O and a new size draw the conversation again; nobody has worked since."""
    for era in FAILURES:
        rows, _, _ = FAILURES[era]
        shown = Shown()
        shown.show(idle("● hello"))
        shown.show(idle(*rows))
        shown.show(idle("● more", *rows))
        assert shown.told == [], era


def test_one_that_stood_there_before_the_work_and_stands_there_after_it() -> None:
    """The user presses Escape at once, and the prompt goes back into the input box."""
    rows, _, _ = FAILURES["2.1.330"]
    shown = Shown()
    shown.show(idle(*rows))
    shown.show(working_2_1(*rows))
    shown.show(idle(*rows))
    assert shown.told == []


@pytest.mark.parametrize(
    "row",
    [
        "  ⎿  {E}Interrupted by user{P}",
        "  ⎿  {E}Interrupted · What should Claude do instead?{P}",
        "  ⎿ {E}API Error: Operation aborted.{P}",
        "  ⎿  {E}API Error: Request was aborted.{P}",
    ],
)
def test_the_user_has_stopped_it(row: str) -> None:
    assert failing(["> say x", row]).told == []


@pytest.mark.parametrize(
    "row",
    [
        "● API Error: 503 no healthy upstream",
        "● {B}API Error: 503{P} is what Envoy says.",
        "{G}● API Error: 503 no healthy upstream{P}",
        "  ⎿  API Error: 503 no healthy upstream",
        "{E}●{P} Bash(false)\n  ⎿  {E}Error: Exit code 1{P}\n     {E}API Error: Connection error.{P}",
        "{E}● The API Error: 503 no healthy upstream{P}",
        "> API Error: Connection error.",
        "{E}! echo API Error: Connection error.{P}\n  ⎿  API Error: Connection error.",
    ],
)
def test_words_that_are_not_drawn_as_the_clients_error(row: str) -> None:
    for theme in (THEMES["dark"], LIGHT):
        shown = Shown(theme=theme)
        shown.show(working_2_1("❯ say x"))
        shown.show(idle("❯ say x", "", row))
        assert shown.told == []


def test_without_colours_the_words_have_to_do() -> None:
    """Whether it was the model who said so, only the transcript knows."""
    shown = Shown(theme=PLAIN)
    shown.show(working_2_1("❯ say x"))
    shown.show(idle("❯ say x", "", "● API Error: 503 no healthy upstream"))
    assert [symptom.phase for symptom in shown.told] == ["failed"]
    quoted = Shown(theme=PLAIN)
    quoted.show(working_2_1("❯ say x"))
    quoted.show(idle("❯ say x", "", "● It said: API Error: 503 no healthy upstream"))
    assert quoted.told == []


def test_a_retry_that_ends_in_a_failure_is_not_told_as_over_before() -> None:
    """1.0 and 2.0 draw the failure where the row was."""
    rows, _, _ = FAILURES["2.0.60"]
    notice = ["  ⎿  {E}Unable to connect to API due to poor internet connection{P}"]
    notice.append("     {G}Retrying in 1 second… (attempt 10/10){P}")
    shown = Shown()
    shown.show(working(rows[0]))
    shown.show(working(rows[0], *notice))
    shown.show(idle(*rows))
    assert shown.phases == [("retrying", 10), ("failed", None)]


def test_a_retry_of_1_0_that_ends_in_a_failure() -> None:
    """The rows of its attempts stay above it."""
    pairs = [
        f"  ⎿  {{R}}{OLD.replace('4', str(n))}{{P}}\n    ⎿  {{R}}TypeError (fetch failed){{P}}"
        for n in (9, 10)
    ]
    shown = Shown()
    shown.show(working("> x"))
    shown.show(working("> x", *pairs))
    shown.show(idle("> x", *pairs, "  ⎿  {E}API Error: Connection error.{P}"))
    assert [phase for phase, _ in shown.phases] == ["retrying", "failed"]
    assert shown.told[-1].text == "API Error: Connection error."


@pytest.mark.parametrize("columns", [40, 47, 60, 61])
def test_a_failure_that_is_wrapped(columns: int) -> None:
    """Inside words at the last column up to 2.0, between words later."""
    words = '  ⎿  API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}'
    rows = [words[at : at + columns] for at in range(0, len(words), columns)]
    told = ["{E}" + row.replace("{", "{{").replace("}", "}}") + "{P}" for row in rows]
    (symptom,) = failing(["> say x", *told], columns=columns).told
    assert symptom.text == words[5:]
    assert (symptom.kind, symptom.http_status) == ("overloaded", 529)


def test_a_failure_in_letters_of_any_width() -> None:
    for label in ("服务暂时不可用" * 9, "e\u0301\u0302\u0303" * 60, "👨\u200d👩\u200d👧\u200d👦" * 20):
        shown = failing(["> say x", f"  ⎿  {{E}}API Error: 503 {label}{{P}}"])
        assert [(s.phase, s.http_status) for s in shown.told] == [("failed", 503)]


def test_a_failure_that_fills_the_screen() -> None:
    """A page of HTML from a gateway: its first row has scrolled away, and nothing is made up."""
    page = [f"     {{E}}<p>line {n}</p>{{P}}" for n in range(60)]
    shown = Shown(rows=24)
    shown.show(working("> x"))
    shown.show(idle("> x", "  ⎿  {E}API Error: 502 <html>{P}", *page))
    assert shown.told == []


def test_after_lost_output_an_error_on_the_screen_is_history() -> None:
    rows, _, _ = FAILURES["2.1.330"]
    shown = Shown()
    shown.show(working_2_1(rows[0]))
    shown.detector.lose_sight()
    shown.show(idle(*rows))
    assert shown.told == []


def test_it_comes_with_what_the_transcript_would_say() -> None:
    """The same words, but for blanks and what is cut: the two can be told to be one."""
    (symptom,) = failing(FAILURES["2.1.330 log in"][0]).told
    assert replace(symptom, t=0.0).text == "Please run /login · API Error: 401 OAuth token has expired."
