"""When a client is started anew, what that may never cost, and when nothing more is tried."""

from dataclasses import replace

import pytest

from cc_guard.incident import machine as m
from cc_guard.incident.moment import Moment
from cc_guard.incident.record import Cause, Symptom
from tests.unit.machine_run import WALL
from tests.unit.recovery_run import BUSY, SAFE, Run, given_up, stuck


def test_a_process_that_fails_again_on_a_good_path_is_started_anew_and_told_once_more() -> None:
    run = given_up()
    assert m.Type("continue") in run.good(3)
    run.do(m.Typed(True))
    run.failed(after=2)
    assert m.Restart() in run.good(7)
    run.do(m.Restarted(True), after=3)
    assert m.Type("continue") in run.good(3)
    run.do(m.Typed(True))
    run.do(m.Progressed("hook"), after=1)
    assert run.last.outcome == "recovered"
    assert [a.remedy for a in run.last.actions] == ["client.nudge", "client.restart", "client.nudge"]


def test_a_restart_that_came_at_a_bad_moment_comes_again() -> None:
    """Somebody typed just then: that is no reason to give up on it, nor to try every tenth of a second."""
    run = Run()
    run.failed("auth")
    run.diagnosed("auth.expired")
    assert m.Restart() in run.good(3)
    run.do(m.Restarted(False, "you are typing", later=True))
    assert m.Restart() not in run.tick(after=0.5)
    assert m.Restart() in run.good(2)
    run.do(m.Restarted(True), after=2)
    assert m.Type("continue") in run.good(3)
    assert [(a.remedy, a.status) for a in run.last.actions] == [("client.restart", "ok")]


def test_a_restart_that_always_comes_at_a_bad_moment_ends() -> None:
    run = stuck()
    asked = 0
    for _ in range(300):
        if m.Restart() in run.good(1, BUSY):
            asked += 1
            run.do(m.Restarted(False, "you are typing", later=True))
    assert asked == 5


@pytest.mark.parametrize("cause", ["captive_portal", "server.error"])
def test_no_new_process_where_it_would_get_the_same_answer(cause: Cause) -> None:
    run = given_up()
    assert m.Type("continue") in run.good(3)
    run.do(m.Typed(True))
    run.failed(after=2)
    run.diagnosed(cause)
    assert m.Restart() not in run.good(30)


def test_two_nudges_without_progress_open_the_breaker_until_the_user_speaks() -> None:
    run = given_up()
    run.good(3)
    run.do(m.Typed(True))
    run.failed(after=2)
    run.good(7)
    run.do(m.Restarted(True))
    run.good(3)
    run.do(m.Typed(True))
    run.failed(after=2)
    run.good(3)
    assert run.last.outcome == "failed"
    assert run.state.past.tripped
    run.retrying(2, after=10)
    run.probe(False)
    assert not isinstance(run.effects[-1], m.Hold)
    run.failed(after=1)
    assert not [e for e in run.good(60) if isinstance(e, m.Type | m.Restart | m.Hold)]
    run.do(m.Prompted(), after=60)
    assert not run.state.past.tripped


def test_an_expired_login_is_first_tried_with_a_fresh_process_and_then_asked_for() -> None:
    run = Run()
    run.failed("auth")
    run.diagnosed("auth.expired")
    effects = run.good(3)
    assert m.Restart() in effects
    assert not [e for e in effects if isinstance(e, m.Ask | m.Type)]
    run.do(m.Restarted(True), after=2)
    assert m.Type("continue") in run.good(3)
    run.do(m.Typed(True))
    run.failed("auth", after=2)
    run.diagnosed("auth.expired")
    asked = [e.question for e in run.good(3) if isinstance(e, m.Ask) and e.question]
    assert [q.remedy for q in asked] == ["auth.login"]
    run.do(m.Answered(asked[0].id, "yes"))
    run.do(m.Ran("auth.login", "ok"))
    assert m.Restart() in run.good(3)
    run.do(m.Restarted(True), after=2)
    assert m.Type("continue") in run.good(3)
    run.do(m.Typed(True))
    run.do(m.Progressed("hook"), after=1)
    assert run.last.outcome == "recovered"


def test_a_process_that_fails_in_vain_while_the_path_is_good_is_started_anew() -> None:
    run = Run()
    run.retrying(4)
    run.diagnosed("process.stuck")
    busy = replace(SAFE, prompt="busy", kept=True)
    assert m.Restart() in run.good(15, busy)
    assert not [e for e in run.good(15, busy) if isinstance(e, m.Restart)], "once"


@pytest.mark.parametrize(
    "moment",
    [
        replace(SAFE, prompt="draft", kept=False),
        replace(SAFE, prompt="busy", kept=False),
        replace(SAFE, session=False),
        replace(SAFE, tools=1),
        replace(SAFE, prompt="menu"),
        replace(SAFE, keys_s=1.0),
        replace(SAFE, asked=True),
    ],
)
def test_a_restart_never_costs_anything(moment: Moment) -> None:
    run = Run()
    run.retrying(4)
    run.diagnosed("process.stuck")
    assert not [e for e in run.good(60, moment) if isinstance(e, m.Restart)]


def test_a_client_whose_row_is_gone_may_be_at_an_answer_and_is_not_ended() -> None:
    run = stuck()
    run.good(9, BUSY)
    run.do(m.Seen(Symptom(WALL, "connection", "cleared"), "screen"), after=1.1)
    run.probe(True)
    assert m.Restart() not in run.tick(0.3, BUSY)


def test_what_the_screen_says_of_a_client_that_is_being_ended_is_not_its_recovery() -> None:
    run = stuck()
    assert m.Restart() in run.good(15, BUSY)
    run.do(m.Seen(Symptom(WALL, "connection", "cleared"), "screen"), after=0.2)
    run.do(m.Seen(Symptom(WALL, "connection", "failed"), "screen"), after=0.1)
    run.do(m.Interrupted("transcript"), after=0.1)
    run.probe(False, after=1)
    assert m.Hold() not in run.tick(2)
    run.do(m.Restarted(True), after=1)
    assert m.Type("continue") in run.good(5)


def test_a_restart_that_was_refused_leaves_a_client_that_retries() -> None:
    run = stuck()
    assert m.Restart() in run.good(15, BUSY)
    run.do(m.Restarted(False, "you are typing"))
    assert run.state.phase == "watching"
    run.do(m.Progressed("transcript"), after=1)
    assert run.last.outcome == "recovered"


def test_what_a_driver_never_tells_of_is_not_done_again() -> None:
    run = given_up()
    assert run.good(600).count(m.Type("continue")) == 1
    run = given_up()
    run.good(3)
    run.do(m.Typed(True))
    run.failed(after=2)
    assert run.good(600).count(m.Restart()) == 1
