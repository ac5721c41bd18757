"""A paste that is nothing but a piece of an error: a code, a status, a few words."""

import re

from cc_guard.detect.signatures import Failure, Signatures

_MOST = 700  # characters
_MOST_ROWS = 6

_QUOTES = "\"'`“”‘’*「」"
_OPENING = re.compile(
    rf"^[\s{_QUOTES}#>-]*"
    r"(?:\[[\w ./-]{1,24}\]\s*[-:–]?\s*)?"  # [BUG]
    rf"(?:(?:[Ee]rror|ERROR|[Cc]laude|[\w ]{{0,40}}\b[Mm]essage|Output)\s?: )?[{_QUOTES}]*",
)
_BULLET_INSIDE = re.compile(r"^[^\n]{0,80}?\s[⎿●⏺✻]\s+(?=\S)")
_CODE = re.compile(
    r"^(?:\w{0,20}Error ?[:(] ?)?"
    r"(?:(?:read|write|connect|getaddrinfo|code|cause|errno|reason|error)[:=]? ?['\"]?){0,3}"
    r"[('\"]?(?P<code>[A-Z][A-Za-z0-9_]{3,})[)'\",;]*"
    r"(?:[ (]*(?:-|Local|[\w-]*[.:\d][\w.:-]*)[,)]*){0,4}$"
)
_STATUS = re.compile(
    r"^(?:(?:HTTP(?:/[\d.]+)?|API|[Ee]rror|[Ss]tatus|[Cc]ode)[: ]*){0,3}"
    r"\(?(?P<status>[45]\d\d)\)?(?P<rest>[ :,-].*)?$"
)
_STATUS_ENTRY = Failure("fragment.status", _STATUS)
_CODE_ENTRY = Failure("fragment.code", _CODE)


def is_short(text: str) -> bool:
    text = text.strip()
    return len(text) <= _MOST and sum(1 for line in text.split("\n") if line.strip()) <= _MOST_ROWS


def unquoted(text: str) -> str:
    """Without what people put before an error: quotes, `[BUG]`, `Error:`, the prompt that led to it."""
    text = text.strip()
    if text.count("\n") == 0:
        text = _BULLET_INSIDE.sub("", text)
    return "\n".join(_OPENING.sub("", line, count=1).rstrip(_QUOTES + " ") for line in text.split("\n"))


def bare(text: str) -> str:
    return _OPENING.sub("", text, count=1).rstrip(_QUOTES + " .!…")


def recognise(line: str, signatures: Signatures) -> Failure | None:
    """The entry that says that the whole `line` is a piece of an error."""
    code = _CODE.match(line)
    if code and code["code"] in signatures.codes:
        return _CODE_ENTRY
    status = _STATUS.match(line)
    if status and _is_reason((status["rest"] or "").strip(" :,-"), int(status["status"]), signatures):
        return _STATUS_ENTRY
    return next((entry for entry in signatures.fragments if entry.pattern.match(line)), None)


def _is_reason(text: str, status: int, signatures: Signatures) -> bool:
    if not text:
        return True
    from http import HTTPStatus

    try:
        phrase = HTTPStatus(status).phrase.lower()
    except ValueError:
        phrase = None
    return (
        text.lower() == phrase
        or text[0] in "{<"
        or any(entry.pattern.match(text) for entry in signatures.fragments)
        or (len(text) <= 80 and any(meaning.pattern.match(text) for meaning in signatures.meanings))
    )
