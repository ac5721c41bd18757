"""The retry phase, seen on the screen.

A retry row counts only while it is live: it stands in the live region, and it is drawn as nothing else is, or
its counter or countdown moves. The same words in prose, tool results or the user's own prompt do none of this
there. Numbers in the output of a running tool may move, too (another client at work, a log): what hangs on a
tool call is the tool's.
"""

import re
from dataclasses import dataclass, replace

from cc_guard.detect.signatures import Reading, RetryPattern, Signatures, wait_seconds
from cc_guard.incident.record import Symptom
from cc_guard.screen.colours import is_ansi, is_chromatic, is_warm
from cc_guard.screen.model import ScreenLike
from cc_guard.screen.region import Block, LiveRegion, has_box

_GONE_S = 0.1  # old clients erase the row and draw it again in two frames
_PLAIN_HOST = re.compile(r"you: (?P<prompt>.+)|[^\s…]+…(?: |$)")  # the user's prompt, or the client's spinner
_PLAIN_SPINNER = re.compile(r"[^\s…]+…(?: |$)")
_PLAIN_DRAFT = re.compile(r"\$\s+(?P<prompt>.+)")
_MOST_DIGITS = 4  # of an attempt or their limit
_LONGEST_WAIT_S = 7 * 24 * 3600.0  # a weekly limit's
_FLASH_S = 0.02  # between the two updates of one frame pass less than 5 ms (measured)
_STEADY_S = 0.05  # of a row whose place alone speaks for it


@dataclass(frozen=True)
class RetryRow:
    """`retry_in_s` is None while the attempt itself is under way. `steady_s`: how long the row has to stand
    to be believed, by the way it is drawn; None: it has to move. `may_move`: whether that would prove it."""

    label: str
    attempt: int
    limit: int
    retry_in_s: float | None
    steady_s: float | None
    may_move: bool
    text: str
    above: str = ""
    """The row above it, where its place is known by that alone."""


