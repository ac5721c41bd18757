"""After the client has given up: remedies, the nudge, a new process; and what may never happen."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cc_guard.incident import machine as m
from cc_guard.incident import recovery
from cc_guard.incident.ladder import Policy, Rung, next_rung, to_tell
from cc_guard.incident.moment import Moment, against_restart, against_typing
from cc_guard.incident.record import Cause, Finding, Kind, Symptom

WALL = 1_800_000_000.0
SAFE = Moment("empty", keys_s=60.0, session=True)
FLUSH = Rung("dns.flush", 2, "auto", ("dns.stale", "dns.resolver_down"), "Empty the DNS cache")
TART = Rung("tart.suspend", 2, "ask", ("vm.interference",), "Suspend the VM", until="incident", trial=True)
WIDEN = Rung("ports.widen", 3, "auto", ("ports.exhausted",), "Widen the port range")
NETSH = Rung("wsl.dns", 4, "auto", ("wsl.network",), "DNS of WSL")
LOGIN = Rung("auth.login", 2, "ask", ("auth.expired",), "Log in again")
RUNGS = (FLUSH, TART, WIDEN, NETSH, LOGIN)
HANDS_OFF = m.Configured(hold=False, hold_from=1, nudge=False, restart=False)


class Run:
    """A machine with a clock, and the effects of every step."""

    def __init__(self, policy: m.Policy | None = None) -> None:
        self.state = m.State(policy=policy or m.Policy(nudge=True, restart=True, rungs=RUNGS))
        self.now = 1000.0
        self.effects: list[m.Effect] = []

    def do(self, event: m.Event, after: float = 0.0) -> list[m.Effect]:
        self.now += after
        self.state, effects = m.step(self.state, event, self.now)
        self.effects += effects
        return effects

    def failed(self, kind: Kind = "connection", after: float = 0.0) -> list[m.Effect]:
        symptom = Symptom(WALL + self.now, kind, "failed", confirmed=True)
        return self.do(m.Seen(symptom, "transcript"), after)

    def retrying(self, attempt: int, after: float = 0.0) -> list[m.Effect]:
        row = Symptom(WALL + self.now, "connection", "retrying", None, None, attempt, 10, 1.0, "row")
        return self.do(m.Seen(row, "screen"), after)

    def probe(self, ok: bool, after: float = 0.0, status: int = 404) -> list[m.Effect]:
        evidence = {"http_status": status} if ok else {}
        return self.do(m.Probed(Finding("api.path", "pass" if ok else "fail", "…", evidence), ok), after)

    def tick(self, after: float = 0.1, moment: Moment = SAFE) -> list[m.Effect]:
        return self.do(m.Tick(moment=moment), after)

    def good(self, seconds: float, moment: Moment = SAFE) -> list[m.Effect]:
        """The path answers, once a second, and the client is looked at."""
        found: list[m.Effect] = []
        for _ in range(int(seconds)):
            found += self.probe(True, after=1.0)
            found += self.tick(0.0, moment)
        return found

    def diagnosed(self, cause: Cause, confidence: float = 0.9) -> list[m.Effect]:
        return self.do(m.Diagnosed(cause, confidence, "why"))

    @property
    def report(self) -> m.Report:
        return next(e.report for e in reversed(self.effects) if isinstance(e, m.Record))


def given_up(kind: Kind = "connection") -> Run:
    """A client that has given up on a path that is gone."""
    run = Run()
    run.failed(kind)
    run.probe(False, after=0.1)
    assert run.state.phase == "down"
    return run


def test_a_client_that_has_given_up_is_told_to_go_on_when_the_path_is_back() -> None:
    run = given_up()
    assert not [e for e in run.tick(30) if isinstance(e, m.Type)]
    run.probe(True, after=1)
    run.tick(0.5)
    run.good(2)
    assert run.effects.count(m.Type("continue")) == 1
    run.do(m.Typed(True), after=0.6)
    run.do(m.Progressed("transcript"), after=0.5)
    assert run.report.outcome == "recovered"
    assert [a.remedy for a in run.report.actions] == ["client.nudge"]
    assert run.report.reachable is not None
    assert (run.report.progressed or 0) - run.report.reachable < 4


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
    assert run.report.outcome == "failed"
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
    assert run.report.outcome == "failed"


@pytest.mark.parametrize("kind", ["overloaded", "rate_limit"])
def test_of_a_limit_the_end_is_waited_for_and_one_nudge_given(kind: Kind) -> None:
    run = Run()
    run.failed(kind)
    assert not [e for e in run.good(119) if isinstance(e, m.Type)]
    assert m.Type("continue") in run.good(3)
    run.do(m.Typed(True))
    run.failed(kind, after=5)
    assert not [e for e in run.good(600) if isinstance(e, m.Type | m.Restart)]
    assert run.report.outcome == "failed"


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
    assert run.report.outcome == "recovered"
    assert [a.remedy for a in run.report.actions] == ["client.nudge", "client.restart", "client.nudge"]


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
    assert run.report.outcome == "failed"
    assert run.state.past.tripped
    run.retrying(2, after=10)
    run.probe(False)
    assert not isinstance(run.effects[-1], m.Hold)
    run.failed(after=1)
    assert not [e for e in run.good(60) if isinstance(e, m.Type | m.Restart | m.Hold)]
    run.do(m.Prompted(), after=60)
    assert not run.state.past.tripped


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
        assert run.report.outcome == "recovered"
        run.tick(5)
    assert run.state.past.tripped
    run.failed(after=10)
    assert run.report.outcome == "failed"


def test_a_remedy_that_the_profile_allows_is_carried_out_while_the_path_is_bad() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("dns.stale")
    assert m.Run("dns.flush", apply=True) in run.tick()
    assert run.tick() == [], "one thing at a time"
    run.do(m.Ran("dns.flush", "ok", "emptied", 0.3))
    assert [(a.remedy, a.status) for a in run.report.actions] == [("dns.flush", "ok")]
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
    assert [a.status for a in run.report.actions if a.remedy == "ports.widen"] == ["unanswered"]
    assert run.do(m.Answered(question.id, "yes")) == []
    assert not [e for e in run.effects if isinstance(e, m.Run)]


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


def test_what_turns_out_to_be_unfit_is_not_asked_any_more() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("ports.exhausted")
    assert any(isinstance(e, m.Ask) and e.question for e in run.tick())
    assert m.Ask(None) in run.do(m.Ran("ports.widen", "unfit", "it is as wide as can be"), after=0.5)
    assert not [e for _ in range(20) for e in run.tick(1) if isinstance(e, m.Ask | m.Run)]
    assert run.report.actions == (), "nothing was done"


def test_the_client_goes_on_before_the_remedy_is_proven() -> None:
    """The change has its effect while its own check still runs."""
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("dns.stale")
    run.tick()
    run.do(m.Progressed("transcript"), after=1.5)
    assert run.report.outcome == "recovered"
    (action,) = run.report.actions
    assert (action.remedy, action.status, action.duration_s) == ("dns.flush", "ok", 1.5)
    run.tick(5)
    run.retrying(1, after=10)
    assert not run.do(m.Ran("dns.flush", "ok", "", 3.0)), "it belongs to the incident before"
    run.do(m.Exited())
    assert run.report.actions == ()


def test_the_user_leaves_while_a_remedy_is_carried_out() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("dns.stale")
    run.tick()
    run.do(m.Exited(), after=1)
    assert [(a.remedy, a.status) for a in run.report.actions] == [("dns.flush", "failed")]


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


def test_what_was_done_for_the_incident_is_undone_at_its_end() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("vm.interference")
    question = next(e.question for e in run.tick() if isinstance(e, m.Ask))
    assert question is not None
    run.do(m.Answered(question.id, "yes"))
    run.do(m.Ran("tart.suspend", "ok"))
    assert m.Undo() in run.do(m.Progressed("transcript"), after=1)


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
    assert run.report.outcome == "recovered"


def test_the_user_takes_over() -> None:
    run = given_up()
    run.do(m.Prompted(), after=20)
    assert not [e for e in run.good(30) if isinstance(e, m.Type)]
    run.do(m.Progressed("transcript"))
    assert run.report.outcome == "recovered"
    assert run.report.actions == ()


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
    assert run.report.outcome == "failed"


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


BUSY = replace(SAFE, prompt="busy", kept=True)


def stuck() -> Run:
    """A client that retries in vain on a good path, and is about to be started anew."""
    run = Run()
    run.retrying(4)
    run.diagnosed("process.stuck")
    return run


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
    assert run.report.outcome == "recovered"


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
    assert run.report.outcome == "failed"


def test_what_a_driver_never_tells_of_is_not_done_again() -> None:
    run = given_up()
    assert run.good(600).count(m.Type("continue")) == 1
    run = given_up()
    run.good(3)
    run.do(m.Typed(True))
    run.failed(after=2)
    assert run.good(600).count(m.Restart()) == 1


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


def test_what_was_done_is_undone_though_nothing_is_allowed_any_more() -> None:
    run = Run()
    run.retrying(1)
    run.probe(False)
    run.diagnosed("vm.interference")
    question = next(e.question for e in run.tick() if isinstance(e, m.Ask))
    assert question is not None
    run.do(m.Answered(question.id, "yes"))
    run.do(m.Ran("tart.suspend", "ok"))
    run.do(HANDS_OFF)
    assert m.Undo() in run.do(m.Progressed("transcript"), after=1)


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


prompts = st.sampled_from(["empty", "draft", "menu", "mode", "view", "busy", "vim-normal", "unknown"])
moments = st.builds(
    Moment,
    prompt=prompts,
    keys_s=st.sampled_from([0.0, 2.9, 3.0, 60.0]),
    tools=st.sampled_from([0, 0, 0, 1]),
    asked=st.sampled_from([False, False, True]),
    session=st.booleans(),
    kept=st.booleans(),
)
policies: st.SearchStrategy[Policy] = st.sampled_from(["auto", "ask", "suggest", "off"])
kinds: st.SearchStrategy[Kind] = st.sampled_from(
    ["connection", "server_error", "auth", "usage_limit", "rate_limit", "overloaded", "bad_request", "tls"]
)
causes: st.SearchStrategy[Cause] = st.sampled_from(
    ["dns.stale", "vm.interference", "ports.exhausted", "wsl.network", "auth.expired", "process.stuck"]
)


class AnyOrder(RuleBasedStateMachine):
    """A world that does as it likes, and a driver that answers late, never, or twice."""

    @initialize(chosen=st.lists(policies, min_size=5, max_size=5), nudge=st.booleans(), restart=st.booleans())
    def start(self, chosen: list[Policy], nudge: bool, restart: bool) -> None:
        rungs = tuple(replace(rung, policy=policy) for rung, policy in zip(RUNGS, chosen, strict=True))
        self.run = Run(m.Policy(nudge=nudge, restart=restart, rungs=rungs))
        self.moment = Moment()
        self.typed_since_failure = False
        self.consented: set[str] = set()
        self.question: m.Question | None = None
        self.to_undo = False

    def send(self, event: m.Event, after: float = 0.1) -> None:
        before = self.run.state
        for effect in self.run.do(event, after):
            state, policy = self.run.state, self.run.state.policy
            if isinstance(effect, m.Type):
                assert isinstance(event, m.Tick)
                assert not against_typing(event.moment)
                assert event.moment.prompt == "empty"
                assert event.moment.keys_s >= 3
                assert not event.moment.tools
                assert not event.moment.asked
                assert policy.nudge
                assert before.phase == "down"
                assert not before.suspended
                assert before.answered is not None
                assert self.run.now - before.answered <= m.PATH_MEMORY_S
                assert before.report is not None
                assert before.report.kind not in ("usage_limit", "bad_request", "too_large", "tls")
                assert not self.typed_since_failure
                assert not before.past.tripped
                self.typed_since_failure = True
            elif isinstance(effect, m.Restart):
                assert isinstance(event, m.Tick)
                assert policy.restart
                assert event.moment.session
                assert not event.moment.tools
                assert event.moment.prompt == "empty" or event.moment.kept
                assert before.cleared is None
                assert before.doubted is None
                assert not before.suspended
                assert before.care.restarting is None or self.run.now - before.care.restarting > 60
                assert not against_restart(event.moment, retrying=before.phase == "watching")
                assert not before.past.tripped
            elif isinstance(effect, m.Run):
                rung = policy.rung(effect.remedy)
                assert rung is not None
                assert rung.policy != "off"
                if effect.apply and rung.until == "incident":
                    self.to_undo = True
                if effect.apply:
                    assert before.report is not None
                    assert rung.trial or (before.report.confidence or 0.0) >= 0.7
                    assert rung.level in (1, 2, 3)
                    assert not before.past.tripped
                    if rung.level == 3 or rung.policy == "ask":
                        assert rung.id in self.consented
                    else:
                        assert rung.policy == "auto"
            elif isinstance(effect, m.Ask):
                self.question = effect.question
            elif isinstance(effect, m.Undo):
                self.to_undo = False
            elif isinstance(effect, m.Hold):
                assert not before.past.tripped
                assert state.care.restarting is None
            assert state is not None

    @rule(kind=kinds, confirmed=st.sampled_from([True, True, False]))
    def failed(self, kind: Kind, confirmed: bool) -> None:
        if confirmed:
            self.typed_since_failure = False
        self.send(m.Seen(Symptom(WALL, kind, "failed", confirmed=confirmed), "transcript"))

    @rule(attempt=st.integers(1, 10))
    def row(self, attempt: int) -> None:
        self.send(m.Seen(Symptom(WALL, "connection", "retrying", None, None, attempt, 10, 1.0), "screen"))

    @rule()
    def cleared(self) -> None:
        self.send(m.Seen(Symptom(WALL, "connection", "cleared"), "screen"))

    @rule(ok=st.booleans(), status=st.sampled_from([200, 404, 503, 529]))
    def probed(self, ok: bool, status: int) -> None:
        evidence = {"http_status": status} if ok else {}
        self.send(m.Probed(Finding("api.path", "pass" if ok else "fail", "", evidence), ok))

    @rule(cause=causes, confidence=st.sampled_from([0.3, 0.5, 0.7, 0.9]))
    def diagnosed(self, cause: Cause, confidence: float) -> None:
        self.send(m.Diagnosed(cause, confidence, ""))

    @rule(moment=moments, seconds=st.sampled_from([0.1, 1.0, 5.0, 130.0]))
    def tick(self, moment: Moment, seconds: float) -> None:
        self.moment = moment
        self.send(m.Tick(moment=moment), seconds)

    @rule(seconds=st.sampled_from([0.1, 1.0, 40.0]))
    def good_moment(self, seconds: float) -> None:
        self.send(m.Probed(Finding("api.path", "pass", "", {"http_status": 404}), True), seconds)
        self.send(m.Tick(moment=SAFE), 0.1)

    @rule(ok=st.booleans())
    def typed(self, ok: bool) -> None:
        if not ok and self.run.state.care.typing is not None:
            self.typed_since_failure = False
        self.send(m.Typed(ok))

    @rule(ok=st.booleans())
    def restarted(self, ok: bool) -> None:
        if self.run.state.care.restarting is not None:
            self.typed_since_failure = False
        self.send(m.Restarted(ok))

    @rule(rung=st.sampled_from(RUNGS), status=st.sampled_from(["ok", "failed", "unfit", "refused"]))
    def ran(self, rung: Rung, status: str) -> None:
        if status == "ok" and self.run.state.report is not None:
            self.typed_since_failure = False  # something has changed
        self.send(m.Ran(rung.id, status))

    @rule(answer=st.sampled_from(["yes", "no", "always", "never"]), right=st.booleans())
    def answered(self, answer: str, right: bool) -> None:
        asked = self.run.state.care.question
        if right and asked is not None and answer in ("yes", "always"):
            self.consented.add(asked.remedy)
        self.send(m.Answered(asked.id if asked and right else "q99999", answer))  # type: ignore[arg-type]

    @rule(
        event=st.sampled_from(
            [m.Suspended(), m.Resumed(), m.Exited(), m.Prompted(), m.HoldStarted(), m.Retry()]
        )
    )
    def other(self, event: m.Event) -> None:
        if isinstance(event, m.Prompted):
            self.typed_since_failure = False
        self.send(event)

    @rule()
    def hands_off(self) -> None:
        """`observe` in the panel, which answers what is asked with a no."""
        asked = self.run.state.care.question
        if asked is not None:
            self.send(m.Answered(asked.id, "no"))
        self.send(HANDS_OFF)

    @rule(ago_s=st.sampled_from([0.0, 1.0, 200.0]))
    def prompted(self, ago_s: float) -> None:
        if ago_s == 0.0:
            self.typed_since_failure = False
        self.send(m.Prompted(ago_s))

    @rule()
    def progress(self) -> None:
        self.typed_since_failure = False
        self.send(m.Progressed("hook"))

    @invariant()
    def nothing_is_left_after_an_incident(self) -> None:
        if not hasattr(self, "run") or self.run.state.report is not None:
            return
        assert self.question is None
        assert self.run.state.care == type(self.run.state.care)()
        probing = [effect.on for effect in self.run.effects if isinstance(effect, m.Probe)]
        assert not (probing and probing[-1])
        assert not self.to_undo

    @invariant()
    def never_more_than_two_nudges(self) -> None:
        if hasattr(self, "run"):
            assert self.run.state.care.nudges <= recovery.MOST_NUDGES


AnyOrder.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestAnyOrder = AnyOrder.TestCase
