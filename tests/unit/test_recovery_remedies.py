"""Which remedy is carried out, asked for or only told; and what becomes of it."""

from dataclasses import replace

import pytest

from cc_guard.incident import machine as m
from cc_guard.incident.ladder import Rung, next_rung, to_tell
from cc_guard.incident.record import Cause
from tests.unit.recovery_run import FLUSH, HANDS_OFF, NETSH, TART, Run


def test_a_remedy_that_the_profile_allows_is_carried_out_while_the_path_is_bad() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("dns.stale")
    assert m.Run("dns.flush", apply=True) in run.tick()
    assert run.tick() == [], "one thing at a time"
    run.do(m.Ran("dns.flush", "ok", "emptied", 0.3))
    assert [(a.remedy, a.status) for a in run.last.actions] == [("dns.flush", "ok")]
    run.probe(True, after=0.3)
    assert not [e for e in run.good(30) if isinstance(e, m.Run)], "it has helped"


def test_what_failed_twice_is_not_repeated() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("dns.stale")
    runs = 0
    for _ in range(600):
        run.probe(False, after=0.5)
        for effect in run.tick(0.0):
            if isinstance(effect, m.Run):
                runs += 1
                run.do(m.Ran("dns.flush", "failed"))
    assert runs == 2


def test_three_incidents_of_one_cause_in_ten_minutes_open_the_breaker() -> None:
    run = Run()
    for _ in range(3):
        run.failed(after=10)
        run.probe(False, after=0.1)
        run.diagnosed("dns.stale")
        run.good(3)
        run.do(m.Ran("dns.flush", "ok"))
        run.good(12)
        run.do(m.Typed(True))
        run.do(m.Progressed("transcript"), after=10)
        assert run.last.outcome == "recovered"
        run.tick(5)
    assert run.state.past.tripped
    run.failed(after=10)
    assert run.last.outcome == "failed"


def test_outside_this_system_nothing_is_done_but_told_once() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("wsl.network")
    told = [e for _ in range(20) for e in run.tick(1) if isinstance(e, m.Run)]
    assert told == [m.Run("wsl.dns", apply=False)]


def test_a_guess_is_not_acted_upon() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("dns.stale", 0.5)
    assert not [e for _ in range(20) for e in run.tick(1) if isinstance(e, m.Run)]


def test_a_test_needs_no_more_than_a_guess() -> None:
    tart = replace(TART, policy="auto")
    run = Run(m.Policy(nudge=True, restart=True, rungs=(tart, FLUSH)))
    run.retrying(1)
    run.probe(False)
    run.diagnosed("vm.interference", 0.3)
    assert m.Run("tart.suspend", apply=True) in run.tick()
    for sure, trial, found in (
        (0.3, True, True),
        (0.29, True, False),
        (0.69, False, False),
        (0.7, False, True),
    ):
        rung = replace(tart, trial=trial)
        assert (next_rung((rung,), "vm.interference", sure, {}, ()) is not None) == found
    assert next_rung((tart,), "vm.interference", 0.9, {"tart.suspend": 1}, ()) is None, "it has its answer"


def test_the_client_goes_on_before_the_remedy_is_proven() -> None:
    """The change has its effect while its own check still runs."""
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("dns.stale")
    run.tick()
    run.do(m.Progressed("transcript"), after=1.5)
    assert run.last.outcome == "recovered"
    (action,) = run.last.actions
    assert (action.remedy, action.status, action.duration_s) == ("dns.flush", "ok", 1.5)
    run.tick(5)
    run.retrying(1, after=10)
    assert not run.do(m.Ran("dns.flush", "ok", "", 3.0)), "it belongs to the incident before"
    run.do(m.Exited())
    assert run.last.actions == ()


def test_the_user_leaves_while_a_remedy_is_carried_out() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("dns.stale")
    run.tick()
    run.do(m.Exited(), after=1)
    assert [(a.remedy, a.status) for a in run.last.actions] == [("dns.flush", "failed")]


def test_ladder_gentlest_first_and_what_was_tried_less() -> None:
    one, two, three = (Rung(str(n), n, "auto", ("dns.stale",)) for n in (1, 2, 2))
    other = replace(three, id="3")
    rungs = (two, other, one)
    assert next_rung(rungs, "dns.stale", 0.9, {}, ()) == one
    assert next_rung(rungs, "dns.stale", 0.9, {"1": 1}, ()) == two
    assert next_rung(rungs, "dns.stale", 0.9, {"1": 1}, ("2",)) == replace(two, id=other.id)
    assert next_rung(rungs, "dns.stale", 0.9, {"1": 2, "2": 2, "3": 2}, ()) is None
    assert next_rung(rungs, "clock.skew", 0.9, {}, ()) is None
    assert to_tell((NETSH,), "wsl.network", 0.6) == [NETSH]


