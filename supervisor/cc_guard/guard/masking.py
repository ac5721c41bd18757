"""Secrets out of a terminal's output, its layout kept: a `*` for every column of a secret.

Two kinds: what the environment says is one (`secrets_of`), and what looks like a known token. Of the first
kind every run of 8 consecutive characters is masked, whatever stands between them that draws nothing: escape
sequences, line breaks, indentation, the sides of a box. Of a value of 6 or 7 characters only the whole is,
and shorter ones stay: they are words as well.

All on bytes, because that is how output comes; a multi-byte character is masked as a whole or not at all.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from cc_guard.redact import is_secret_name

AHEAD = 32
"""What comes later can't change what is masked before its last so many drawn bytes."""
BEFORE = 4096
"""A secret may have begun so many bytes before what is masked."""

_RUN = 8
_SHORTEST = 6
_SEED = 4
_LITTLE = 64 * 1024  # bytes; no client draws as much at once, but `cat` does

_CSI = rb"\x1b\[[0-?]*[ -/]*[@-~]"
_CSI_ENDS = re.compile(_CSI + rb"\Z")
_SEQUENCE = re.compile(_CSI)
_SIDE = "│".encode()
_UNDRAWN = bytes(range(0x21)) + b"\x7f|"
_GAP = re.compile(rb"(?:%s|[\x00-\x20\x7f|]|%s)+" % (_CSI, _SIDE))

# The tokens of redact.py. One that is wider than the window goes on behind a line break, in what is no word.
_WRAPPED = (
    rb"(?:(?:[ |]|%s)*(?:[\r\n]|\x1b\[[0-9;]*[A-Hf])(?:%s|[\x00-\x20|]|%s)*"
    rb"(?=[A-Za-z_.-]*[0-9])(?=[0-9_.-]*[A-Za-z])[A-Za-z0-9_.-]{8,})*"
) % (_SIDE, _CSI, _SIDE)
_TOKEN = re.compile(
    rb"(?:(?:sk-ant-|gh[opusr]_|github_pat_|xox[abprs]-|AKIA)(?P<short>[A-Za-z0-9_-]{6,}%(wrapped)s)"
    rb"|sk-(?P<long>[A-Za-z0-9_-]{16,}%(wrapped)s)"
    rb"|(?P<jwt>eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}%(wrapped)s))"
    rb"|://[^\x00-\x20/?#@:]{0,200}:(?P<password>[^\x00-\x20/?#@]{1,200})(?=@)" % {b"wrapped": _WRAPPED}
)
# Where one may be: a byte of its beginning that is rare in text, and what stands around that byte.
_TOKEN_HINTS = {
    0x2D: rb"(?<=sk-)|(?<=xox[abprs]-)",
    0x5F: rb"(?<=gh[opusr]_)|(?<=github_pat_)",
    0x4A: rb"(?<=eyJ)",
    0x4B: rb"(?<=AK)(?=IA)",
    0x3A: rb"(?=//)",
}
_HINTS_AT = (1, 2, 3, 4, 5, 11)  # so many bytes into the token the hint ends

# Bytes of text and code, the most frequent first; what is missing is rarer.
_FREQUENT = b" etaoinsrhldcumfpgwyb_.,v0=()'\"-/:1k2x3;[]mSTAECIRNDOPLjqz"

_FLAGGED = re.compile(b"\1+")

