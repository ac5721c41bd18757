"""The guard's side of remedies: each is a process of its own, so that nothing in it can hurt the guard.

Nothing here raises but for cancellation. A `run` that is cancelled is told to stop, and takes back by itself
what it was about to change; whatever it does not get to is in the journal, for `undo`.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast

# The longest that a remedy may wait for is an update of the client (300 s); the others end long before.
_RUN_S = 400.0
_PLAN_S = 40.0
_UNDO_S = 180.0
_LARGEST = 4 * 1024 * 1024

Row = dict[str, Any]


async def run(remedy: str, request: Mapping[str, Any]) -> Row:
    """Carry it out: the answer of cc_guard.remedies.carry_out.Answer. `request` is that of request.py."""
    return _answer(remedy, await _asked(["run", remedy], request, _RUN_S))


async def plan(remedy: str, request: Mapping[str, Any]) -> Row:
    """The dry run: what would be done and how it would be taken back, and nothing is."""
    return _answer(remedy, await _asked(["plan", remedy], request, _PLAN_S))


async def undo(session: int, until: str | None = None, ids: Sequence[str] = ()) -> list[Row]:
    """Take back what the session of this relay has changed: rows of cc_guard.remedies.undo.Undone."""
    words = ["undo", "--session", str(session), *(["--until", until] if until else [])]
    for id_ in ids:
        words += ["--id", id_]
    return _rows(await _asked(words, {}, _UNDO_S))


async def sweep() -> list[Row]:
    """Take back what dead sessions left, as `undo`."""
    return _rows(await _asked(["sweep"], {}, _UNDO_S))


async def remedies() -> list[Row]:
    """All of them, as they are on this machine: id title text causes level most until trial by_guard."""
    return _rows(await _asked(["list"], {}, _PLAN_S))


async def _asked(words: list[str], request: Mapping[str, Any], deadline_s: float) -> Any:
    """The process's JSON, None without any. It outlives a cancelled caller until it has tidied up."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "cc_guard.remedies", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(deadline_s):
            out, _ = await process.communicate(json.dumps(request).encode())
        return json.loads(out[:_LARGEST])
    except (TimeoutError, ValueError, RecursionError):
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)


def _answer(remedy: str, found: Any) -> Row:
    if isinstance(found, dict) and isinstance(found.get("status"), str):
        return cast(Row, found)
    return {
        "remedy": remedy,
        "level": 0,
        "status": "failed",
        "detail": "it gave no answer",
        "text": "",
        "commands": [],
        "undo": None,
        "helped": None,
        "plan": {"steps": [], "check": [], "undo": []},
        "env": {},
    }


def _rows(found: Any) -> list[Row]:
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