# Asked


def test_a_remedy_that_needs_root_is_never_carried_out_without_a_yes() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("ports.exhausted")
    asked = [e for e in run.tick() if isinstance(e, m.Ask)]
    assert asked[0].question is not None
    assert asked[0].question.remedy == "ports.widen"
    assert not [e for e in run.tick(1) if isinstance(e, m.Run | m.Ask)]
    effects = run.do(m.Answered(asked[0].question.id, "yes"))
    assert m.Run("ports.widen", apply=True) in effects


def test_nobody_answers_is_a_no_and_a_late_answer_is_none() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("ports.exhausted")
    question = next(e.question for e in run.tick() if isinstance(e, m.Ask))
    assert question is not None
    for _ in range(40):
        run.retrying(2, after=10)
        run.probe(False)
        run.tick(0.0)
    assert [a.status for a in run.last.actions if a.remedy == "ports.widen"] == ["unanswered"]
    assert run.do(m.Answered(question.id, "yes")) == []
    assert not [e for e in run.effects if isinstance(e, m.Run)]


def test_what_turns_out_to_be_unfit_is_not_asked_any_more() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("ports.exhausted")
    assert any(isinstance(e, m.Ask) and e.question for e in run.tick())
    assert m.Ask(None) in run.do(m.Ran("ports.widen", "unfit", "it is as wide as can be"), after=0.5)
    assert not [e for _ in range(20) for e in run.tick(1) if isinstance(e, m.Ask | m.Run)]
    assert run.last.actions == (), "nothing was done"


@pytest.mark.parametrize(("cause", "asked"), [("mtu.blackhole", True), ("ports.exhausted", False)])
def test_a_small_request_that_is_answered_says_nothing_of_large_ones(cause: Cause, asked: bool) -> None:
    rung = Rung("mtu.lower", 3, "ask", (cause,), "Send smaller packets")
    run = Run(m.Policy(nudge=True, restart=True, rungs=(rung,)))
    run.retrying(2)
    run.probe(True)
    run.diagnosed(cause)
    assert any(isinstance(e, m.Ask) and e.question for e in run.good(3)) == asked


def test_always_and_never_hold_for_the_session() -> None:
    for answer, expected in (("always", True), ("never", False)):
        run = Run()
        for round_ in range(2):
            run.retrying(1, after=1000)
            run.probe(False)
            run.diagnosed("vm.interference")
            effects = run.tick()
            asked = [e.question for e in effects if isinstance(e, m.Ask) and e.question]
            if round_ == 0:
                effects = run.do(m.Answered(asked[0].id, answer))  # type: ignore[arg-type]
            else:
                assert not asked
            assert (m.Run("tart.suspend", apply=True) in effects) == expected
            if expected:
                run.do(m.Ran("tart.suspend", "ok"))
            run.do(m.Progressed("transcript"), after=1)
            run.tick(5)


def test_a_yes_to_what_is_not_allowed_any_more_is_none() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("vm.interference")
    question = next(e.question for e in run.tick() if isinstance(e, m.Ask))
    assert question is not None
    run.do(HANDS_OFF)
    assert m.Ask(None) in run.do(m.Answered(question.id, "always"))
    assert not [e for e in run.effects if isinstance(e, m.Run)]


def test_a_question_is_unlike_those_of_the_guard_before() -> None:
    ids = []
    for started in (1000.0, 1600.0):
        run = Run()
        run.now = started
        run.retrying(1)
        run.probe(False)
        run.diagnosed("vm.interference")
        ids += [e.question.id for e in run.tick() if isinstance(e, m.Ask) and e.question]
    assert len(set(ids)) == 2


# Undone


def with_a_suspended_machine() -> Run:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("vm.interference")
    question = next(e.question for e in run.tick() if isinstance(e, m.Ask))
    assert question is not None
    run.do(m.Answered(question.id, "yes"))
    run.do(m.Ran("tart.suspend", "ok"))
    return run


def test_what_was_done_for_the_incident_is_undone_at_its_end() -> None:
    run = with_a_suspended_machine()
    assert m.Undo() in run.do(m.Progressed("transcript"), after=1)


def test_what_was_done_is_undone_though_nothing_is_allowed_any_more() -> None:
    run = with_a_suspended_machine()
    run.do(HANDS_OFF)
    assert m.Undo() in run.do(m.Progressed("transcript"), after=1)
