"""What a row of the transcript says. Pure; rows are untrusted, unknown ones say nothing.

Measured on 1.0.120, 2.0.60 and 2.1.330. Rows of sub-agents are told apart by `is_sidechain`; the other
functions do not look at that.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

Row = dict[str, Any]

# The client's name for the model of the messages it makes up itself.
SYNTHETIC = "<synthetic>"

# The client's own words, in place of a prompt; "… for tool use" may follow.
_INTERRUPTED = "[Request interrupted by user"

_TASK_OVER = re.compile(r"<tool-use-id>(\w+)</tool-use-id>")

# Far beyond what a client does; numbers above these are no retry.
_MOST_ATTEMPTS = 10_000
_LONGEST_MS = 7 * 24 * 3600 * 1000


class Retry(NamedTuple):
    """An attempt failed, says the client: which one, of how many, the wait before the next, and the HTTP
    status, if there was one."""

    attempt: int
    max_attempts: int
    retry_in_s: float
    http_status: int | None = None


def is_sidechain(row: Row) -> bool:
    """Of a sub-agent, not of the user's conversation."""
    return row.get("isSidechain") is True


def session_id(row: Row) -> str | None:
    value = row.get("sessionId")
    return value if isinstance(value, str) else None


def is_api_error(row: Row) -> bool:
    """The client has given up on a request: the last word after its retries. All versions."""
    return (
        row.get("type") == "assistant"
        and row.get("isApiErrorMessage") is True
        and _message(row).get("model") == SYNTHETIC
    )


def error_text(row: Row) -> str:
    """The sentence of an `is_api_error` row, as the screen shows it."""
    return "\n".join(str(block.get("text", "")) for block in _blocks(row) if block.get("type") == "text")


def retry(row: Row) -> Retry | None:
    """2.0.x writes a row for every failed attempt, from the first on; 1.0.120 and 2.1.330 write none."""
    if row.get("type") != "system" or row.get("subtype") != "api_error":
        return None
    attempt, most, wait_ms = row.get("retryAttempt"), row.get("maxRetries"), row.get("retryInMs")
    if not isinstance(attempt, int) or not isinstance(most, int) or not isinstance(wait_ms, (int, float)):
        return None
    if max(abs(attempt), abs(most)) > _MOST_ATTEMPTS or not 0 <= wait_ms <= _LONGEST_MS:
        return None  # also for NaN
    error = row.get("error")
    status = error.get("status") if isinstance(error, dict) else None
    known = isinstance(status, int) and 400 <= status <= 599
    return Retry(attempt, most, wait_ms / 1000, status if known else None)


def request_id(row: Row) -> str | None:
    """The client's own id of one attempt of the conversation to reach the API; a retry has a new one.

    2.1.330 writes such a row for every attempt; a sub-agent's or a title's say another `querySource`.
    """
    if row.get("type") != "api-request" or row.get("querySource") != "repl_main_thread":
        return None
    value = row.get("id")
    return value if isinstance(value, str) else None


def is_progress(row: Row) -> bool:
    """A piece of a real answer of the model: the API works. What /compact gets is the summary alone."""
    model = _message(row).get("model")
    answered = row.get("type") == "assistant" and isinstance(model, str) and model != SYNTHETIC
    return answered or (row.get("type") == "user" and row.get("isCompactSummary") is True)


def is_interrupted(row: Row) -> bool:
    """The user has stopped the client's work. Written by 1.0.120 and 2.0.60; 2.1.330 takes a prompt without
    any answer back into its input box and writes nothing."""
    texts = [str(block.get("text", "")) for block in _blocks(row)]
    return row.get("type") == "user" and any(text.startswith(_INTERRUPTED) for text in texts)


def is_request(row: Row) -> bool:
    """Something that the client sends to the API at once: a prompt, or the result of a tool."""
    return row.get("type") == "user" and row.get("isMeta") is not True and not is_interrupted(row)


def is_prompt(row: Row) -> bool:
    """The user said something; not a tool's result, and not what the client says in the user's name."""
    if row.get("type") != "user" or row.get("isMeta") is True or row.get("isCompactSummary") is True:
        return False
    if isinstance(_message(row).get("content"), str):
        return True
    kinds = {block.get("type") for block in _blocks(row)}
    return bool(kinds) and "tool_result" not in kinds


def tools_called(row: Row) -> list[str]:
    """Ids of the tool calls in an answer; the row is written before the tool runs, or asks for permission."""
    return list(_ids(row, "assistant", "tool_use", "id"))


def tools_finished(row: Row) -> list[str]:
    """Ids of the tool calls whose result is in the row."""
    return list(_ids(row, "user", "tool_result", "tool_use_id"))


def is_in_background(row: Row) -> bool:
    """The result in the row is that a command or a sub-agent was put into the background."""
    result = row.get("toolUseResult")
    return isinstance(result, dict) and bool(result.get("backgroundTaskId") or result.get("isAsync") is True)


def background_finished(row: Row) -> list[str]:
    """Ids of the tool calls whose work in the background the row says is over (2.1)."""
    content = row.get("content") if row.get("type") == "queue-operation" else _message(row).get("content")
    said = row.get("type") in ("user", "queue-operation") and isinstance(content, str)
    return _TASK_OVER.findall(str(content)) if said and str(content).startswith("<task-notification>") else []


def _ids(row: Row, row_type: str, block_type: str, key: str) -> Iterator[str]:
    if row.get("type") == row_type:
        for block in _blocks(row):
            value = block.get(key)
            if block.get("type") == block_type and isinstance(value, str):
                yield value


def _message(row: Row) -> Row:
    message = row.get("message")
    return message if isinstance(message, dict) else {}


def _blocks(row: Row) -> list[Row]:
    content = _message(row).get("content")
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
