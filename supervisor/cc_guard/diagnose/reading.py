"""What an HTTP answer says about who gave it, and no more than that: bodies are not kept."""

import html
import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Literal
from urllib.parse import urlsplit

from cc_guard.diagnose.exchange import Answer
from cc_guard.redact import redact

BodyKind = Literal["html", "json", "text", "empty"]

_OF_INTEREST = (
    "server",
    "retry-after",
    "date",
    "request-id",
    "x-request-id",
    "cf-ray",
    "cf-mitigated",
    "content-type",
    "location",
    "via",
    "x-should-retry",
)
_LONGEST = 200  # characters of a header or a title


def headers(answer: Answer) -> dict[str, str]:
    found = {name: answer.headers[name] for name in _OF_INTEREST if name in answer.headers}
    if "location" in found:
        found["location"] = _place(found["location"])
    return {name: _plain(value) for name, value in found.items()}


def body_kind(answer: Answer) -> BodyKind:
    """By what it says it is, or looks like; without a body, by what it says alone."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    start = answer.body[:500].lstrip().lower()
    if kind in ("text/html", "application/xhtml+xml") or start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if kind.endswith("json") or (start[:1] in (b"{", b"[") and _json(answer.body) is not None):
        return "json"
    return "text" if start or kind.startswith("text/") else "empty"


def title(answer: Answer) -> str | None:
    """The HTML title, plain."""
    found = re.search(rb"(?is)<title[^>]*>(.*?)</title>", answer.body)
    if not found:
        return None
    return _plain(" ".join(html.unescape(found[1].decode("utf-8", "replace")).split())) or None


def text(answer: Answer) -> str | None:
    """The first line of a plain body, such as Envoy's `no healthy upstream`."""
    if body_kind(answer) != "text":
        return None
    lines = answer.body.decode("utf-8", "replace").strip().splitlines()
    return _plain(lines[0]) if lines else None


def error(answer: Answer) -> tuple[str | None, str | None]:
    """`error.type` and `error.message` of the API's JSON (docs.claude.com/en/api/errors)."""
    found = _json(answer.body)
    inner = found.get("error") if isinstance(found, dict) else None
    if not isinstance(inner, Mapping):
        return None, None
    kind, message = inner.get("type"), inner.get("message")
    return (
        _plain(kind) if isinstance(kind, str) else None,
        _plain(message) if isinstance(message, str) else None,
    )


def request_id(answer: Answer) -> str | None:
    names = ("request-id", "x-request-id", "x-amzn-requestid", "cf-ray")
    return next((_plain(answer.headers[name]) for name in names if name in answer.headers), None)


def retry_after(answer: Answer) -> float | None:
    """In seconds (RFC 9110, section 10.2.3); a date is measured from the answer's own."""
    value = answer.headers.get("retry-after", "")
    try:
        return float(value)
    except ValueError:
        pass
    then, now = _date(value), _date(answer.headers.get("date", ""))
    return None if then is None or now is None else max(0.0, then - now)


def skew(answer: Answer) -> float | None:
    """How much the server's clock is ahead of this one, in seconds. `Date` is cut to whole seconds (RFC 9110,
    section 5.6.7), which half a second makes good."""
    then = _date(answer.headers.get("date", ""))
    return None if then is None or not answer.date_at else round(then + 0.5 - answer.date_at, 1)


def redirect(answer: Answer) -> str | None:
    """Where a 3xx leads; without its query, which may hold a session."""
    if answer.status is None or not 300 <= answer.status < 400 or "location" not in answer.headers:
        return None
    return _plain(_place(answer.headers["location"]))


def _place(location: str) -> str:
    try:
        parts = urlsplit(location)
        host = f"//{parts.hostname}" if parts.hostname else ""
    except ValueError:
        return "not a URL"
    scheme = f"{parts.scheme}:" if parts.scheme else ""
    return f"{scheme}{host}{parts.path}"


def _plain(value: str) -> str:
    return redact("".join(c if c.isprintable() else " " for c in value[:_LONGEST])).strip()


def _date(value: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
