"""The incident machine: its story in plain tests, its invariants for every order of events."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cc_guard.incident import machine as m
from cc_guard.incident.record import Finding, Kind, Phase, Symptom

WALL = 1_800_000_000.0


class Run:
    """A machine with a clock, and the effects of every step."""

    def __init__(self, policy: m.Policy | None = None) -> None:
        self.state = m.State(policy=policy or m.Policy())
        self.now = 1000.0
        self.effects: list[m.Effect] = []
        self.reports: list[m.Report] = []

    def do(self, event: m.Event, after: float = 0.0) -> list[m.Effect]:
        self.now += after
        self.state, effects = m.step(self.state, event, self.now)
        self.effects += effects
        self.reports += [e.report for e in effects if isinstance(e, m.Record)]
        return effects

    def retrying(self, attempt: int, kind: Kind = "connection", after: float = 0.0) -> list[m.Effect]:
        symptom = Symptom(WALL + self.now, kind, "retrying", None, None, attempt, 10, 1.0, "row")
        return self.do(m.Seen(symptom, "screen"), after)

    def cleared(self, after: float = 0.0) -> list[m.Effect]:
        return self.do(m.Seen(Symptom(WALL + self.now, "connection", "cleared"), "screen"), after)

    def failed(self, after: float = 0.0) -> list[m.Effect]:
        return self.do(
            m.Seen(Symptom(WALL + self.now, "connection", "failed", confirmed=True), "transcript"), after
        )

    def probe(self, ok: bool, after: float = 0.0) -> list[m.Effect]:
        return self.do(m.Probed(Finding("api.path", "pass" if ok else "fail", "…"), ok), after)

    def tick(self, after: float) -> list[m.Effect]:
        return self.do(m.Tick(), after)

    @property
    def last(self) -> m.Report:
        return self.reports[-1]


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


def test_the_time_to_recover_is_measured_without_a_hold_too() -> None:
    run = Run(m.Policy(hold=False))
    run.retrying(1)
    run.probe(False)
    run.probe(True, after=5)
    run.do(m.Progressed("transcript"), after=7)
    assert run.last.reachable is not None
    assert (run.last.progressed or 0) - run.last.reachable == 7


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


def holding() -> Run:
    """The relay has been asked, and has not answered yet."""
    run = Run(m.Policy(trusted=True))
    run.retrying(2)
    assert m.Hold() in run.probe(False)
    return run


def held() -> Run:
    run = holding()
    run.do(m.HoldStarted(), after=0.05)
    return run


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


def test_an_incident_of_which_nothing_more_is_heard_ends() -> None:
    """Escape in the retry phase leaves no trace in some clients. Probing has to end."""
    run = Run()
    run.retrying(1)
    run.probe(True)
    run.tick(after=m.LOST_S - 1)
    assert run.state.report is not None
    assert m.Probe(False) in run.tick(after=2)
    assert run.last.outcome == "abandoned"


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


# The user, the screen alone, and what may be said of the end


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


kinds = st.sampled_from(["connection", "timeout", "server_error", "overloaded", "auth"])


class AnyOrder(RuleBasedStateMachine):
    """A relay that obeys, late or never, and a world that does as it likes."""

    @initialize(hold=st.booleans(), hold_from=st.integers(1, 4))
    def start(self, hold: bool, hold_from: int) -> None:
        self.run = Run(m.Policy(hold, hold_from))
        self.stopped = False
        self.asked = False

    def send(self, event: m.Event, after: float = 0.1) -> None:
        before = self.run.state
        for effect in self.run.do(event, after):
            if isinstance(effect, m.Hold):
                symptom = self.run.state.symptom
                assert self.run.state.policy.hold
                assert not self.run.state.suspended
                assert symptom is not None
                assert symptom.phase == "retrying"
                assert (symptom.attempt or 0) >= self.run.state.policy.hold_from
                assert symptom.kind in m.HELD_KINDS
                assert not self.asked or self.stopped or before.phase not in ("holding", "held")
                self.asked = True
            elif isinstance(effect, m.Release):
                self.asked = False
                if self.stopped:
                    self.stopped = False
                    self.send(m.HoldEnded("guard", by_user=False), 0.0)

    @rule(attempt=st.integers(1, 10), kind=kinds)
    def row(self, attempt: int, kind: Kind) -> None:
        self.send(m.Seen(Symptom(WALL, kind, "retrying", None, None, attempt, 10, 1.0), "screen"))

    @rule(phase=st.sampled_from(["waiting", "failed", "cleared"]), confirmed=st.booleans())
    def other_symptom(self, phase: Phase, confirmed: bool) -> None:
        self.send(m.Seen(Symptom(WALL, "connection", phase, confirmed=confirmed), "transcript"))

    @rule()
    def interrupted(self) -> None:
        self.send(m.Interrupted("transcript"))

    @rule()
    def noticed(self) -> None:
        self.send(m.Noticed(Finding("trend", "warn", "Getting worse.")))

    @rule(ok=st.booleans())
    def probed(self, ok: bool) -> None:
        self.send(m.Probed(Finding("api.path", "pass" if ok else "fail", ""), ok))

    @rule()
    def relay_stops_the_client(self) -> None:
        if self.asked and not self.stopped:
            self.stopped = True
            self.send(m.HoldStarted())

    @rule()
    def late_word_of_a_hold(self) -> None:
        if not self.asked:
            self.stopped = True
            self.send(m.HoldStarted())
            assert not self.stopped, "a hold that nobody wants any more is let go at once"

    @rule(why=st.sampled_from(["key", "interrupt", "input", "outside", "lease", "signal"]))
    def relay_lets_go(self, why: str) -> None:
        if self.stopped:
            self.stopped = self.asked = False
            self.send(m.HoldEnded(why, why in ("key", "interrupt", "input", "outside")))

    @rule(seconds=st.floats(0.01, 30), at_rest=st.booleans())
    def time_passes(self, seconds: float, at_rest: bool) -> None:
        self.send(m.Tick(at_rest), seconds)

    @rule(source=st.sampled_from(["hook", "transcript"]))
    def progress(self, source: str) -> None:
        self.send(m.Progressed(source))

    @rule(event=st.sampled_from([m.Suspended(), m.Resumed(), m.Exited()]))
    def session(self, event: m.Event) -> None:
        self.send(event)

    @rule(reachable=st.booleans())
    def checked(self, reachable: bool) -> None:
        self.send(m.Checked(reachable))

    @invariant()
    def nothing_is_held_without_an_open_incident(self) -> None:
        if not hasattr(self, "run"):
            return
        state = self.run.state
        if state.report is None:
            assert state.phase in ("idle", "muted", "fading")
            assert not self.asked
            assert not self.stopped
        if self.stopped:
            assert state.phase in ("holding", "held")

    @invariant()
    def every_incident_ends_once(self) -> None:
        if not hasattr(self, "run"):
            return
        ends = [report.started for report in self.run.reports if report.outcome != "open"]
        assert len(ends) == len(set(ends))

    @invariant()
    def probing_goes_with_an_open_incident(self) -> None:
        if not hasattr(self, "run"):
            return
        probing = [effect.on for effect in self.run.effects if isinstance(effect, m.Probe)]
        assert (probing[-1] if probing else False) == (self.run.state.report is not None)


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@given(st.lists(st.sampled_from(["row", "bad", "good", "held", "tick"]), max_size=30))
def test_held_time_never_exceeds_the_incident(order: list[str]) -> None:
    run = Run()
    acts = {
        "row": lambda: run.retrying(3, after=0.5),
        "bad": lambda: run.probe(False, after=0.5),
        "good": lambda: run.probe(True, after=0.5),
        "held": lambda: run.do(m.HoldStarted(), after=0.5),
        "tick": lambda: run.tick(after=0.5),
    }
    for act in order:
        acts[act]()
    run.do(m.Exited())
    for report in run.reports:
        assert report.held_s <= (report.ended or run.now) - report.started + 1e-6
