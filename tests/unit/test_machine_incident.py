"""What is one incident, what it begins with, and what is kept of it."""

from cc_guard.incident import machine as m
from cc_guard.incident.record import Finding, Symptom
from tests.unit.machine_run import WALL, Run


def test_the_time_to_recover_is_measured_without_a_hold_too() -> None:
    run = Run(m.Policy(hold=False))
    run.retrying(1)
    run.probe(False)
    run.probe(True, after=5)
    run.do(m.Progressed("transcript"), after=7)
    assert run.last.reachable is not None
    assert (run.last.progressed or 0) - run.last.reachable == 7


def test_given_up_is_failed_and_lets_go() -> None:
    run = Run()
    run.retrying(1)
    run.failed(after=1)
    assert run.last.outcome == "failed"
    alone = Run()
    asked = [effect for effect in alone.failed() if isinstance(effect, m.Diagnose)]
    assert [one.started for one in asked] == [alone.last.started], "nobody has looked yet"
    assert alone.last.outcome == "failed", "a failure without a retry phase is an incident too"


def test_a_cleared_row_is_progress_only_when_no_failure_follows() -> None:
    run = Run()
    run.retrying(1)
    run.cleared(after=1)
    cleared_at = run.now
    run.tick(after=m.SETTLE_S + 0.1)
    assert run.last.outcome == "recovered"
    assert run.last.progressed == cleared_at
    other = Run()
    other.retrying(1)
    other.cleared(after=1)
    other.failed(after=0.5)
    assert other.last.outcome == "failed"


def test_the_row_of_an_incident_that_is_over_opens_no_other() -> None:
    """A hook tells of the answer before the screen shows it."""
    run = Run()
    run.retrying(1)
    run.retrying(2, after=1)
    run.do(m.Progressed("hook"), after=1)
    assert run.last.outcome == "recovered"
    assert run.retrying(2, after=0.02) == []
    run.cleared(after=0.05)
    assert m.Probe(True) in run.retrying(2, after=1), "once it has gone, a row is news again"


def test_a_failure_right_after_an_answer_is_a_new_incident() -> None:
    run = Run()
    run.retrying(2)
    run.do(m.Progressed("hook"))
    assert m.Probe(True) in run.retrying(1, after=0.5)
    again = Run()
    again.retrying(2)
    again.do(m.Progressed("hook"))
    again.tick(after=m.FADING_S)
    assert m.Probe(True) in again.retrying(2)


def test_an_incident_of_which_nothing_more_is_heard_ends() -> None:
    """Escape in the retry phase leaves no trace in some clients. Probing has to end."""
    run = Run()
    run.retrying(1)
    run.probe(True)
    run.tick(after=m.LOST_S - 1)
    assert run.state.report is not None
    assert m.Probe(False) in run.tick(after=2)
    assert run.last.outcome == "abandoned"


def test_what_is_kept_of_a_long_incident_is_bounded() -> None:
    run = Run(m.Policy(hold=False))
    for attempt in range(1, 500):
        run.retrying(attempt)
    assert len(run.last.symptoms) == m.SYMPTOMS_KEPT
    assert run.last.retries_spent == 499


def test_what_the_path_says_in_a_long_incident_is_bounded() -> None:
    """A path that comes and goes for a night."""
    run = Run(m.Policy(hold=False))
    run.retrying(1)
    for second in range(3000):
        run.probe(second % 2 == 0, after=1)
        run.retrying(1 + second % 9)
    assert len(run.last.findings) <= 200
    assert len(run.last.actions) <= 200


def test_waiting_is_no_incident() -> None:
    run = Run()
    assert run.do(m.Seen(Symptom(WALL, "stall", "waiting", retry_in_s=151.0), "screen")) == []
    assert run.do(m.Seen(Symptom(WALL, "stall", "cleared"), "screen"), after=9) == []
    assert run.state == m.State()


def test_what_gets_worse_is_said_and_kept_with_the_incident_that_it_explains() -> None:
    sign = Finding("trend", "warn", "Getting worse: 4 of the last 6 requests needed a retry.")
    run = Run()
    assert run.do(m.Noticed(sign)) == [m.Notify(sign.summary)]
    assert run.state == m.State()
    run.retrying(1)
    run.do(m.Noticed(sign), after=0.1)
    assert run.last.findings == (sign,)
    assert run.state.phase == "watching", "a sign decides nothing"
    run.probe(False, after=0.1)
    assert m.Hold() in run.retrying(2, after=0.5)
