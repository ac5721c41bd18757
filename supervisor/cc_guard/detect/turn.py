"""What the client is in the middle of, by its transcript and hooks: tools, questions, the end of a turn.

The screen decides whether something may be typed (prompt.py). This says what a screen does not: a tool call
without a result, a permission that is being asked for, which session it is. Rows and hooks reach the guard in
batches and out of order (2.1.330 writes a prompt after its failure), so their own times decide what is over.
"""

from datetime import datetime
from typing import Any

from cc_guard.channels import facts
from cc_guard.channels.spool import HookEvent

# With `--resume`, the first hook of earlier clients names a session that never comes to be (1.0.120).
_STARTS_TELL = (2, 0, 0)
_ROUNDED_S = 0.1  # a row's time is cut to milliseconds, a hook's to a tick of the kernel's clock
_SAME_TURN_S = 2.0  # the last words of an answer may be written after the hook that tells of its end
_SET_BACK_S = 5.0  # less is the clock's own correction
_NOT_A_QUESTION = "idle_prompt"


class Turn:
    """Feed it every row of the conversation's transcript and every hook."""

    def __init__(self, version: tuple[int, ...] | None) -> None:
        self._starts_tell = version is not None and version >= _STARTS_TELL
        self._open: set[str] = set()
        self._background: set[str] = set()
        self._asked: float | None = None
        self._agent_asked = False
        self._since = 0.0
        """Rows from before are history, which a resumed or forked session may hold a copy of."""
        self._began = self._ended = self._latest_hook = 0.0
        self.last_prompt_t: float | None = None
        """When the user submitted the last prompt, in epoch seconds."""
        self.failed_t: float | None = None
        """When the client gave up on a request, in epoch seconds; None after a later prompt or answer."""
        self.session_id: str | None = None
        """The latest that the client has named for itself."""

    @property
    def tools_running(self) -> int:
        """Calls without a result, those of sub-agents in the same file included. A sub-agent with a file of
        its own (2.0 and newer) is one call of the conversation."""
        return len(self._open)

    @property
    def background_tasks(self) -> int:
        """Shells and sub-agents that were put into the background. Up to 2.0 their end is not told."""
        return len(self._background)

    @property
    def permission_pending(self) -> bool:
        """By PermissionRequest, and up to 2.0.44 by a Notification, which comes 6 s late. It stays until no
        call is open any more: which of several was asked about is not known."""
        return self._agent_asked or self._asked is not None

    @property
    def ended(self) -> bool:
        """Nothing is under way in the conversation. Clients without hooks (before 1.0.85) tell of failures
        and interruptions alone; 2.1.330 tells nothing when Escape comes before any answer."""
        return self._ended >= self._began

    def hook(self, event: HookEvent) -> None:
        if event.payload.get("agent_id"):
            self._agent_asked = self._agent_asked or event.event == "PermissionRequest"
            return
        self._mind_the_clock(event.t)
        self._name_session(event)
        if event.event == "SessionStart":
            self._start(event.t)
        elif event.event == "UserPromptSubmit":
            self._prompted(event.t)
        elif event.event == "PermissionRequest":
            self._asked = event.t
        elif event.event == "Notification":
            if self._open and event.payload.get("notification_type") != _NOT_A_QUESTION:
                self._asked = event.t
        elif event.event in ("Stop", "StopFailure"):
            self._end(event.t)
            if event.event == "StopFailure":
                self._fail(event.t)

    def row(self, row: facts.Row) -> None:
        t = _time_of(row)
        self._follow_tools(row, t)
        if t is None or t < self._since or facts.is_sidechain(row):
            return
        if facts.is_interrupted(row):
            self._end(t)
            self._clear_failure(t)
        elif facts.is_api_error(row):
            self._end(t)
            self._fail(t)
        elif facts.is_prompt(row) and not _is_notification(row):
            self._prompted(t)
        elif facts.is_request(row):
            self._began = max(self._began, t)
        elif facts.is_progress(row):
            self._clear_failure(t)
            if t > self._ended + _SAME_TURN_S:
                self._began = max(self._began, t)

    def _follow_tools(self, row: facts.Row, t: float | None) -> None:
        self._open.update(facts.tools_called(row))
        finished = facts.tools_finished(row)
        self._open.difference_update(finished)
        if finished and not self._open and self._asked is not None and (t or 0.0) > self._asked - _ROUNDED_S:
            self._asked = None
        if facts.is_in_background(row):
            self._background.update(finished)
        self._background.difference_update(facts.background_finished(row))

    def _mind_the_clock(self, t: float) -> None:
        """Hooks come in their order: an earlier one than the last is by a clock that was set back."""
        if t < self._latest_hook - _SET_BACK_S:
            latest = t - _ROUNDED_S
            self._since = min(self._since, latest)
            self._began, self._ended = min(self._began, latest), min(self._ended, latest)
            self._asked = None if self._asked is None else min(self._asked, latest)
            self.failed_t = None if self.failed_t is None else min(self.failed_t, latest)
            self.last_prompt_t = None if self.last_prompt_t is None else min(self.last_prompt_t, latest)
        self._latest_hook = t

    def _name_session(self, event: HookEvent) -> None:
        session = event.payload.get("session_id")
        resumed = event.event == "SessionStart" and event.payload.get("source") == "resume"
        if isinstance(session, str) and session and (self._starts_tell or not resumed):
            self.session_id = session

    def _start(self, t: float) -> None:
        """Of a session, or of what follows a compaction."""
        self._since = t - _ROUNDED_S
        self._open.clear()
        self._asked, self._agent_asked = None, False

    def _prompted(self, t: float) -> None:
        self.last_prompt_t = max(self.last_prompt_t or 0.0, t)
        self._began = max(self._began, t)
        self._clear_failure(t)
        self._agent_asked = False

    def _end(self, t: float) -> None:
        self._ended = max(self._ended, t)
        if self.ended:
            self._open.clear()
            self._asked, self._agent_asked = None, False

    def _fail(self, t: float) -> None:
        if self.last_prompt_t is None or t >= self.last_prompt_t:
            self.failed_t = max(self.failed_t or 0.0, t)

    def _clear_failure(self, t: float) -> None:
        if self.failed_t is not None and t > self.failed_t:
            self.failed_t = None


def _is_notification(row: facts.Row) -> bool:
    """Said in the user's name, of a task in the background."""
    origin: Any = row.get("origin")
    return isinstance(origin, dict) and origin.get("kind") not in (None, "human")


def _time_of(row: facts.Row) -> float | None:
    try:
        return datetime.fromisoformat(str(row["timestamp"])).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None