_NAME = re.compile(
    r"(?i)(?:(?:^|[_-])(?:KEY|TOKEN|SECRETS?|PASS|PASSWORDS?|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|PAT)"
    r"|[_-]PWD|APIKEY)(?:[_-]?\d+)?$|SECRET|PASSWORD"
)
# The second form is for an unescaped / in the password, which is no port number.
_USERINFO = re.compile(r"://(?:([^\s/?#]{1,300})|([^\s/@:\[]{1,200}:(?!\d*[/?#])[^\s@]{1,200}))@")
_HEADERS = re.compile(r"(?i)[_-]HEADERS$")
_OWN = "CC_GUARD_"


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Values that must not be shown: of variables whose names say so, and what stands before the @ of a URL.

    A path of an existing file is none (`SSH_KEY=/home/me/.ssh/id`), whatever the variable is called.
    """
    found: set[str] = set()
    for name, value in environ.items():
        if name.upper().startswith(_OWN):
            continue
        if _HEADERS.search(name):
            found.update(_of_headers(value))
        elif (is_secret_name(name) or _NAME.search(name)) and not _is_file(value):
            found.add(value.strip())
        if "://" in value and "@" in value:
            found.update(_of_urls(value))
    return sorted(secret for secret in found if len(secret) >= _SHORTEST)


def _is_file(value: str) -> bool:
    try:
        return os.path.isabs(os.path.expanduser(value)) and os.path.exists(os.path.expanduser(value))
    except ValueError:
        return False


def _of_headers(value: str) -> Iterable[str]:
    """`Name: value` a line, or `name=value` with commas between; of `Bearer x` it is the x."""
    for item in re.split(r"[,\n]", value):
        name, *rest = re.split(r"[:=]", item, maxsplit=1)
        if rest and (is_secret_name(name.strip()) or _NAME.search(name.strip())):
            yield from rest[0].split()[-1:]


def _of_urls(value: str) -> Iterable[str]:
    for match in _USERINFO.finditer(value):
        user, colon, password = (match[1] or match[2]).partition(":")
        secret = password if colon else user
        yield from (secret, unquote(secret))
        if colon:
            yield f":{password}@"  # a short one is masked only where it stands in its URL


class Masker:
    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({drawn(secret.encode(errors="replace")) for secret in secrets})
        self._seeds: dict[bytes, list[tuple[bytes, int]]] = {}
        for secret in known:
            if len(secret) >= _SHORTEST:
                for at in _seeds(secret):
                    self._seeds.setdefault(secret[at : at + _SEED], []).append((secret, at))
        # When a longer one is wrapped, 8 bytes in a row are left on one of the lines.
        self._wraps_small = any(_SHORTEST <= len(secret) < 2 * _RUN - 1 for secret in known)
        self._hints = _hints(self._seeds)

    def mask(self, pieces: list[bytes], before: bytes = b"") -> list[bytes]:
        """`pieces` of one stream; `before` is what came right before them, unmasked."""
        data = b"".join([before[-BEFORE:], *pieces])
        hidden = self._hidden(data)
        if not hidden:
            return pieces
        flags = bytearray(len(data))
        for start, end in hidden:
            flags[start:end] = b"\1" * (end - start)
        masked = []
        at = len(data) - sum(map(len, pieces))
        for piece in pieces:
            masked.append(_starred(data, flags, at, at + len(piece)))
            at += len(piece)
        return masked

    def mask_text(self, text: str) -> str:
        return self.mask([text.encode(errors="replace")])[0].decode(errors="replace")

    def _hidden(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets are, as ranges of `data`."""
        hidden: list[tuple[int, int]] = []
        seeded = len(data) <= _LITTLE or self._wraps_small
        done = 0
        for hint in self._hints.finditer(data):
            if hint.start() >= done and (token := _token(data, hint.end())) is not None:
                done = token.end()
                hidden += _visible(data, *token.span(token.lastgroup or 0))
            seeded = seeded or data[hint.end() - _SEED : hint.end()] in self._seeds
        if self._seeds and seeded:
            hidden += _in_data(data, self._runs(drawn(data)))
        return hidden

    def _runs(self, shown: bytes) -> list[tuple[int, int]]:
        """Where 8 consecutive characters of a secret are, or all of a shorter one."""
        found = []
        for hint in self._hints.finditer(shown):
            at = hint.end() - _SEED
            for secret, offset in self._seeds.get(shown[max(at, 0) : hint.end()], ()):
                start, end = _extended(shown, at, secret, offset)
                if end - start >= min(_RUN, len(secret)):
                    found.append(_whole_characters(shown, start, end))
        return found


def _hints(seeds: Iterable[bytes]) -> re.Pattern[bytes]:
    """Finds the last byte of every seed, and the tokens'. Built so that the search runs from one of these
    bytes to the next; it takes a third of the time that a look at every byte would."""
    around = dict(_TOKEN_HINTS)
    for seed in seeds:
        others = around.get(seed[-1])
        around[seed[-1]] = (others + b"|" if others else b"") + b"(?<=%s)" % re.escape(seed)
    return re.compile(b"|".join(b"\\x%02x(?:%s)" % item for item in around.items()))


