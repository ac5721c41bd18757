"""When the incident machine holds the client, and when it lets go."""

from cc_guard.incident import machine as m
from tests.unit.machine_run import Run, held, holding


def test_one_outage_from_the_first_row_to_the_answer() -> None:
    run = Run()
    assert m.Probe(True) in run.retrying(1)
    run.probe(False, after=0.01)
    assert run.state.phase == "watching", "one retry is not an outage"
    assert m.Hold() in run.retrying(2, after=0.6)
    run.do(m.HoldStarted(), after=0.05)
    for _ in range(60):
        assert run.probe(False, after=0.5) == []
    assert m.Release() in run.probe(True, after=0.5)
    run.do(m.HoldEnded("guard", by_user=False), after=0.01)
    run.cleared(after=0.3)
    assert m.Probe(False) in run.do(m.Progressed("transcript"), after=0.1)
    report = run.last
    assert report.outcome == "recovered"
    assert report.retries_spent == 2
    assert 30 < report.held_s < 31
    assert report.progressed is not None
    assert report.reachable is not None
    assert round(report.progressed - report.reachable, 2) == 0.31
    assert [a.remedy for a in report.actions] == ["hold.wait"]
    assert run.state == m.State(policy=m.Policy(trusted=True)), "nothing is left of it"


def test_a_path_that_swallows_packets_is_bad_before_its_probe_times_out() -> None:
    run = Run()
    run.retrying(1)
    assert m.Hold() in run.retrying(2, after=m.SILENT_PATH_S + 0.1)


def test_no_hold_while_the_path_answers() -> None:
    run = Run()
    run.retrying(1)
    run.probe(True, after=0.1)
    effects = [e for attempt in range(2, 10) for e in (*run.retrying(attempt, after=1), *run.probe(True))]
    assert m.Hold() not in effects
    assert sum(isinstance(e, m.Notify) for e in effects) == 1, "said once"


def test_no_hold_for_what_the_api_itself_answered() -> None:
    for kind in ("auth", "rate_limit", "usage_limit", "overloaded", "bad_request", "too_large"):
        run = Run()
        run.retrying(1, kind)
        run.probe(False)
        assert m.Hold() not in run.retrying(5, kind, after=1)


def test_policy_decides_from_which_attempt_and_whether_at_all() -> None:
    late = Run(m.Policy(hold_from=4))
    late.retrying(1)
    late.probe(False)
    assert m.Hold() not in late.retrying(3)
    assert m.Hold() in late.retrying(4)
    never = Run(m.Policy(hold=False))
    never.retrying(1)
    never.probe(False)
    assert m.Hold() not in never.retrying(9)


def test_the_release_key_ends_the_incident_and_nothing_more_is_done_in_this_episode() -> None:
    run = Run()
    run.retrying(2)
    run.probe(False)
    run.do(m.HoldStarted())
    run.do(m.HoldEnded("key", by_user=True), after=3)
    assert run.last.outcome == "released"
    assert run.retrying(3) == []
    assert run.probe(False) == []
    run.cleared()
    assert m.Probe(True) in run.retrying(1, after=60), "the next episode is a new one"


def test_a_second_failure_after_the_hold_holds_again_in_the_same_incident() -> None:
    run = Run()
    run.retrying(2)
    run.probe(False)
    run.do(m.HoldStarted())
    run.probe(True, after=5)
    run.do(m.HoldEnded("guard", by_user=False))
    run.probe(False, after=0.5)
    assert m.Hold() in [*run.effects[-1:], *run.retrying(3, after=0.5)]
    assert len({report.started for report in run.reports}) == 1


def test_probes_that_fail_while_the_client_works_are_not_trusted() -> None:
    run = Run()
    assert [type(e) for e in run.do(m.Checked(False))] == [m.Notify]
    run.retrying(1)
    run.probe(False)
    assert m.Hold() not in run.retrying(2)
    run.do(m.Exited())
    run.do(m.Checked(True))
    run.retrying(1)
    run.probe(False)
    assert m.Hold() in run.retrying(2)


def test_a_path_never_seen_working_gets_a_trial_now_and_then() -> None:
    run = Run()
    run.retrying(2)
    run.probe(False)
    run.do(m.HoldStarted())
    waits = []
    for attempt in (3, 4):
        began = run.now
        while m.Release() not in run.probe(False, after=10):
            assert run.now - began < 2000
        waits.append(run.now - began)
        run.do(m.HoldEnded("guard", by_user=False))
        assert m.Hold() not in run.probe(False, after=1), "one attempt goes through"
        assert m.Hold() in run.retrying(attempt, after=20)
        run.do(m.HoldStarted())
    assert waits == [m.TRIAL_S, m.TRIAL_S * 3]


def test_a_path_seen_working_is_waited_for_however_long() -> None:
    run = Run()
    run.do(m.Checked(True))
    run.retrying(2)
    run.probe(False)
    run.do(m.HoldStarted())
    for _ in range(1000):
        assert run.probe(False, after=60) == []


def test_a_client_that_has_gone_on_is_not_stopped_any_more() -> None:
    """Its row vanished, or an answer came, while the relay was being asked, or in the frame just before the
    stop: stopped now, it would be stopped in the middle of an answer."""
    for run in (holding(), held()):
        assert m.Release() in run.cleared(after=0.02)
        assert run.tick(after=m.SETTLE_S + 0.1)
        assert run.last.outcome == "recovered"
    for run in (holding(), held()):
        assert m.Release() in run.do(m.Progressed("transcript"), after=0.02)
        assert run.last.outcome == "recovered"


def test_a_row_that_comes_back_is_held_again() -> None:
    """Older clients erase it and draw it again in two frames, and may be stopped between the two."""
    run = held()
    run.cleared(after=0.1)
    run.do(m.HoldEnded("guard", by_user=False), after=0.01)
    assert m.Hold() in run.retrying(2, after=0.1)


def test_a_hold_lives_on_the_reports_of_probes() -> None:
    run = held()
    for _ in range(10):
        assert run.probe(False, after=run.state.policy.report_s - 1) == []
    assert m.Release() not in run.tick(after=run.state.policy.report_s - 1)
    assert m.Release() in run.tick(after=2), "no report: something is wrong with the probes"
    run.do(m.HoldEnded("guard", by_user=False))
    assert m.Hold() not in run.retrying(3, after=1)
    assert m.Hold() in run.probe(False, after=1), "a report: they are back"


def test_without_any_report_there_is_one_short_hold() -> None:
    run = Run()
    run.retrying(1)
    assert m.Hold() in run.retrying(2, after=m.SILENT_PATH_S + 0.1)
    run.do(m.HoldStarted())
    assert m.Release() in run.tick(after=run.state.policy.report_s + 1)
    run.do(m.HoldEnded("guard", by_user=False))
    for attempt in range(3, 11):
        assert m.Hold() not in run.retrying(attempt, after=10)


def test_a_hold_that_never_begins_is_given_up() -> None:
    """The client does not wait any more, and nothing said so."""
    run = holding()
    while run.state.report is not None:
        assert run.now < 1000 + m.LOST_S + 40
        run.probe(False, after=10)
        run.tick(after=10)
    assert m.Release() in run.effects
    assert run.last.outcome == "abandoned"


def test_a_long_hold_is_no_silence_of_the_client() -> None:
    run = held()
    for _ in range(200):
        run.probe(False, after=20)
    run.probe(True, after=1)
    run.do(m.HoldEnded("guard", by_user=False))
    run.tick(after=1)
    assert run.state.report is not None, "it has to have its time to answer"
