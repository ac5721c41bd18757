"""The client's sentence in a pasted text: the last one, or a more specific one just before it.

In a longer text only rows that begin with a sentence of the client count, behind glyphs and borders; so
prose, code and logs that mention one say nothing. What is all there is may be a piece of a sentence.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cc_guard.detect.signatures import Failure, Reading, Signatures, wait_seconds
from cc_guard.explain import fragment, json_rows, paste
from cc_guard.explain.paste import Row
from cc_guard.explain.wrapped import Joiner
from cc_guard.incident.record import Phase

_MOST_ROWS = 20_000
_MOST_TRIES = 100  # rows that look like a sentence and are none; more are not from a screen of the client
_LONGEST_TAIL = 200  # characters; a retry row has at most that from its countdown on
_LONGEST_ROW = 14  # rows that one retry row may be wrapped into; a page of HTML stands in some
_LONGEST_SENTENCE = 60
_LONGEST_OPENING = 240  # characters that a pattern of a failure may look at; a path or a name is in some
_JUST_BEFORE = 30  # rows
_WORD = 14  # columns that a row may lack when its last word went to the next

_COUNT = re.compile(r"[·(]\D{0,24}\d+\s?/\s?\d+")
_STATUS_FIRST = re.compile(r"\(?[45]\d\d\b(?!%)")
_PROMPTS = ("❯", ">")


@dataclass(frozen=True, slots=True)
class Found:
    """What was recognised: the sentence, what it means, and by which entry (`form`) it was told to be one.

    `named` says how much it tells: 0 no reason, 1 a general one, 2 a code, a status or a reason of its own.
    """

    phase: Phase
    text: str
    reading: Reading
    form: str
    attempt: int | None = None
    max_attempts: int | None = None
    retry_in_s: float | None = None
    named: int = 2


def recognise(text: str, signatures: Signatures) -> Found | None:
    """None when there is no sentence of the client in `text`."""
    text = paste.plain(text)
    sentences = _Sentences(signatures)
    rows = json_rows.read(text)
    if rows is not None:
        return _last(sentences.of_json(row) for row in reversed(rows))
    found = sentences.last(paste.rows(text))
    if found is None and fragment.is_short(text):
        found = sentences.last(paste.rows(fragment.unquoted(text))) or sentences.of_fragment(text)
    return found


def _last(candidates: Iterator[Found | None]) -> Found | None:
    return next((found for found in candidates if found is not None), None)


class _Sentences:
    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._joiner = Joiner(signatures)
        self._tries = 0
        self._beginnings = _any_of(entry.pattern for entry in signatures.failures)
        self._general = {meaning.id for meaning in signatures.meanings if meaning.general}

    # Rows of a screen

    def last(self, rows: list[Row]) -> Found | None:
        rows = rows[-_MOST_ROWS:]
        last: Found | None = None
        seen = index = len(rows)
        while index > 0:
            index -= 1
            if last is not None and (seen - index > _JUST_BEFORE or _is_prompt(rows[index])):
                break
            found, index = self._at(rows, index)
            if found is None:
                continue
            if last is None:
                last, seen = found, index
                if last.named == 2:
                    break
            elif found.named > last.named and _same_trouble(found, last):
                return found if last.named == 0 else replace(last, reading=found.reading, named=found.named)
        return last

    def _at(self, rows: list[Row], index: int) -> tuple[Found | None, int]:
        """The sentence that ends (a retry row) or begins in this row, and the row where it begins."""
        row = rows[index]
        if not row.text:
            return None, index
        if row.text[0] == "{":
            client_row = json_rows.client_row(row.text)
            return (self.of_json(client_row) if client_row else None), index
        return self._retry(rows, index) or (self._failure(rows, index), index)

    def _retry(self, rows: list[Row], end: int) -> tuple[Found, int] | None:
        if self._tries > _MOST_TRIES or not _COUNT.search(
            "".join(row.words for row in rows[max(0, end - 2) : end + 1])
        ):
            return None
        # Whatever its label: does a retry row end here at all?
        tail = f"x · x {self._join(rows[max(0, end - 3) : end + 1])[-_LONGEST_TAIL:]}"
        if not any(pattern.pattern.match(tail) for pattern in self._signatures.retries):
            return None
        self._tries += 1
        bare: tuple[Found, int] | None = None
        for start in range(end, max(-1, end - _LONGEST_ROW), -1):
            if start < end and (rows[start].glyph == "─" or rows[start + 1].opens):
                break
            if rows[start].text:
                found = self._retry_row(rows, start, end)
                if found and found.named:
                    return found, start
                if found and bare is None:
                    bare = found, start
        return bare

    def _retry_row(self, rows: list[Row], start: int, end: int) -> Found | None:
        line = self._join(rows[start : end + 1])
        for pattern in self._signatures.retries:
            match = pattern.pattern.match(line)
            if match is None or not self._is_label(match["label"]):
                continue
            label = match["label"] or ""
            detail = self._detail(rows, start, end + 1)
            reading = self._signatures.read(f"{label} {detail}".strip() or line)
            return Found(
                phase="retrying",
                text=f"{line} ⎿ {detail}" if detail else line,
                reading=reading if reading.kind else replace(reading, kind="connection"),
                form=pattern.id,
                attempt=int(match["attempt"]),
                max_attempts=int(match["limit"]),
                retry_in_s=wait_seconds(match),
                named=self._named(reading, label),
            )
        return None

    def _is_label(self, label: str | None) -> bool:
        if not label:
            return True
        return (
            _STATUS_FIRST.match(label) is not None
            or any(failure.pattern.match(label) for failure in self._signatures.failures)
            or any(meaning.pattern.match(label) for meaning in self._signatures.meanings)
        )

    def _detail(self, rows: list[Row], start: int, after: int) -> str:
        """What stands below a retry row as its reason: `⎿  TypeError (fetch failed)`."""
        if after >= len(rows) or rows[after].glyph != "⎿" or self._begins(rows[after].text):
            return ""
        if rows[start].glyph == "⎿" and rows[after].column < rows[start].column:
            return ""
        texts = [rows[after].text]
        for row in rows[after + 1 : after + 4]:
            if row.opens or not row.text:
                break
            texts.append(row.words)
        return self._joiner.join(texts)

    def _begins(self, text: str) -> bool:
        return self._beginnings.match(text) is not None

    def _failure(self, rows: list[Row], start: int) -> Found | None:
        opening = rows[start].text
        if len(opening) < _LONGEST_OPENING:
            opening = self._join(self._block(rows, start, 8))
        for text in dict.fromkeys((rows[start].text, opening)):
            if self._signatures.is_interrupt(text):
                return None
            for wait in self._signatures.waits:
                match = wait.pattern.match(text)
                if match:
                    reading = self._signatures.read(text)
                    return Found("waiting", text, reading, wait.id, retry_in_s=wait_seconds(match))
            if self._begins(text):
                failure = next(entry for entry in self._signatures.failures if entry.pattern.match(text))
                return self._failed(rows, start, failure)
        return None

    def _failed(self, rows: list[Row], start: int, failure: Failure) -> Found | None:
        self._tries += 1
        if self._tries > _MOST_TRIES:
            return None
        line = self._join(self._block(rows, start, _LONGEST_SENTENCE))
        if self._signatures.is_interrupt(line):
            return None
        reading = self._signatures.read(line)
        if reading.kind is None:
            return None
        return Found(failure.phase, line, reading, failure.id, named=self._named(reading, line))

    def _block(self, rows: list[Row], start: int, most: int) -> Iterator[Row]:
        """The rows that one sentence may be wrapped into, from its first on."""
        width = max(row.full for row in rows[start : start + 8])
        depth = 0
        for index in range(start, min(start + most, len(rows))):
            row = rows[index]
            if index > start:
                last = rows[index - 1]
                if not row.text or row.opens or (depth <= 0 and self._begins(row.text)):
                    return
                indented = row.column > rows[start].column and bool(last.text)
                wrapped = last.full >= max(width - _WORD, 8)
                if depth <= 0 and not indented and not wrapped and row.text[0] not in "{<":
                    return
            yield row
            depth += row.text.count("{") - row.text.count("}")
            depth += row.text.count("<html") - row.text.count("</html")

    def _join(self, rows: Iterable[Row]) -> str:
        return self._joiner.join(row.text if first else row.words for first, row in _first(rows))

    def _named(self, reading: Reading, text: str) -> int:
        if reading.signature == "connection.unnamed" or not reading.kind:
            return 0
        return 2 if reading.code or reading.signature not in self._general else 1

    # Rows of a program, and pieces

    def of_json(self, row: json_rows.Said) -> Found | None:
        if self._signatures.is_interrupt(row.text):
            return None
        found = self.last(paste.rows(row.text)) if row.text else None
        reading = found.reading if found else self._signatures.read(f"{row.status or ''} {row.text}".strip())
        if reading.kind is None and row.word:
            reading = replace(self._signatures.read(row.word), request_id=reading.request_id)
        if reading.kind is None and row.phase == "retrying":
            reading = replace(reading, kind="connection")
        if reading.kind is None:
            return None
        if row.status and reading.http_status is None and self._signatures.kind_of_status(row.status):
            reading = replace(
                reading,
                http_status=row.status,
                code=reading.code or str(row.status),
            )
        return Found(
            row.phase,
            row.text or row.word or "",
            replace(reading, request_id=reading.request_id or row.request_id),
            row.form,
            row.attempt,
            row.max_attempts,
            row.retry_in_s,
        )

    def of_fragment(self, text: str) -> Found | None:
        line = fragment.bare(self._joiner.join(row.text for row in paste.rows(text)))
        match = fragment.recognise(line, self._signatures)
        if match is None:
            return None
        reading = self._signatures.read(line)
        return Found(match.phase, line, reading, match.id) if reading.kind else None


def _any_of(patterns: Iterable[re.Pattern[str]]) -> re.Pattern[str]:
    """One pattern for all, each with its own flags; much quicker than one after the other."""
    alternatives = []
    for pattern in patterns:
        text = re.sub(r"^\(\?[a-z]+\)|\?P<\w+>", "", pattern.pattern)
        alternatives.append(f"(?i:{text})" if pattern.flags & re.IGNORECASE else f"(?:{text})")
    return re.compile("|".join(alternatives) or "(?!)")


def _first(rows: Iterable[Row]) -> Iterator[tuple[bool, Row]]:
    return ((index == 0, row) for index, row in enumerate(rows))


def _is_prompt(row: Row) -> bool:
    return row.glyph in _PROMPTS and bool(row.text)


def _same_trouble(one: Found, other: Found) -> bool:
    """Whether the one may be the reason of the other: both without an answer of a server, or of one kind."""
    return one.reading.http_status is None or one.reading.kind == other.reading.kind
