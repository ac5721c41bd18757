"""The incident machine where much is allowed, and the client has given up or hangs."""

from dataclasses import replace

from cc_guard.incident import machine as m
from cc_guard.incident.ladder import Rung
from cc_guard.incident.moment import Moment
from cc_guard.incident.record import Cause, Finding, Kind
from tests.unit import machine_run

SAFE = Moment("empty", keys_s=60.0, session=True)
BUSY = replace(SAFE, prompt="busy", kept=True)
FLUSH = Rung("dns.flush", 2, "auto", ("dns.stale", "dns.resolver_down"), "Empty the DNS cache")
TART = Rung("tart.suspend", 2, "ask", ("vm.interference",), "Suspend the VM", until="incident", trial=True)
WIDEN = Rung("ports.widen", 3, "auto", ("ports.exhausted",), "Widen the port range")
NETSH = Rung("wsl.dns", 4, "auto", ("wsl.network",), "DNS of WSL")
LOGIN = Rung("auth.login", 2, "ask", ("auth.expired",), "Log in again")
RUNGS = (FLUSH, TART, WIDEN, NETSH, LOGIN)
HANDS_OFF = m.Configured(hold=False, hold_from=1, nudge=False, restart=False)


class Run(machine_run.Run):
    """All is allowed, unless a test says otherwise, and the path is judged by its answers."""

    def __init__(self, policy: m.Policy | None = None) -> None:
        super().__init__(policy or m.Policy(nudge=True, restart=True, rungs=RUNGS))

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


def given_up(kind: Kind = "connection") -> Run:
    """A client that has given up on a path that is gone."""
    run = Run()
    run.failed(kind)
    run.probe(False, after=0.1)
    assert run.state.phase == "down"
    return run


def stuck() -> Run:
    """A client that retries in vain on a good path, and is about to be started anew."""
    run = Run()
    run.retrying(4)
    run.diagnosed("process.stuck")
    return run
