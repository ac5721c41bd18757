"""After the client has given up: when it is told to go on, and when never."""

from dataclasses import replace
from itertools import pairwise

import pytest

from cc_guard.incident import machine as m
from cc_guard.incident import recovery
from cc_guard.incident.moment import Moment
from cc_guard.incident.record import Finding, Kind, Symptom
from tests.unit.machine_run import WALL
from tests.unit.recovery_run import SAFE, Run, given_up


def test_a_client_that_has_given_up_is_told_to_go_on_when_the_path_is_back() -> None:
    run = given_up()
    assert not [e for e in run.tick(30) if isinstance(e, m.Type)]
    run.probe(True, after=1)
    run.tick(0.5)
    run.good(2)
    assert run.effects.count(m.Type("continue")) == 1
    run.do(m.Typed(True), after=0.6)
    run.do(m.Progressed("transcript"), after=0.5)
    assert run.last.outcome == "recovered"
    assert [a.remedy for a in run.last.actions] == ["client.nudge"]
    assert run.last.reachable is not None
    assert (run.last.progressed or 0) - run.last.reachable < 4


@pytest.mark.parametrize(
    "moment",
    [
        replace(SAFE, prompt="draft", kept=True),
        replace(SAFE, prompt="menu"),
        replace(SAFE, prompt="mode"),
        replace(SAFE, prompt="view"),
        replace(SAFE, prompt="busy"),
        replace(SAFE, prompt="vim-normal"),
        replace(SAFE, prompt="unknown"),
        replace(SAFE, keys_s=2.9),
        replace(SAFE, tools=1),
        replace(SAFE, asked=True),
        Moment(),
    ],
)
def test_nothing_is_typed_unless_it_is_proven_safe_and_people_are_told_why(moment: Moment) -> None:
    run = given_up()
    effects = run.good(60, moment)
    assert not [e for e in effects if isinstance(e, m.Type | m.Restart)]
    said = [e.text for e in effects if isinstance(e, m.Notify) and "waiting, because" in e.text]
    assert len(said) == 1
    assert m.Type("continue") in run.good(1), "it is safe now"


def test_a_suspended_client_is_left_alone() -> None:
    run = given_up()
    run.do(m.Suspended())
    assert not [e for e in run.good(30) if isinstance(e, m.Type | m.Restart)]


def test_an_answer_that_is_only_nothing_to_ask_proves_nothing() -> None:
    run = given_up()
    for _ in range(30):
        run.do(m.Probed(Finding("api.path", "na", "no route"), True), after=1.0)
        assert not [e for e in run.tick(0.0) if isinstance(e, m.Type)]


def test_a_server_that_answers_with_errors_is_not_well() -> None:
    run = given_up("server_error")
    for _ in range(60):
        run.probe(True, after=1.0, status=503)
        assert not [e for e in run.tick(0.0) if isinstance(e, m.Type)]
    assert m.Type("continue") in run.good(3), "it has just become well"


@pytest.mark.parametrize("kind", ["usage_limit", "bad_request", "too_large", "tls"])
def test_what_no_words_can_help_ends_at_once(kind: Kind) -> None:
    run = Run()
    run.failed(kind)
    assert run.last.outcome == "failed"
    assert not [e for e in run.effects if isinstance(e, m.Type | m.Restart)]


def test_a_usage_limit_is_over_when_the_client_says_so_and_a_minute_later() -> None:
    run = Run()
    symptom = Symptom(WALL, "usage_limit", "failed", confirmed=True)
    run.do(m.Seen(symptom, "hook", over_in_s=1800.0))
    assert not [e for e in run.good(1859) if isinstance(e, m.Type | m.Restart)]
    assert m.Type("continue") in run.good(3)
    run.do(m.Typed(True))
    run.do(m.Seen(symptom, "hook"))
    assert not [e for e in run.good(600) if isinstance(e, m.Type | m.Restart)]
    assert run.last.outcome == "failed"


