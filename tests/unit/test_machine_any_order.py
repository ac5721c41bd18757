"""The incident machine's invariants, for every order of events."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cc_guard.incident import machine as m
from cc_guard.incident.record import Finding, Kind, Phase, Symptom
from tests.unit.machine_run import WALL, Run

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
