"""The retry phase, seen on the screen.

A retry row counts only while it is live: it stands in the live region, and it is drawn in a colour that
ordinary text does not have, or its counter or countdown moves. The same words in prose, tool results or
the user's own prompt do none of this there. Numbers in the output of a running tool may move, too (another
client at work, a log): there only coloured ones count, where there are colours at all.
"""

from dataclasses import dataclass

from cc_guard.detect.signatures import Reading, Signatures
from cc_guard.incident.record import Symptom
from cc_guard.screen.model import Colour, ScreenLike
from cc_guard.screen.region import Block, LiveRegion, live_region

_CHROMA = 60  # of 255; greys and whites of all themes are below 20, their error colours above 100


_GONE_S = 0.1  # old clients erase the row and draw it again in two frames
_STEADY_S = 0.4


@dataclass(frozen=True)
class RetryRow:
    """`retry_in_s` is None while the attempt itself is under way. `proven`: the way it is drawn leaves no
    other reading; else it has to move, and `may_move` says whether that would prove anything."""

    label: str
    attempt: int
    limit: int
    retry_in_s: float | None
    proven: bool
    may_move: bool
    steady_s: float
    text: str


class RetryDetector:
    """Feed it every complete frame; it answers with a symptom when there is something new."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._last: RetryRow | None = None
        self._since = 0.0  # when the row was first seen as it is
        self._gone: float | None = None
        self._live = False
        self.at_work = False
        """By the last frame the client is at work: its spinner stands above its input box."""

    def frame(self, screen: ScreenLike, now: float, settled: bool = False) -> Symptom | None:
        """`now` is epoch seconds, for the symptom. `settled`: no output has come for a while."""
        region = live_region(screen.rows(), screen.columns)
        self.at_work = region is not None
        row = self._find(region, screen) if region else None
        if row is None:
            return self._vanished(now, settled)
        last, self._last = self._last, row
        moved = last is not None and _position(last) != _position(row)
        if last is None or moved or last.label != row.label:
            self._since = now
        self._gone = None
        if self._live:
            return _symptom(row, self._signatures.read(row.label), now, moved) if self._since == now else None
        if (moved and row.may_move) or (row.proven and now - self._since >= row.steady_s):
            self._live = True
            return _symptom(row, self._signatures.read(row.label), now, moved)
        return None

    @property
    def pending(self) -> bool:
        """A look at the same screen a little later can tell more."""
        return self._gone is not None or (self._last is not None and not self._live)

    @property
    def waiting(self) -> bool:
        """The row on the screen says that the client waits before its next attempt: nothing is under way."""
        return self._live and self._last is not None and self._last.retry_in_s is not None

    def forget(self) -> None:
        """The screen is not known any more."""
        self._drop_row()
        self.at_work = False

    def _drop_row(self) -> None:
        self._last = self._gone = None
        self._live = False

    def _vanished(self, now: float, settled: bool) -> Symptom | None:
        if self._last is None:
            return None
        if self._gone is None:
            self._gone = now
        if not settled and now - self._gone < _GONE_S:
            return None
        gone, live = self._gone, self._live
        self._drop_row()
        return Symptom(gone, "connection", "cleared") if live else None

    def _find(self, region: LiveRegion, screen: ScreenLike) -> RetryRow | None:
        for pattern in self._signatures.retries:
            spinner = pattern.where == "spinner"
            block, cause = (region.spinner, None) if spinner else _lowest_retry(region)
            match = pattern.pattern.search(block.text) if block else None
            if block is None or match is None:
                continue
            groups = match.groupdict()
            wait = groups.get("wait")
            unit = 60 if groups.get("wait_unit") == "m" else 1
            coloured = is_chromatic(screen.colour(block.column, block.row))
            return RetryRow(
                label=groups["label"].strip(" ·"),
                attempt=int(groups["attempt"]),
                limit=int(groups["limit"]),
                retry_in_s=float(wait) * unit if wait else None,
                # Clients up to 2.0 draw an answer that begins with the words of an error as an error too,
                # but never with a cause below it, and an answer ends the turn at once.
                proven=coloured and (spinner or cause is not None),
                may_move=spinner or coloured or not is_chromatic(screen.colour(0, region.spinner.row)),
                steady_s=0.0 if spinner else _STEADY_S,
                text=f"{block.text} ⎿ {cause}" if cause else block.text,
            )
        return None


def _lowest_retry(region: LiveRegion) -> tuple[Block | None, str | None]:
    """The last notice; or the one above it, with the last as its cause when that is drawn deeper
    (`⎿ TypeError (fetch failed)`)."""
    notices = region.notices
    if len(notices) >= 2 and notices[-1].column > notices[-2].column:
        return notices[-2], notices[-1].text
    return (notices[-1] if notices else None), None


def _position(row: RetryRow) -> tuple[int, float | None]:
    return row.attempt, row.retry_in_s


def is_chromatic(colour: Colour) -> bool:
    """Whether a foreground is a colour rather than the default, black, white or a grey."""
    if colour is None:
        return False
    space, value = colour
    if space == "rgb":
        return bool(max(value) - min(value) >= _CHROMA)
    index = int(value)
    if index < 16:
        return index % 8 not in (0, 7)
    if index >= 232:
        return False
    levels = ((index - 16) // 36, (index - 16) // 6 % 6, (index - 16) % 6)  # the 6x6x6 cube of xterm
    return max(levels) - min(levels) >= 2


def _symptom(row: RetryRow, reading: Reading, now: float, confirmed: bool) -> Symptom:
    return Symptom(
        t=now,
        kind=reading.kind or "connection",
        phase="retrying",
        code=reading.code,
        http_status=reading.http_status,
        attempt=row.attempt,
        max_attempts=row.limit,
        retry_in_s=row.retry_in_s,
        text=row.text,
        confirmed=confirmed,
    )
