"""Hooks and transcript rows as symptoms and progress. No I/O: the guard polls, a recording is replayed."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from cc_guard.channels import facts
from cc_guard.channels.spool import HookEvent
from cc_guard.detect.signatures import Signatures
from cc_guard.incident.record import Symptom

# Before it had StopFailure, the client ran the Stop hooks when it gave up as well (measured up to 2.0.60).
_STOP_MEANS_ANSWER = (2, 1, 78)
_SAME_FAILURE_S = 5.0  # the hook and the transcript tell of one failure within milliseconds of each other
_SET_BACK_S = 5.0  # less is the clock's own correction
_ROUNDED_S = 0.1  # a row's time is cut to milliseconds, a file's to a tick of the kernel's clock


class Listener(Protocol):
    """Who wants to know. `t` is the client's own time of it, in epoch seconds."""

    def symptom(self, symptom: Symptom, source: str) -> None: ...

    def progress(self, t: float, source: str) -> None: ...

    def interrupted(self, t: float, source: str) -> None: ...

    def asked(self, t: float) -> None: ...


class ChannelReader:
    """Reads what comes, in the order in which it comes. `wall()` is the time in epoch seconds, `monotonic()`
    one that nobody sets."""

    def __init__(
        self,
        signatures: Signatures,
        version: tuple[int, ...] | None,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        listener: Listener,
    ) -> None:
        self._signatures = signatures
        self._stop_means_answer = (version or (0, 0, 0)) >= _STOP_MEANS_ANSWER
        self._wall, self._monotonic = wall, monotonic
        self._listener = listener
        self._since = 0.0, 0.0
        """Rows from before this time are history: a client that resumes or forks a conversation may copy its
        past into a new file (measured on 2.0.60 and 2.1.330). With the difference between the clocks then."""
        self.path = ""
        """The file of the conversation, by the last hook."""
        self._last_failure = 0.0, ""
        self.retry_until = 0.0
        """Until when the client waits for its next attempt, by its transcript. On `monotonic()`."""
        self.heard = False
        """Whether anything of the conversation has been read: then its end will be told here as well."""

    def hook(self, event: HookEvent) -> None:
        path = event.payload.get("transcript_path")
        if isinstance(path, str) and path and path != self.path:
            self.path, self._since = path, (event.t - _ROUNDED_S, self._monotonic() - self._wall())
        if event.payload.get("agent_id"):
            return  # a sub-agent's: the turn goes on (measured 2.1.330)
        if event.event == "Stop" and self._stop_means_answer:
            self.retry_until = 0.0
            self._listener.progress(event.t, "hook")
        elif event.event == "StopFailure":
            self._failed(str(event.payload.get("last_assistant_message") or ""), "hook")
        elif event.event == "UserPromptSubmit":
            self.heard = True

    def row(self, row: facts.Row) -> None:
        now = self._wall()
        t = min(_time_of(row, now), now)
        if facts.is_sidechain(row) or t < self._history_ends(now):
            return
        retry = facts.retry(row)
        if retry is not None:
            self._retrying(retry, t, now - t)
        elif facts.is_api_error(row):
            self._failed(facts.error_text(row), "transcript")
        elif facts.is_interrupted(row):
            self.retry_until = 0.0
            self._listener.interrupted(t, "transcript")
        elif facts.is_progress(row):
            self.heard = True
            self.retry_until = 0.0
            self._listener.progress(t, "transcript")
        elif facts.is_request(row):
            self.heard = True
            self._listener.asked(t)

    def _history_ends(self, now: float) -> float:
        """In epoch seconds, by a clock that may have been set back since."""
        since, offset = self._since
        return since - max(self._monotonic() - now - offset - _SET_BACK_S, 0.0) if since else 0.0

    def _retrying(self, retry: facts.Retry, t: float, ago_s: float) -> None:
        self.heard = True
        self.retry_until = self._monotonic() + retry.retry_in_s - ago_s
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
        self._listener.symptom(symptom, "transcript")

    def _failed(self, text: str, source: str) -> None:
        self.heard = True
        self.retry_until = 0.0
        if self._signatures.is_interrupt(text):
            self._listener.interrupted(self._wall(), source)
            return
        now = self._monotonic()
        before, by = self._last_failure
        if by not in ("", source) and now - before < _SAME_FAILURE_S:
            self._last_failure = now, ""  # told by both
            return
        self._last_failure = now, source
        reading = self._signatures.read(text)
        symptom = Symptom(
            self._wall(),
            reading.kind or "server_error",
            "failed",
            reading.code,
            reading.http_status,
            text=text,
            confirmed=True,
        )
        self._listener.symptom(symptom, source)


def _time_of(row: facts.Row, now: float) -> float:
    """Epoch seconds of a row; `now`, when it does not say."""
    try:
        return datetime.fromisoformat(str(row["timestamp"])).timestamp()
    except (KeyError, ValueError, OverflowError):
        return now
