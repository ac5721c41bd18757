"""An explanation as a JSON document and as a page for people."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cc_guard.explain.advice import Advice
from cc_guard.explain.recognise import Found
from cc_guard.incident.record import Kind
from cc_guard.redact import redact

_LONGEST_TEXT = 2_000

_KINDS: dict[Kind, str] = {
    "connection": "No connection to the API",
    "timeout": "No answer in time",
    "stall": "The answer is slow, or stopped",
    "tls": "No trusted encrypted connection",
    "proxy": "A proxy or gateway is in the way",
    "server_error": "The API, or a gateway before it, failed",
    "overloaded": "The API is overloaded",
    "rate_limit": "Too many requests",
    "usage_limit": "A usage limit is reached",
    "auth": "The API refuses the login",
    "bad_request": "The API refuses the request",
    "too_large": "The request is too large",
}
_PHASES = {
    "waiting": "the client still waits, nothing has failed",
    "retrying": "the client is retrying",
    "failed": "the client has given up",
    "cleared": "it is over",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """`file` is the user's signatures file when the entry that decided is from there."""

    found: Found
    advice: list[Advice]
    platform: str
    file: str | None

    @property
    def kind(self) -> Kind:
        assert self.found.reading.kind is not None
        return self.found.reading.kind

    @property
    def headline(self) -> str:
        if self.found.form.startswith("fragment.") and self.found.phase == "failed":
            return f"{_KINDS[self.kind]}."  # a piece does not say what the client does
        return f"{_KINDS[self.kind]}; {_PHASES[self.found.phase]}."

    @property
    def text(self) -> str:
        text = redact(self.found.text)
        return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def document(explanation: Explanation | None, summary: str = "") -> dict[str, Any]:
    """The same keys in every case; `summary` is what to say when nothing was recognised."""
    if explanation is None:
        keys = (
            "kind", "phase", "code", "http_status", "attempt", "max_attempts", "retry_in_s", "request_id",
            "signature", "signature_file", "form", "text", "platform",
        )  # fmt: skip
        return dict.fromkeys(keys) | {"summary": summary, "causes": []}
    found, reading = explanation.found, explanation.found.reading
    return {
        "kind": reading.kind,
        "phase": found.phase,
        "code": reading.code,
        "http_status": reading.http_status,
        "attempt": found.attempt,
        "max_attempts": found.max_attempts,
        "retry_in_s": None if found.retry_in_s is None else round(found.retry_in_s, 3),
        "request_id": reading.request_id,
        "signature": reading.signature or found.form,
        "signature_file": explanation.file,
        "form": found.form,
        "text": explanation.text,
        "platform": explanation.platform,
        "summary": f"{explanation.headline} {reading.says}".strip(),
        "causes": [
            {"cause": a.cause, "title": a.title, "why": a.why, "check": a.check, "fix": a.fix}
            for a in explanation.advice
        ],
    }


def page(explanation: Explanation, width: int, style: Callable[[str, str], str]) -> str:
    """`style` colours a text by an SGR number, or does not."""
    found, reading = explanation.found, explanation.found.reading
    lines = [style(explanation.headline, "1")]
    if reading.says:
        lines += _wrapped(reading.says, width)
    facts = [
        ("HTTP status", reading.http_status),
        ("code", None if reading.code == str(reading.http_status) else reading.code),
        ("attempt", f"{found.attempt} of {found.max_attempts}" if found.attempt is not None else None),
        ("next try", f"in {found.retry_in_s:g} s" if found.retry_in_s is not None else None),
        ("request id", reading.request_id),
    ]
    lines += [""] + [f"  {name:12}{value}" for name, value in facts if value is not None]
    if lines[-1]:
        lines.append("")
    lines.append("What can be behind it, likely causes first:")
    for number, advice in enumerate(explanation.advice, 1):
        lines.append("")
        lines.append(f"{number:2}. {style(advice.title, '1')} ({advice.cause})")
        lines += [f"    {line}" for line in _wrapped(advice.why, width - 4)]
        # Commands stay on one line each, for copying.
        lines.append(f"    {style('check', '36')}  {advice.check}")
        lines.append(f"    {style('fix', '32')}    {advice.fix}")
    matched = " + ".join(dict.fromkeys(filter(None, (found.form, reading.signature))))
    where = f", {explanation.file}" if explanation.file else ""
    lines += ["", style(f"Recognised by {matched}{where}", "2")]
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 30), break_long_words=False, break_on_hyphens=False)
