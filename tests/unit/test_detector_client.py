"""What else the detector says of the client: slow, busy, at a question, out of sight."""

import pytest

from tests.unit.eras import DONE, v1_0_120, v2_1_132_bare, v2_1_330
from tests.unit.pictures import CAUSE, OLD, THEMES, WAITING, Shown, box, idle, working, working_2_1

# Slow, not failed


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


# Busy, and not


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


# Other views, and lost output


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