class RetryDetector:
    """Feed it every complete frame; it answers with a symptom when there is something new."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._last: RetryRow | None = None
        self._since = 0.0  # when the row was first seen as it is
        self._gone: float | None = None
        self._told: Symptom | None = None
        self._orphan: Symptom | None = None  # told before the screen was lost
        self._above_before = ""
        """The row above the spinner while the client was at work and no retry row stood there."""
        self._covered = False
        self._draft = ""  # what the user typed last, in the layout for screen readers
        self._columns = 0
        self.at_work = False
        """By the last frame the client is at work: its spinner stands above its input box."""

    def look(
        self,
        rows: list[str],
        region: LiveRegion | None,
        screen: ScreenLike,
        now: float,
        settled: bool,
        ending: bool,
    ) -> Symptom | None:
        """`rows` and `region` are the screen's, `now` is epoch seconds. `settled`: no output has come for a
        while. `ending`: what stands there instead of the row may be the final failure."""
        self.at_work = region is not None
        self._covered = not has_box(rows)
        if self._covered:
            return None  # a question or another view stands there: what is behind it is not known
        row = self._find(region, screen, rows) if region else None
        self._remember(rows, region, row, screen.columns)
        if row is None:
            return None if ending else self._vanished(now, settled)
        last, self._last = self._last, row
        moved = last is not None and _position(last) != _position(row) and last.above == row.above
        if last is None or moved or last.label != row.label:
            self._since = now
        self._since = min(self._since, now)  # the clock may have been set back
        self._gone = None
        if self._told is not None:
            return self._tell(row, now, moved) if self._since == now else None
        # At the end of an update that erases the old picture, an older one above it may be the lowest.
        enough_s = row.steady_s if settled or row.steady_s is None else max(row.steady_s, _FLASH_S)
        stood = enough_s is not None and now - self._since >= enough_s
        return self._tell(row, now, moved) if stood or (moved and row.may_move) else None

    def _remember(
        self, rows: list[str], region: LiveRegion | None, row: RetryRow | None, columns: int
    ) -> None:
        if columns != self._columns:
            self._columns, self._above_before = columns, ""  # rows wrap elsewhere now
        if region is not None and row is None:
            end = region.spinner.row + region.plain  # there, the spinner may become a row above the next one
            self._above_before = next(filter(None, reversed(rows[:end])), "")
        elif region is None:
            lowest = next(filter(None, reversed(rows)), "")
            draft = _PLAIN_DRAFT.match(lowest)
            self._draft = draft["prompt"].strip() if draft else self._draft
            self._above_before = ""

    @property
    def pending(self) -> bool:
        """A look at the same screen a little later can tell more."""
        if self._covered:
            return False
        if self._gone is not None:
            return True
        return self._told is None and self._last is not None and self._last.steady_s is not None

    @property
    def seen(self) -> bool:
        """Something stands there that says what a retry row says, whether or not it is one."""
        return self._last is not None

    @property
    def live(self) -> bool:
        """The client retries, by what has been told so far."""
        return self._told is not None

    @property
    def waiting(self) -> bool:
        """The row on the screen says that the client waits before its next attempt: nothing is under way."""
        shown = self._told is not None and not self._covered
        return shown and self._last is not None and self._last.retry_in_s is not None

    def lose_sight(self) -> None:
        """The screen is not known any more: when it is again, a row that is not there has gone."""
        told = self._told or self._orphan
        self.forget()
        self._orphan = told

    def forget(self) -> None:
        """What was told is over."""
        self._last = self._gone = self._told = self._orphan = None
        self._above_before = ""
        self.at_work = False

    def _tell(self, row: RetryRow, now: float, confirmed: bool) -> Symptom:
        self._orphan = None
        self._told = _symptom(row, self._signatures.read(row.label), now, confirmed)
        return self._told

    def _vanished(self, now: float, settled: bool) -> Symptom | None:
        if self._last is None:
            orphan, self._orphan = self._orphan, None
            return _cleared(orphan, now) if orphan else None
        self._gone = now if self._gone is None else min(self._gone, now)
        if not settled and now - self._gone < _GONE_S:
            return None
        gone, told = self._gone, self._told
        self._last = self._gone = self._told = None
        return _cleared(told, gone) if told else None

    def _find(self, region: LiveRegion, screen: ScreenLike, rows: list[str]) -> RetryRow | None:
        for pattern in self._signatures.retries:
            if pattern.where == "spinner":
                row = _read(pattern, region.spinner, None)
                if row is not None and region.plain:
                    return self._plain_row(row[0], region, rows)
                if row is not None:
                    return _spinner_row(*row, region, screen)
                continue
            block, cause = _lowest_notice(region)
            row = _read(pattern, block, cause) if block else None
            if row is not None:
                return self._notice_row(*row, cause is not None, region, screen, rows)
        return None

    def _notice_row(
        self,
        found: RetryRow,
        block: Block,
        at: int,
        has_cause: bool,
        region: LiveRegion,
        screen: ScreenLike,
        rows: list[str],
    ) -> RetryRow:
        label, counter = screen.colour(*block.cell(0)), screen.colour(*block.cell(at))
        spinner = screen.colour(0, region.spinner.row)
        alone = self._came_alone(rows, block)
        if is_warm(label):
            # Clients up to 2.0 draw an answer that begins with the words of an error as an error too: in one
            # colour, which is their theme's, with no cause below it. Two of them would look like a counter.
            two_colours = label != counter and not is_chromatic(counter)
            beside_the_theme = is_ansi(label) and spinner is not None and not is_ansi(spinner)
            steady = 0.0 if two_colours or has_cause or beside_the_theme else None
            may_move = two_colours or is_ansi(label)
        else:
            # Where there are colours, only a row that names no cause is grey.
            fits = not found.label or not is_chromatic(spinner)
            by_itself = has_cause or region.host in ("prompt", "tool")
            steady = _STEADY_S if fits and alone and by_itself else None
            may_move = fits and region.host in ("prompt", "tool")
        return replace(found, steady_s=steady, may_move=may_move)

    def _plain_row(self, found: RetryRow, region: LiveRegion, rows: list[str]) -> RetryRow:
        """In the screen reader's layout, without glyphs and colours: an answer's second line may say the same
        there, but the first thing below the user's prompt is the client's, and so is what counts in place."""
        above = rows[region.spinner.row - 1] if region.spinner.row else ""
        told = _PLAIN_HOST.match(above)
        alone = told and (
            above == self._above_before
            or _PLAIN_SPINNER.match(self._above_before)  # it has taken the spinner's place
            or (self._draft and told["prompt"] == self._draft)
        )
        return replace(found, steady_s=_STEADY_S if alone else None, may_move=True, above=above)

    def _came_alone(self, rows: list[str], block: Block) -> bool:
        """The row appeared below what had been there before it: it is not a part of a prompt."""
        above = block.row - 1
        return above >= 0 and bool(rows[above]) and rows[above] == self._above_before


def _read(pattern: RetryPattern, block: Block, cause: str | None) -> tuple[RetryRow, Block, int] | None:
    """What the row says, and where in its text the counter stands."""
    match = pattern.pattern.search(block.text)
    if match is None or max(len(match["attempt"]), len(match["limit"])) > _MOST_DIGITS:
        return None
    wait = wait_seconds(match)
    if wait is not None and wait > _LONGEST_WAIT_S:
        return None
    row = RetryRow(
        label=(match["label"] or "").strip(" ·"),
        attempt=int(match["attempt"]),
        limit=int(match["limit"]),
        retry_in_s=wait,
        steady_s=None,
        may_move=False,
        text=f"{block.text} ⎿ {cause}" if cause else block.text,
    )
    return row, block, match.start("attempt")


def _spinner_row(found: RetryRow, block: Block, at: int, region: LiveRegion, screen: ScreenLike) -> RetryRow:
    """The name of a to-do may stand there as well, in one colour."""
    label, counter = screen.colour(*block.cell(0)), screen.colour(*block.cell(at))
    plain = not is_chromatic(label) and not is_chromatic(screen.colour(0, region.spinner.row))
    told_apart = is_warm(label) and label != counter
    return replace(found, steady_s=0.0 if told_apart else _STEADY_S if plain else None, may_move=True)


def _lowest_notice(region: LiveRegion) -> tuple[Block | None, str | None]:
    """The last notice; or the one above it, with the last as its cause when that is drawn deeper
    (`⎿ TypeError (fetch failed)`)."""
    notices = region.notices
    if len(notices) >= 2 and notices[-1].column > notices[-2].column:
        return notices[-2], notices[-1].text
    return (notices[-1] if notices else None), None


def _position(row: RetryRow) -> tuple[int, float | None]:
    return row.attempt, row.retry_in_s


def _cleared(told: Symptom, now: float) -> Symptom:
    return Symptom(now, told.kind, "cleared", told.code, told.http_status)


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
