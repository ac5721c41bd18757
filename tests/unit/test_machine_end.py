"""The user, the screen alone, and what may be said of the end."""

from cc_guard.incident import machine as m
from cc_guard.incident.record import Symptom
from tests.unit.machine_run import WALL, Run, held, holding


def test_what_the_user_stops_is_abandoned() -> None:
    run = Run()
    run.retrying(1)
    run.retrying(2, after=1)
    assert m.Probe(False) in run.do(m.Interrupted("transcript"), after=1)
    assert run.last.outcome == "abandoned"
    assert run.last.progressed is None
    assert run.last.sources == ("screen", "transcript")
    assert run.state.phase == "idle"


def test_what_the_user_stops_while_it_is_held_is_let_go() -> None:
    for run in (holding(), held()):
        assert m.Release() in run.do(m.Interrupted("transcript"), after=1)
        assert run.last.outcome == "abandoned"
        assert run.last.held_s == (0 if len(run.last.actions) == 0 else 1)


def test_an_interruption_outside_an_incident_is_nothing() -> None:
    run = Run()
    assert run.do(m.Interrupted("transcript")) == []
    assert run.state == m.State()


def test_an_interruption_ends_the_users_own_hands_off() -> None:
    run = held()
    run.do(m.HoldEnded("key", by_user=True), after=1)
    assert run.state.phase == "muted"
    assert run.do(m.Interrupted("transcript"), after=1) == []
    assert m.Probe(True) in run.retrying(1, after=5), "the next prompt is the next episode"


def test_a_row_that_the_user_took_away_is_no_recovery() -> None:
    """Escape, of which 2.1.330 writes nothing: the client rests, and no answer was told of."""
    run = Run()
    run.retrying(1)
    run.cleared(after=1)
    assert run.do(m.Tick(at_rest=True), after=m.SETTLE_S - 0.1) == [], "the answer may still be told of"
    run.do(m.Tick(at_rest=True), after=0.2)
    assert run.last.outcome == "abandoned"
    assert run.last.progressed is None


def test_a_client_that_works_on_after_its_row_is_gone_has_recovered() -> None:
    run = Run()
    run.retrying(1)
    run.cleared(after=1)
    run.do(m.Tick(at_rest=False), after=m.SETTLE_S + 0.1)
    assert run.last.outcome == "recovered"


def test_a_client_at_rest_has_not_given_up_as_long_as_its_row_stands() -> None:
    run = Run()
    run.retrying(1)
    for _ in range(20):
        run.do(m.Tick(at_rest=True), after=1)
        assert run.state.report is not None


def test_an_answer_that_is_told_late_is_a_recovery_all_the_same() -> None:
    run = Run()
    run.retrying(1)
    run.cleared(after=1)
    cleared_at = run.now
    run.do(m.Progressed("transcript"), after=m.SETTLE_S - 0.1)
    run.do(m.Tick(at_rest=True), after=5)
    assert run.last.outcome == "recovered"
    assert run.last.progressed == cleared_at


def suspected(run: Run, after: float = 0.0) -> list[m.Effect]:
    return run.do(m.Seen(Symptom(WALL + run.now, "server_error", "failed"), "screen"), after)


def test_a_failure_that_the_screen_alone_shows_opens_no_incident() -> None:
    """The model may have written it."""
    run = Run()
    assert suspected(run) == []
    assert run.state == m.State()


def test_a_failure_that_the_screen_alone_shows_ends_one_that_is_open() -> None:
    run = Run()
    run.retrying(3)
    assert m.Probe(False) not in suspected(run, after=5), "the transcript may still tell of it"
    assert m.Probe(False) in run.tick(after=m.SETTLE_S + 0.1)
    assert run.last.outcome == "failed"
    assert not run.last.symptoms[-1].confirmed
    cleared = Run()
    cleared.retrying(3)
    cleared.cleared(after=1)
    suspected(cleared, after=0.2)
    cleared.tick(after=m.SETTLE_S + 0.1)
    assert cleared.last.outcome == "failed", "the row has gone for it"


def test_a_failure_lets_go_whoever_shows_it() -> None:
    for run in (holding(), held()):
        assert m.Release() in suspected(run, after=0.1)
        run.tick(after=m.SETTLE_S + 0.1)
        assert run.state.phase == "idle"


def test_a_failure_that_is_confirmed_after_it_was_shown_is_one_incident() -> None:
    run = Run()
    run.retrying(3)
    suspected(run, after=5)
    run.failed(after=0.2)
    assert len({report.started for report in run.reports}) == 1
    assert run.last.outcome == "failed"
    run.failed(after=60)
    assert len({report.started for report in run.reports}) == 2, "but a minute later it is another"
