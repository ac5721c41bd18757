"""Masks secrets in text that is stored or shown. In doubt it masks: a lost word costs less than a leaked key.

Two kinds of rule: by name (what stands after `Authorization:`, `?key=`, `NAME_TOKEN=`) and by look (known
prefixes, and long runs that read like random base64). UUIDs stay: session ids are UUIDs and no secret.
"""

import itertools
import re

MASK = "***"

_SECRET = r"(?:api_?-?key|access_?-?key|secret|token|password|passwd|credential|authorization|cookie)"
_VALUE = r"[^\s\"'&;,]+"

_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # user:pass@ in a URL; the second form has an unescaped / in the password, which is no port number.
        (r"(://)[^\s/?#]{1,300}@", rf"\1{MASK}@"),
        (r"(://)[^\s/@:\[]{1,200}:(?!\d*[/?#])[^\s@]{1,200}@", rf"\1{MASK}@"),
        # `code` is a secret only in the address an OAuth log-in comes back to, so only in a query.
        (rf"(?i)([?&#][\w.-]{{0,60}}(?:key|sig|signature|auth|pass|code|{_SECRET})=){_VALUE}", rf"\1{MASK}"),
        # A header takes the whole rest of its line.
        (r"(?i)\b((?:authorization|x-api-key|cookie)[\"']?[ \t]*:[ \t]*)[^\r\n]+", rf"\1{MASK}"),
        (rf"(?i)\b(bearer)\s+{_VALUE}", rf"\1 {MASK}"),
        (rf"(?i)([\w-]{{0,60}}{_SECRET}[\"']?[ \t]?=[ \t]?[\"']?){_VALUE}", rf"\1{MASK}"),
        (r"([A-Z0-9_]{0,60}(?:KEY|TOKEN|SECRET|PASSWORD):[ \t]*[\"']?)" + _VALUE, rf"\1{MASK}"),
        (rf"(?i)([\"'][\w-]{{0,60}}{_SECRET}[\"'][ \t]*:[ \t]*[\"'])[^\"']+", rf"\1{MASK}"),
        (r"\b(sk-ant-|sk-|gh[opusr]_|github_pat_|xox[abprs]-|AKIA)[A-Za-z0-9_-]{6,}", rf"\1{MASK}"),
        # A JSON Web Token: base64 of `{"`, and its parts.
        (r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}", MASK),
    )
)

_NAME = re.compile(rf"(?i){_SECRET}$")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# The share of characters that differ in class (upper, lower, digit) from the one before; a small letter after
# a capital does not count. Measured over 20,000 random tokens of 32 characters, 1st percentile: base64 0.22,
# hex 0.25. Of 7,125 file paths one reaches 0.2 (a hash in its name), of 20,359 lines of code and prose three.
_CHURN = 0.2


def redact(text: str) -> str:
    """`text` with every secret replaced by `***`."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _RUN.sub(_mask_random, text)


def is_secret_name(name: str) -> bool:
    """Whether a value of this name (`ANTHROPIC_AUTH_TOKEN`, `x-api-key`) is a secret, whatever it is."""
    return _NAME.search(name) is not None


def _mask_random(match: re.Match[str]) -> str:
    run = match.group()
    rest = _UUID.sub("", run)
    return MASK if len(rest) >= 32 and _looks_random(rest) else run


def _looks_random(run: str) -> bool:
    kinds = [_kind(c) for c in run]
    changes = sum(bool(a and b and a != b and a + b != "Aa") for a, b in itertools.pairwise(kinds))
    return changes >= _CHURN * sum(map(bool, kinds))


def _kind(c: str) -> str:
    return "0" if c.isdigit() else "A" if c.isupper() else "a" if c.islower() else ""
