"""The incident machine as a test drives it."""

from cc_guard.incident import machine as m
from cc_guard.incident.record import Finding, Kind, Symptom

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

    def failed(self, kind: Kind = "connection", after: float = 0.0) -> list[m.Effect]:
        symptom = Symptom(WALL + self.now, kind, "failed", confirmed=True)
        return self.do(m.Seen(symptom, "transcript"), after)

    def probe(self, ok: bool, after: float = 0.0) -> list[m.Effect]:
        return self.do(m.Probed(Finding("api.path", "pass" if ok else "fail", "…"), ok), after)

    def tick(self, after: float) -> list[m.Effect]:
        return self.do(m.Tick(), after)

    @property
    def last(self) -> m.Report:
        return self.reports[-1]


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
