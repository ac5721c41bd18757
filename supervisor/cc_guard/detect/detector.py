"""One frame of the screen in, symptoms out: retrying, waiting, cleared, and a suspicion of failed."""

from cc_guard.detect.failures import FailureDetector
from cc_guard.detect.retries import RetryDetector
from cc_guard.detect.signatures import Signatures, wait_seconds
from cc_guard.incident.record import Symptom
from cc_guard.screen.model import ScreenLike
from cc_guard.screen.region import LiveRegion, footer, live_region, plain_region, tool_heads

_HEADS_KEPT = 200


class Detector:
    """Feed it every complete frame. `now` is epoch seconds; `settled`: no output has come for a while."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._retries = RetryDetector(signatures)
        self._failures = FailureDetector(signatures)
        self._waiting: Symptom | None = None
        self._picture = ""
        self._heads: dict[str, None] = {}  # of tool calls, the latest last
        self.busy = False
        """The client works on something, by its spinner or by its footer."""

    def frame(self, screen: ScreenLike, now: float, settled: bool = False) -> list[Symptom]:
        picture = screen.text()
        if picture == self._picture and not self.pending:
            return []
        self._picture = picture
        rows = picture.split("\n")
        region = live_region(rows, screen.columns, self._signatures.is_spinner, self._heads)
        region = region or plain_region(rows, self._says_busy)
        self.busy = region is not None or any(map(self._says_busy, footer(rows)))
        failed = self._failures.look(rows, region, self.busy, screen, now)
        retry = self._retries.look(
            rows, region, screen, now, settled, ending=self._failures.pending or failed is not None
        )
        if failed is not None:
            self._retries.forget()
        if not self._retries.seen:
            self._heads.update(dict.fromkeys(tool_heads(rows, self._is_output)))
            while len(self._heads) > _HEADS_KEPT:
                del self._heads[next(iter(self._heads))]
        return [found for found in (retry, self._wait(region, now), failed) if found is not None]

    @property
    def pending(self) -> bool:
        """A look at the same screen a little later can tell more."""
        return self._retries.pending or self._failures.pending

    @property
    def ending(self) -> bool:
        """What may be a final failure stands there, and has to stand a moment longer."""
        return self._failures.pending

    @property
    def at_work(self) -> bool:
        return self._retries.at_work

    @property
    def waiting(self) -> bool:
        """The row on the screen says that the client waits before its next attempt: nothing is under way."""
        return self._retries.waiting

    def lose_sight(self) -> None:
        """The screen is not known any more."""
        self._retries.lose_sight()
        self._failures.forget()
        self._waiting = None
        self._picture = ""
        self.busy = False

    def _wait(self, region: LiveRegion | None, now: float) -> Symptom | None:
        """Slow, not failed: told once, and once more when it is over without a retry."""
        found = _waiting_row(self._signatures, region, now) if region else None
        before, self._waiting = self._waiting, found
        if found is not None:
            return found if before is None else None
        if before is None or self._retries.live:
            return None
        if self._retries.pending:
            self._waiting = before  # what stands there now may be a retry
            return None
        return Symptom(now, before.kind, "cleared")

    def _is_output(self, text: str) -> bool:
        """Of a tool, and not what the client says of a request."""
        known = self._signatures
        beginnings = (*known.failures, *known.interrupts)
        said = any(one.pattern.match(text) for one in beginnings) or known.read(text).kind is not None
        return not said and not any(row.pattern.search(text) for row in known.retries)

    def _says_busy(self, row: str) -> bool:
        return any(busy.pattern.search(row) for busy in self._signatures.busy)


def _waiting_row(signatures: Signatures, region: LiveRegion, now: float) -> Symptom | None:
    for wait in signatures.waits:
        for block in (region.spinner,) if wait.where == "spinner" else region.notices:
            match = wait.pattern.search(block.text)
            if match is not None:
                seconds = wait_seconds(match)
                return Symptom(now, "stall", "waiting", retry_in_s=seconds, text=block.text)
    return None
