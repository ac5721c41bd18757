"""A final failure, as far as the screen tells: a suspicion.

The model can print the same words in the same colour, and only the transcript and the hooks know. But the
last thing above the input box, drawn as an error and new since the client was last at work, is worth a look
at them, and where they say nothing it is all that there is.
"""

from cc_guard.detect.signatures import Signatures
from cc_guard.incident.record import Symptom
from cc_guard.screen.colours import is_chromatic, is_warm
from cc_guard.screen.model import ScreenLike
from cc_guard.screen.region import Block, LiveRegion, last_block

_STEADY_S = 0.08  # the answer may still be coming; the transcript is mostly quicker


class FailureDetector:
    """Feed it every complete frame."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._before = ""  # the last thing above the input box while the client was at work
        self._worked = False
        self._since: float | None = None
        self._told = ""
        self._in_colours = False

    @property
    def pending(self) -> bool:
        return self._since is not None

    def forget(self) -> None:
        self._before = self._told = ""
        self._worked = False
        self._since = None

    def look(
        self, rows: list[str], region: LiveRegion | None, busy: bool, screen: ScreenLike, now: float
    ) -> Symptom | None:
        """`busy`: the client is at work, also while it streams text and shows no spinner."""
        if region is not None:
            self._in_colours = self._in_colours or is_chromatic(screen.colour(0, region.spinner.row))
        if busy:
            if not self._worked:
                block = last_block(rows, screen.columns)
                self._before = block.text if block else ""
            self._worked, self._since, self._told = True, None, ""
            return None
        if not self._worked:
            return None
        block = last_block(rows, screen.columns)
        if block is None or block.text in (self._before, self._told) or not self._is_failure(block, screen):
            self._since = None
            return None
        self._since = now if self._since is None else min(self._since, now)
        if now - self._since < _STEADY_S:
            return None
        self._since, self._told = None, block.text
        reading = self._signatures.read(block.text)
        return Symptom(
            now,
            reading.kind or "server_error",
            "failed",
            reading.code,
            reading.http_status,
            text=block.text,
        )

    def _is_failure(self, block: Block, screen: ScreenLike) -> bool:
        text = block.text
        if not any(failure.pattern.match(text) for failure in self._signatures.failures):
            return False
        if self._signatures.is_interrupt(text):
            return False
        return is_warm(screen.colour(*block.cell(0))) or not self._in_colours
