"""Secrets out of a terminal's output, its layout kept: a `*` for every column of a secret.

Two kinds: the values that a Masker is given (secret_values.py), and what looks like a known token. Of a value
every run of 8 consecutive characters is masked, whatever stands between them that draws nothing: escape
sequences, line breaks, indentation, the sides of a box. Of one of 6 or 7 characters only the whole is.

All on bytes, because that is how output comes; a multi-byte character is masked as a whole or not at all.
"""

import re
import unicodedata
from collections.abc import Iterable

from cc_guard.guard.secret_values import SHORTEST

AHEAD = 32
"""What comes later can't change what is masked before its last so many drawn bytes."""
BEFORE = 4096
"""A secret may have begun so many bytes before what is masked."""

_RUN = 8
_SEED = 4
# In so many bytes, more than a client draws at once, every secret is found. In more, as of `cat`, it is found
# by four of its bytes in a row: of less than 15 that are broken in two, they may be on neither side.
_LITTLE = 64 * 1024
_NEAR = 512  # bytes around those four

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


class Masker:
    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({drawn(secret.encode(errors="replace")) for secret in secrets})
        self._seeds: dict[bytes, list[tuple[bytes, int]]] = {}
        for secret in known:
            if len(secret) >= SHORTEST:
                for at in _seeds(secret):
                    self._seeds.setdefault(secret[at : at + _SEED], []).append((secret, at))
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
        little = len(data) <= _LITTLE
        token_ends = searched = 0
        for hint in self._hints.finditer(data):
            at = hint.end()
            if at > token_ends and (token := _token(data, at)) is not None:
                token_ends = token.end()
                hidden += _visible(data, *token.span(token.lastgroup or 0))
            if not little and at > searched and data[at - _SEED : at] in self._seeds:
                searched = at + _NEAR // 2
                hidden += self._secrets(data, max(at - _NEAR, 0), at + _NEAR)
        if little and self._seeds:
            hidden += self._secrets(data, 0, len(data))
        return hidden

    def _secrets(self, data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
        part = data[start:end]
        for first, last in _in_data(part, self._runs(drawn(part))):
            yield start + first, start + last

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
    """Offsets of four bytes each, so that every run that is to be masked covers one of them. Four times the
    same byte (a line of dashes in a key file) are none."""
    run = min(_RUN, len(secret))
    at = 0
    while at + run <= len(secret):
        starts = range(at, at + run - _SEED + 1)
        telling = [start for start in starts if len(set(secret[start : start + _SEED])) > 1]
        if telling:
            at = max(telling, key=lambda start: _rarity(secret[start + _SEED - 1]))
            yield at
        at += 1


def _rarity(byte: int) -> int:
    rank = _FREQUENT.find(byte)
    return rank if rank >= 0 else len(_FREQUENT)


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