@pytest.mark.parametrize("kind", ["overloaded", "rate_limit"])
def test_of_a_limit_the_end_is_waited_for_and_one_nudge_given(kind: Kind) -> None:
    run = Run()
    run.failed(kind)
    assert not [e for e in run.good(119) if isinstance(e, m.Type)]
    assert m.Type("continue") in run.good(3)
    run.do(m.Typed(True))
    run.failed(kind, after=5)
    assert not [e for e in run.good(600) if isinstance(e, m.Type | m.Restart)]
    assert run.last.outcome == "failed"


def test_a_path_that_comes_back_says_nothing_of_a_limit() -> None:
    for kind, over in (("usage_limit", 1800.0), ("rate_limit", None), ("overloaded", None)):
        run = Run()
        run.do(m.Seen(Symptom(WALL, kind, "failed", confirmed=True), "hook", over))  # type: ignore[arg-type]
        run.good(30)
        run.probe(False, after=1)
        assert not [e for e in run.good(80) if isinstance(e, m.Type)], kind


def test_a_server_that_said_it_was_overloaded_and_says_so_no_more_is_not_waited_for() -> None:
    run = Run()
    run.failed("overloaded")
    run.probe(True, after=1, status=529)
    assert m.Type("continue") in run.good(5)


def test_words_that_never_come_to_stand_are_not_typed_again_and_again() -> None:
    run = given_up()
    times = []
    for _ in range(600):
        if m.Type("continue") in run.good(1):
            times.append(run.now)
            run.do(m.Typed(False, "the input box did not show the words"), after=3)
    assert len(times) == recovery.MOST_MISSES
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses == sorted(pauses), "more and more time between them"
    assert run.last.outcome == "failed"


# The user speaks


def test_the_user_takes_over() -> None:
    run = given_up()
    run.do(m.Prompted(), after=20)
    assert not [e for e in run.good(30) if isinstance(e, m.Type)]
    run.do(m.Progressed("transcript"))
    assert run.last.outcome == "recovered"
    assert run.last.actions == ()


def test_another_try_is_one_that_the_user_may_ask_for() -> None:
    run = Run()
    run.failed("overloaded")
    run.probe(True, after=0.1)
    assert not [e for e in run.good(3.0) if isinstance(e, m.Type)], "its two minutes are not over"
    run.do(m.Retry())
    assert [e for e in run.good(2.0) if isinstance(e, m.Type)]


def test_a_hold_that_the_user_lets_try_once_is_not_begun_again_for_the_same_attempt() -> None:
    run = Run()
    run.retrying(2)
    run.probe(False, after=0.1)
    run.do(m.HoldStarted(), after=0.1)
    assert run.state.phase == "held"
    assert m.Release() in run.do(m.Retry(), after=0.1)
    run.probe(False, after=0.3)
    run.retrying(2, after=0.1)
    assert run.state.phase not in ("holding", "held")
    run.retrying(3, after=0.5)
    assert run.state.phase == "holding"


def test_what_is_forbidden_in_the_middle_of_it_is_not_done() -> None:
    run = given_up()
    run.do(m.Configured(hold=False, hold_from=1, nudge=False, restart=False))
    assert not [e for e in run.good(10.0) if isinstance(e, m.Type | m.Restart)]
    assert run.last.outcome == "failed"


def test_our_own_words_told_late_are_not_the_user_speaking() -> None:
    """A transcript may have the prompt after its failure."""
    run = given_up()
    run.good(3)
    run.do(m.Typed(True))
    run.failed(after=180)
    run.do(m.Prompted(ago_s=180.0))
    assert (run.state.phase, run.state.care.nudges) == ("down", 1)
    run.good(7)
    run.do(m.Restarted(True))
    run.good(3)
    run.do(m.Typed(True))
    run.failed(after=180)
    run.good(3)
    assert run.state.past.tripped
    run.do(m.Prompted(ago_s=183.0))
    assert run.state.past.tripped
    run.do(m.Prompted(), after=1)
    assert not run.state.past.tripped


def test_a_prompt_that_has_failed_since_leaves_the_client_down() -> None:
    run = given_up()
    run.do(m.Prompted(ago_s=180.0), after=1)
    assert run.state.phase == "down"
    run.do(m.Prompted(), after=1)
    assert run.state.phase == "going"
