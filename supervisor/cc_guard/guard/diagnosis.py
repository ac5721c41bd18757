"""Asking why, while an incident is open: the doctor in a process of its own.

It needs libraries that the guard has no memory for, and whatever happens in it can't hurt the guard.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from cc_guard.diagnose import clocks
from cc_guard.incident.record import Cause, Finding, ProbeState, Symptom

_DEADLINE_S = 20.0  # the doctor's own is 6 s; a machine out of memory takes longer to start it
_LARGEST = 4 * 1024 * 1024
_NETWORK = "link.route"
# Taken when the guard starts, and the same for all its diagnoses: what happened to the clocks since then.
_STARTED = clocks.mark()


@dataclass(frozen=True)
class Diagnosis:
    """`findings` are those that did not pass, and which network it was; `looked_at` all of them, `fix` what
    people can do."""

    cause: Cause
    confidence: float
    summary: str
    findings: tuple[Finding, ...]
    fix: tuple[str, ...] = ()
    looked_at: tuple[Finding, ...] = ()


NONE = Diagnosis("unknown", 0.0, "The cause is not known: the doctor gave no answer.", ())


async def ask(symptom: Symptom, settings: Sequence[str]) -> Diagnosis | None:
    """None when nothing was found out. Never raises but for cancellation, which ends the process."""
    argv = [sys.executable, "-P", "-m", "cc_guard.diagnose", "--symptom", json.dumps(symptom.to_json())]
    argv += ["--relay", str(os.getppid())]
    for path in settings:
        argv += ["--settings", path]
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, clocks.MARK: _STARTED},
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_DEADLINE_S):
            out, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.communicate()
    return read(out[:_LARGEST])


def read(out: bytes) -> Diagnosis | None:
    """What the doctor's JSON says."""
    try:
        document = json.loads(out)
        verdict: dict[str, Any] = document["verdict"]
        looked_at = tuple(
            Finding(
                str(one["probe"]),
                cast(ProbeState, one["state"]),
                str(one["summary"]),
                dict(one["evidence"]),
                float(one["ms"]),
            )
            for one in document["findings"]
        )
        kept = (one for one in looked_at if one.state in ("fail", "warn") or one.probe == _NETWORK)
        findings = tuple(kept)
        cause = cast(Cause, verdict["cause"] if verdict["cause"] in get_args(Cause) else "unknown")
        fix = tuple(map(str, verdict["fix"]))
        summary = str(verdict["summary"])
        return Diagnosis(cause, float(verdict["confidence"]), summary, findings, fix, looked_at)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
