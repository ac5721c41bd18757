"""A client that waits for an answer while nothing comes: whether its API can be reached at all.

A connection whose packets vanish tells nobody: the client shows an ordinary spinner, or that it waits, and
gives up on it after one to three minutes at the earliest (measured on 2.1.330). So after a silence the path
is probed from here. Silence alone is slow, not failed.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from cc_guard.incident.record import Finding

# Half of what passes before 2.1.330 says that it waits; longer than most first words take.
QUIET_S = 10.0
# One probe may meet a blip. Two at this distance are an outage, however quickly each of them failed.
_APART_S = 3.0
_FAILURES = 2
# While the path answers, a long silence is the model's, and nobody's network is asked about it all the time.
_LATER_S, _LATEST_S = 5.0, 30.0


class Stall:
    """`check()` is one probe; `since_s()` says how long ago anything came for the client, None when that
    can't be told. `tell(silent_s, finding)`, once for a silence in which no probe is answered."""

    def __init__(
        self,
        check: Callable[[], Awaitable[tuple[Finding, bool]]],
        since_s: Callable[[], float | None],
        tell: Callable[[float, Finding], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check, self._since_s, self._tell, self._clock = check, since_s, tell, clock
        self._heard = clock()
        self._task: asyncio.Task[None] | None = None
        self._start_over()

    def heard(self) -> None:
        """The client has told something, by its hooks or its transcript."""
        self._heard = self._clock()
        self._start_over()

    def tick(self, waits: bool) -> None:
        """`waits`: the client is at work on nothing but its request, as far as is known."""
        now = self._clock()
        if not waits:
            self._start_over()
            self._heard = now
            return
        if now - self._heard < QUIET_S or now < self._next or self._task is not None:
            return
        since = self._since_s()
        if since is not None and since < QUIET_S:
            self._heard = now - since
            self._start_over()
            return
        self._task = asyncio.get_running_loop().create_task(self._look(self._heard))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _start_over(self) -> None:
        self._failures, self._later_s, self._next = 0, _LATER_S, 0.0

    async def _look(self, heard: float) -> None:
        with contextlib.suppress(OSError):
            finding, reachable = await self._check()
            if heard == self._heard:  # else something has come meanwhile
                self._weigh(finding, reachable)
        self._task = None

    def _weigh(self, finding: Finding, reachable: bool) -> None:
        now = self._clock()
        if reachable or finding.state != "fail":
            self._failures = 0
            self._next = now + self._later_s
            self._later_s = min(2 * self._later_s, _LATEST_S)
            return
        self._failures += 1
        self._next = now + _APART_S
        if self._failures >= _FAILURES:
            self._tell(now - self._heard, finding)
            self._start_over()
