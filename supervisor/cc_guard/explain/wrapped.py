"""Rows of one sentence back into one line. A terminal, the client or a mail program may have broken it
anywhere, also inside a word; whether a blank stood at the break can't be seen, so known words decide."""

import re
from collections.abc import Iterable

from cc_guard.detect.signatures import Signatures

_LONGEST_WORD = 60
_ENDS_OPEN = re.compile(r"[_/({\[\"']$|\breq_\w*$|[\w.]-$")
_BEGINS_CLOSED = re.compile(r"[)\]},.;:!?…%'\"/_]")
_LAST_WORD = re.compile(r"[A-Za-z_]+$")
_FIRST_WORD = re.compile(r"[A-Za-z_]+")
_ESCAPED = re.compile(r"\\.|\(\?P<\w+>|\(\?[a-z]+\)")


class Joiner:
    """Joins rows by the words that the signatures know."""

    def __init__(self, signatures: Signatures) -> None:
        s = signatures
        patterns = [entry.pattern for entry in (*s.retries, *s.waits)]
        patterns += [entry.pattern for entry in (*s.failures, *s.fragments)]
        patterns += [meaning.pattern for meaning in s.meanings]
        wordings = " ".join(_ESCAPED.sub(" ", pattern.pattern) for pattern in patterns)
        self._words = {word.lower() for word in re.findall(r"[A-Za-z_]{2,}", wordings)}
        self._words |= {"request_id", "message", "type", "details", "null", "status", "temporary"}
        self._words |= {"https_proxy", "http_proxy", "anthropic_base_url"}
        self._beginnings = {word[:n] for word in self._words for n in range(2, len(word) + 1)}
        self._codes = {code[:n] for code in signatures.codes for n in range(2, len(code) + 1)}

    def join(self, texts: Iterable[str]) -> str:
        line = ""
        for text in texts:
            text = text.strip()
            if line and text:
                line += ("" if self._one_word(line, text) else " ") + text
            else:
                line += text
        return line

    def _one_word(self, left: str, right: str) -> bool:
        left, right = left[-_LONGEST_WORD:], right[:_LONGEST_WORD]
        if _BEGINS_CLOSED.match(right) and not right.startswith(('"', "'", "/login")):
            return True
        if _ENDS_OPEN.search(left) or (left[-1] == "." and right[0].islower()):
            return True
        head, tail = _LAST_WORD.search(left), _FIRST_WORD.match(right)
        if head is None or tail is None:
            return left[-1].isdigit() and right[0].isdigit()
        if head[0] + tail[0] in self._codes:
            return True
        whole = (head[0] + tail[0]).lower()
        if head[0].lower() in self._words and tail[0].lower() in self._words and whole not in self._words:
            return False
        return whole in self._beginnings