def drawn(data: bytes) -> bytes:
    """Without what draws nothing and what may stand between two parts of a wrapped line."""
    if b"\x1b" in data:
        data = _SEQUENCE.sub(b"", data)
    return data.translate(None, _UNDRAWN).replace(_SIDE, b"")


def _seeds(secret: bytes) -> Iterable[int]:
    """Offsets of four bytes each, so that every run that is to be masked covers one of them. A run of one
    character (a line of dashes in a key file) is not a secret."""
    run = min(_RUN, len(secret))
    at = 0
    while at + run <= len(secret):
        starts = range(at, at + run - _SEED + 1)
        best = max(starts, key=lambda start: _telling(secret[start : start + _SEED]))
        if len(set(secret[best : best + _SEED])) > 1:
            yield best
        at = best + 1


def _telling(seed: bytes) -> tuple[bool, int]:
    """Ends with a byte that is rare in text."""
    rank = _FREQUENT.find(seed[-1:])
    return len(set(seed)) > 1, rank if rank >= 0 else len(_FREQUENT)


def _extended(shown: bytes, at: int, secret: bytes, offset: int) -> tuple[int, int]:
    """The whole run of `secret` around its `offset`, which is at `at` in `shown`."""
    start, end = at, at + _SEED
    while start > 0 and offset > 0 and shown[start - 1] == secret[offset - 1]:
        start, offset = start - 1, offset - 1
    left = len(secret) - offset - (end - start)
    while left > 0 and end < len(shown) and shown[end] == secret[-left]:
        end, left = end + 1, left - 1
    return start, end


def _whole_characters(shown: bytes, start: int, end: int) -> tuple[int, int]:
    while start < end and shown[start] & 0xC0 == 0x80:
        start += 1
    while start < end < len(shown) and shown[end] & 0xC0 == 0x80:
        end -= 1
    return start, end


def _in_data(data: bytes, runs: list[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Ranges of `drawn(data)` as ranges of `data`."""
    if not runs:
        return
    left = _united(runs)
    at = passed = 0  # in data, and in what is drawn
    for gap in (*_GAP.finditer(data), None):
        until = gap.start() if gap else len(data)
        while left and left[-1][0] < passed + until - at:
            start, end = left.pop()
            yield at + start - passed, min(at + end - passed, until)
            if end > passed + until - at:
                left.append((passed + until - at, end))
        if gap is None or not left:
            return
        passed += until - at
        at = gap.end()


def _united(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without overlaps, the last first."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if united and start <= united[-1][1]:
            united[-1] = united[-1][0], max(end, united[-1][1])
        elif start < end:
            united.append((start, end))
    return united[::-1]


def _token(data: bytes, hint: int) -> re.Match[bytes] | None:
    """The token that a hint, which ends at `hint`, is about; its group is what is to be masked."""
    for ahead in _HINTS_AT:
        if hint >= ahead and (ahead == 1 or _begins_word(data, hint - ahead)):
            token = _TOKEN.match(data, hint - ahead)
            if token is not None and (ahead == 1) == (token.lastgroup == "password"):
                return token
    return None


def _begins_word(data: bytes, at: int) -> bool:
    """Not the end of `task-force`; the m of a colour is no letter."""
    return not data[at - 1 : at].isalnum() or _CSI_ENDS.search(data, max(at - 32, 0), at) is not None


def _visible(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """The range without its gaps."""
    for gap in _GAP.finditer(data, start, end):
        yield start, gap.start()
        start = gap.end()
    yield start, end


def _starred(data: bytes, flags: bytearray, at: int, until: int) -> bytes:
    """A piece of `data`, with stars for what is flagged."""
    parts = []
    for hidden in _FLAGGED.finditer(flags, at, until):
        parts += [data[at : hidden.start()], b"*" * _columns(data, *hidden.span())]
        at = hidden.end()
    return b"".join([*parts, data[at:until]])


def _columns(data: bytes, start: int, end: int) -> int:
    """How wide a terminal draws it. A character that is cut counts where it begins."""
    while start < end and data[start] & 0xC0 == 0x80:
        start += 1
    while start < end < len(data) and data[end] & 0xC0 == 0x80:
        end += 1
    width = 0
    for character in data[start:end].decode(errors="ignore"):
        if not unicodedata.combining(character):
            width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return width
