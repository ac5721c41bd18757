"""Errors as programs write them: rows of `--output-format stream-json`, of a transcript, the payload of a
hook, the body of an answer of the API. Measured on 2.0.60, 2.1.132 and 2.1.330; unknown rows say nothing."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cc_guard.channels import facts
from cc_guard.incident.record import Phase


@dataclass(frozen=True, slots=True)
class Said:
    """What one row says: a sentence, or at least a `word` for the kind of error, such as `rate_limit`."""

    text: str
    form: str
    phase: Phase = "failed"
    word: str | None = None
    status: int | None = None
    request_id: str | None = None
    attempt: int | None = None
    max_attempts: int | None = None
    retry_in_s: float | None = None


def read(text: str) -> list[Said] | None:
    """The errors in a text that is JSON, or JSON lines, as a whole; None when it is something else."""
    text = text.strip()
    if not text or text[0] not in "{[":
        return None
    whole = _parsed(text) or _parsed(text.replace("\n", ""))
    if whole is not None:
        items = whole if isinstance(whole, list) else [whole]
        return [said for item in items if isinstance(item, dict) and (said := _said(item) or _body(item))]
    lines = [line for line in text.split("\n") if line.strip()]
    found = [_parsed(line) for line in lines]
    if sum(isinstance(item, dict) for item in found) * 2 > len(lines):
        return [said for item in found if isinstance(item, dict) and (said := _said(item))]
    return None


def client_row(line: str) -> Said | None:
    """The error in one line among others, when it is a row that the client wrote."""
    row = _parsed(line)
    return _said(row) if isinstance(row, dict) else None


def _parsed(text: str) -> Any:
    if not text.rstrip().endswith(("}", "]")):
        return None
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _said(row: facts.Row) -> Said | None:
    """A row of the client's own."""
    if facts.is_api_error(row) or (row.get("isApiErrorMessage") is True and facts.error_text(row)):
        return Said(
            facts.error_text(row),
            "json.transcript",
            word=_text(row.get("error")),
            status=_int(row.get("apiErrorStatus")),
            request_id=_text(row.get("requestId")),
        )
    if row.get("type") == "system" and row.get("subtype") == "api_error":
        retry = facts.retry(row)
        return Said(
            " ".join(_texts(row.get("error"))),
            "json.transcript.retry",
            "retrying",
            status=retry.http_status if retry else None,
            attempt=retry.attempt if retry else None,
            max_attempts=retry.max_attempts if retry else None,
            retry_in_s=retry.retry_in_s if retry else None,
        )
    if row.get("type") == "system" and row.get("subtype") == "api_retry":
        delay = row.get("retry_delay_ms")
        return Said(
            " ".join(_texts(row.get("error_message"))),
            "json.stream.retry",
            "retrying",
            word=_text(row.get("error")),
            status=_int(row.get("error_status")),
            attempt=_int(row.get("attempt")),
            max_attempts=_int(row.get("max_retries")),
            retry_in_s=delay / 1000
            if isinstance(delay, (int, float)) and not isinstance(delay, bool)
            else None,
        )
    if row.get("type") == "result" and row.get("is_error") is True:
        return Said(
            _text(row.get("result")) or "", "json.stream.result", status=_int(row.get("api_error_status"))
        )
    if row.get("hook_event_name") == "StopFailure":
        text = _text(row.get("last_assistant_message")) or _text(row.get("error_details")) or ""
        return Said(text, "json.hook", word=_text(row.get("error")))
    if "timestamp" in row and isinstance(row.get("error"), str) and "makeRequest" in row["error"]:
        return Said(row["error"].partition("\n")[0].removeprefix("Error: "), "json.report")
    return None


def _body(row: facts.Row) -> Said | None:
    """The body of an answer: `{"type":"error","error":{"type":…,"message":…}}`, or a gateway's."""
    error = row.get("error")
    if not isinstance(error, dict):
        return None
    text = json.dumps({"type": "error", "error": error}, ensure_ascii=False)
    return Said(text, "json.body", request_id=_text(row.get("request_id")))


def _texts(value: Any, depth: int = 0) -> Iterable[str]:
    """All texts in a nested error, its code and message among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and depth < 6:
        for key, item in value.items():
            if key not in ("headers", "stack", "requestID", "request_id"):
                yield from (f"({text})" if key == "code" else text for text in _texts(item, depth + 1))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
