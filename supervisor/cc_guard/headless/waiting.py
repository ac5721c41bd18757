"""Waiting for the path to the API while no client runs."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cc_guard.guard.prober import Prober
from cc_guard.headless.signals import Signals
from cc_guard.incident.record import Finding

# The longer it has lasted, the rarer the look; the client's restart takes two seconds itself.
_SHORTEST_S = 0.5
_LONGEST_S = 3.0


@dataclass
class Wait:
    """`good_at`: when the first good answer came, in epoch seconds; None when there was none in time, or
    nothing can be probed. `findings` are those that say something new."""

    started: float = field(default_factory=time.time)
    good_at: float | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def lasted_s(self) -> float:
        return max(0.0, (self.good_at or time.time()) - self.started)

    @property
    def waited(self) -> bool:
        """The path was not good at first."""
        return any(finding.state == "fail" for finding in self.findings)


class Waiting:
    """`is_good(reachable, http_status)` judges a probe; `on_bad()` is called at the first one that is not;
    `is_wanted()` says whether anybody waits for the outcome still."""

    def __init__(
        self,
        is_good: Callable[[bool, int | None], bool],
        on_bad: Callable[[Finding], None],
        is_wanted: Callable[[], bool],
        timeout_s: float,
        settings: list[str],
    ) -> None:
        self.wait = Wait()
        self._is_good, self._on_bad, self._is_wanted = is_good, on_bad, is_wanted
        self._timeout_s, self._settings = timeout_s, settings

    def run(self, limit_s: float, signals: Signals) -> Wait:
        """Raises signals.Stopped."""
        signals.check()
        # Not asyncio.run: it waits for names that are being looked up, for as long as the resolver likes.
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._run(limit_s, signals))
        finally:
            loop.run_until_complete(_cancelled(asyncio.all_tasks(loop)))
            loop.close()
        signals.check()
        return self.wait

    async def _run(self, limit_s: float, signals: Signals) -> None:
        self._over = asyncio.Event()
        asyncio.get_running_loop().add_reader(signals.wake, self._on_signal, signals)
        prober = Prober(self._interval, self._timeout_s, self._settings, self._on_result)
        prober.start()
        try:
            async with asyncio.timeout(limit_s):
                await self._over.wait()
        except TimeoutError:
            pass
        finally:
            prober.stop()

    def _on_signal(self, signals: Signals) -> None:
        signals.waited()
        if signals.stop:
            self._over.set()

    def _interval(self) -> float:
        if not self._is_wanted():
            self._over.set()
        return min(_LONGEST_S, max(_SHORTEST_S, self.wait.lasted_s / 60))

    def _on_result(self, finding: Finding, reachable: bool) -> None:
        wait = self.wait
        if self._over.is_set():
            return
        good = finding.state != "na" and self._is_good(reachable, finding.evidence.get("http_status"))
        if not good and finding.state == "pass":
            finding = Finding(finding.probe, "fail", finding.summary, finding.evidence, finding.ms)
        first = not wait.findings
        if first or wait.findings[-1].state != finding.state:
            wait.findings.append(finding)
        if good:
            wait.good_at = time.time()
        if good or finding.state == "na":
            self._over.set()
        elif first:
            self._on_bad(finding)


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
