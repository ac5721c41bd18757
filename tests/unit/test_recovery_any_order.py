"""What may never happen after a failure, for every order of events."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cc_guard.incident import machine as m
from cc_guard.incident import recovery
from cc_guard.incident.ladder import Policy, Rung
from cc_guard.incident.moment import Moment, against_restart, against_typing
from cc_guard.incident.record import Cause, Finding, Kind, Symptom
from tests.unit.machine_run import WALL
from tests.unit.recovery_run import HANDS_OFF, RUNGS, SAFE, Run

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

    @rule(ok=st.booleans(), later=st.booleans())
    def restarted(self, ok: bool, later: bool) -> None:
        if self.run.state.care.restarting is not None:
            self.typed_since_failure = False
        self.send(m.Restarted(ok, later=later and not ok))

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
