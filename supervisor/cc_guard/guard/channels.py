"""Hooks and transcript: what the client says of itself."""

import os
import time
from collections.abc import Callable
from datetime import datetime

from cc_guard.channels import facts, spool
from cc_guard.channels.transcript import TranscriptTail, transcript_path
from cc_guard.detect.signatures import Signatures
from cc_guard.guard.arguments import Arguments, working_folder
from cc_guard.incident.record import Symptom

# Before it had StopFailure, the client ran the Stop hooks when it gave up as well (measured up to 2.0.60).
_STOP_MEANS_ANSWER = (2, 1, 78)
_ROUNDED_S = 0.1  # a row's time is cut to milliseconds, a file's to a tick of the kernel's clock
_SAME_FAILURE_S = 5.0  # the hook and the transcript tell of one failure within milliseconds of each other


class Channels:
    """Polled by the guard. `on_symptom(symptom, source)` and `on_progress(t, source)` for what is new, with
    `t` as the client's own time of it."""

    def __init__(
        self,
        signatures: Signatures,
        arguments: Arguments,
        on_symptom: Callable[[Symptom, str], None],
        on_progress: Callable[[float, str], None],
    ) -> None:
        self._signatures = signatures
        self._spool = arguments.folder
        self._stop_means_answer = (arguments.version or (0, 0, 0)) >= _STOP_MEANS_ANSWER
        self._on_symptom = on_symptom
        self._on_progress = on_progress
        session, cwd = arguments.session, working_folder()
        self._path = transcript_path(os.environ, cwd, session) if session and cwd else ""
        old = arguments.resumed or arguments.restarts > 0
        self._since = 0.0
        """Rows from before this time are history: a client that resumes or forks a conversation may copy its
        past into a new file (measured on 2.0.60 and 2.1.330)."""
        self._tail = TranscriptTail(self._path, from_end=old) if self._path else None
        self._last_failure = 0.0
        self.retry_until = 0.0
        """Until when the client waits for its next attempt, by its transcript. On CLOCK_MONOTONIC."""

    def poll(self) -> None:
        if self._spool:
            for event in spool.read(self._spool):
                self._hook(event)
        if self._tail is not None:
            for row in self._tail.poll():
                self._row(row)

    def _hook(self, event: spool.HookEvent) -> None:
        path = event.payload.get("transcript_path")
        if isinstance(path, str) and path and path != self._path:
            # Another conversation: what it already holds is history.
            self._path, self._since = path, event.t - _ROUNDED_S
            if self._tail is not None:
                self._tail.close()
            self._tail = TranscriptTail(path, from_end=event.payload.get("source") != "startup")
        if event.event == "Stop" and self._stop_means_answer:
            self.retry_until = 0.0
            self._on_progress(event.t, "hook")
        elif event.event == "StopFailure":
            self._failed(str(event.payload.get("last_assistant_message") or ""), "hook")

    def _row(self, row: facts.Row) -> None:
        t = _time_of(row)
        if facts.is_sidechain(row) or t < self._since:
            return
        retry = facts.retry(row)
        if retry is not None:
            self._retrying(retry, t)
        elif facts.is_api_error(row):
            self._failed(facts.error_text(row), "transcript")
        elif facts.is_progress(row):
            self.retry_until = 0.0
            self._on_progress(t, "transcript")

    def _retrying(self, retry: facts.Retry, t: float) -> None:
        left = min(t - time.time(), 0.0) + retry.retry_in_s
        self.retry_until = time.monotonic() + left
        status = retry.http_status
        symptom = Symptom(
            t=t,
            # Without a status the row has no wording, and the screen will say more.
            kind=(self._signatures.kind_of_status(status) if status else None) or "connection",
            phase="retrying",
            code=str(status) if status else None,
            http_status=status,
            attempt=retry.attempt,
            max_attempts=retry.max_attempts,
            retry_in_s=retry.retry_in_s,
            confirmed=True,
        )
        self._on_symptom(symptom, "transcript")

    def _failed(self, text: str, source: str) -> None:
        now = time.time()
        if now - self._last_failure < _SAME_FAILURE_S:
            return
        self._last_failure = now
        self.retry_until = 0.0
        reading = self._signatures.read(text)
        symptom = Symptom(
            now,
            reading.kind or "server_error",
            "failed",
            reading.code,
            reading.http_status,
            text=text,
            confirmed=True,
        )
        self._on_symptom(symptom, source)


def _time_of(row: facts.Row) -> float:
    """Epoch seconds of a row; now, when it does not say."""
    try:
        return datetime.fromisoformat(str(row["timestamp"])).timestamp()
    except (KeyError, ValueError, OverflowError):
        return time.time()
