"""What the transcript tells about a run that has failed: the second witness, and where to go on."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cc_guard.channels import facts
from cc_guard.channels.facts import Row
from cc_guard.channels.transcript import TranscriptTail, transcript_path
from cc_guard.headless.plan import REMINDER

_ROUNDED_S = 0.1  # a row's time is cut to milliseconds, a file's to a tick of the kernel's clock
_NEVER = float("-inf")


@dataclass(frozen=True)
class Turn:
    """`after`: the row (uuid) behind which the conversation goes on. `progressed`: the model has answered
    something in this run. `unfinished`: a tool of this job may have run, or may be running, whose result is
    not in the session. `troubled_at`: when the first attempt failed, in epoch seconds. `keeps_costs`: the
    next run's costs will count those of this one (2.1.330; not 2.1.132)."""

    session: str
    text: str
    after: str
    progressed: bool
    unfinished: bool
    troubled_at: float
    retries: int
    keeps_costs: bool


def find(
    environ: Mapping[str, str],
    cwd: str,
    session: str | None,
    said: str,
    job_started: float,
    run_started: float,
) -> Turn | None:
    """The turn that ended with what the client `said`. Without its `session`, the one transcript of this
    folder that has just ended so; None when there is none, or more than one."""
    if session is not None:
        paths = [transcript_path(environ, cwd, session)]
    else:
        paths = list(_recent(os.path.dirname(transcript_path(environ, cwd, "")), run_started))
    turns = [read(path, rows_of(path), said, job_started, run_started) for path in paths]
    found = [turn for turn in turns if turn is not None]
    return found[0] if len(found) == 1 else None


def read(path: str, rows: Iterable[Row], said: str, job_started: float, run_started: float) -> Turn | None:
    """None unless the conversation in `rows` ends with that failure."""
    main = [row for row in rows if not facts.is_sidechain(row)]
    last = max((at for at, row in enumerate(main) if facts.is_api_error(row)), default=-1)
    if last < 0 or any(facts.is_progress(row) or facts.is_prompt(row) for row in main[last + 1 :]):
        return None
    text = facts.error_text(main[last]).strip()
    if not text or not said.endswith(text) or _time(main[last]) < run_started - _ROUNDED_S:
        return None
    before = main[:last]
    after = _after(before)
    if after is None:
        return None
    trouble = [row for row in _since_progress(before) if facts.retry(row) and _time(row) >= run_started]
    return Turn(
        session=os.path.basename(path).removesuffix(".jsonl"),
        text=text,
        after=after,
        progressed=any(facts.is_progress(row) and _time(row) >= run_started for row in before),
        unfinished=_unfinished([row for row in before if _time(row) >= job_started - _ROUNDED_S]),
        troubled_at=_time(trouble[0] if trouble else main[last]),
        retries=len(trouble),
        keeps_costs=any(row.get("type") == "cost-state" for row in main),
    )


def first_progress(environ: Mapping[str, str], cwd: str, session: str, since: float) -> float | None:
    """When the model answered for the first time after `since`."""
    rows = rows_of(transcript_path(environ, cwd, session))
    times = (_time(row) for row in rows if facts.is_progress(row) and not facts.is_sidechain(row))
    return next((t for t in times if t >= since), None)


def rows_of(path: str) -> list[Row]:
    tail = TranscriptTail(path)
    try:
        rows: list[Row] = []
        while more := tail.poll():
            rows += more
        return rows
    finally:
        tail.close()


def _recent(folder: str, since: float) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".jsonl") and entry.stat().st_mtime >= since - _ROUNDED_S:
                    yield entry.path
    except OSError:
        return


def _after(rows: list[Row]) -> str | None:
    """Behind the last thing that was sent to the model in full, and what the client has added to it. What
    comes then is a part of an answer, and the client's own words about that."""
    asked = [at for at, row in enumerate(rows) if facts.is_request(row) and not _is_ours(row)]
    if not asked:
        return None
    last = rows[asked[-1]]
    for row in rows[asked[-1] + 1 :]:
        if row.get("type") == "assistant" or _is_ours(row):
            break
        if row.get("type") in ("user", "attachment"):
            last = row
    uuid = last.get("uuid")
    return uuid if isinstance(uuid, str) else None


def _is_ours(row: Row) -> bool:
    message = row.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    blocks = content if isinstance(content, list) else [{"text": content}]
    return any(isinstance(block, dict) and REMINDER in str(block.get("text")) for block in blocks)


def _unfinished(rows: list[Row]) -> bool:
    called = {name for row in rows for name in facts.tools_called(row)}
    finished = {name for row in rows for name in facts.tools_finished(row)}
    return bool(called - finished) or any(_left_running(row) for row in rows)


def _left_running(row: Row) -> bool:
    """The result of a tool that went on in the background (Bash, all versions; agents since 2.0)."""
    result = row.get("toolUseResult")
    return isinstance(result, dict) and bool(result.get("backgroundTaskId") or result.get("isAsync"))


def _since_progress(rows: list[Row]) -> list[Row]:
    last = max((at for at, row in enumerate(rows) if facts.is_progress(row)), default=-1)
    return rows[last + 1 :]


def _time(row: Row) -> float:
    """Epoch seconds; long ago for a row that does not say."""
    try:
        return datetime.fromisoformat(str(row["timestamp"])).timestamp()
    except (KeyError, ValueError, OverflowError):
        return _NEVER
