"""What detection needs of a transcript row or a hook, for a recording, and nothing of the conversation.

The text of an ordinary row is not in it: of its blocks only what they are. Kept are the client's own
sentences: of a failure, and of an interruption.
"""

from typing import Any

from cc_guard.channels import facts
from cc_guard.channels.spool import HookEvent

_TEXT_LIMIT = 500
_TYPES = ("user", "assistant", "api-request")
_ROW = (
    *("type", "subtype", "timestamp", "isSidechain", "isApiErrorMessage", "isMeta", "isCompactSummary"),
    *("apiErrorStatus", "retryAttempt", "maxRetries", "retryInMs", "querySource", "id"),
)
_BLOCK = ("type", "id", "tool_use_id")
_HOOK = ("transcript_path", "source", "error", "agent_id")


def of_row(row: facts.Row) -> facts.Row | None:
    """The row as facts.py reads it; None when it tells detection nothing."""
    told = row.get("type") in _TYPES or (row.get("type") == "system" and row.get("subtype") == "api_error")
    if not told or facts.is_sidechain(row):
        return None
    kept = _plain(row, _ROW)
    error = row.get("error")
    if isinstance(error, dict):
        kept["error"] = _plain(error, ("status",))
    elif isinstance(error, str):
        kept["error"] = error[:_TEXT_LIMIT]
    message = row.get("message")
    if isinstance(message, dict):
        speaks = facts.is_api_error(row) or facts.is_interrupted(row)
        kept["message"] = _plain(message, ("model", "role")) | _content(message.get("content"), speaks)
    return kept


def of_hook(event: HookEvent) -> dict[str, Any]:
    """As `cc-guard replay` reads it. The last words of a Stop are conversation, a StopFailure's are not."""
    keys = (*_HOOK, "last_assistant_message") if event.event == "StopFailure" else _HOOK
    return {"event": event.event, "t": event.t, "payload": _plain(event.payload, keys)}


def _content(content: object, speaks: bool) -> dict[str, Any]:
    if isinstance(content, list):
        keys = (*_BLOCK, "text") if speaks else _BLOCK
        return {"content": [_plain(block, keys) for block in content if isinstance(block, dict)]}
    return {"content": ""} if isinstance(content, str) else {}


def _plain(value: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """The keys that are there, with values that hold nothing else; long texts are cut."""
    kept = {key: value[key] for key in keys if isinstance(value.get(key), str | int | float | bool)}
    return {key: part[:_TEXT_LIMIT] if isinstance(part, str) else part for key, part in kept.items()}
