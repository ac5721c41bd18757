"""On which line of a TOML file a key stands. tomllib does not say, and an error without a line helps nobody.

The syntax is that of toml.io/en/v1.0.0, and only what tells keys, values and line ends apart.
"""

import contextlib
import re
import tomllib
from bisect import bisect_left

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
# The closing quotes may follow one or two that belong to the text.
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{1,2}(?!"))?', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'''(?:'{1,2}(?!'))?", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\n]+")
_BLANK = re.compile(r"[ \t]*")
# A profile has four levels. The paths of all keys of a file that is one long key would fill the memory.
_DEEPEST = 20
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


def positions(text: str) -> dict[Path, int]:
    """The lines (from 1) of all keys, tables and list elements of `text`, which is valid TOML. A table that
    is opened more than once is where it was first. Of what is nested too deeply, the beginning."""
    scanner = _Scanner(text)
    with contextlib.suppress(_TooDeep, _NotToml):
        scanner.document()
    return scanner.found


class _NotToml(Exception):
    pass


class _TooDeep(Exception):
    pass


class _Scanner:
    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._tables: dict[Path, int] = {}  # how often each [[name]] came, by its path

    def document(self) -> None:
        table: Path = ()
        self._skip(_SPACE)
        while self._at < len(self._text):
            if self._take("[["):
                table = self._header(several=True)
            elif self._take("["):
                table = self._header(several=False)
            else:
                self._assignment(table)
            self._skip(_SPACE)

    def _header(self, several: bool) -> Path:
        start = self._at
        words = self._key()
        path: Path = ()
        for number, word in enumerate(words):
            path = (*path, word)
            last = number == len(words) - 1
            if several and last:
                self._tables[path] = self._tables.get(path, -1) + 1
            self._note(path, start)
            if path in self._tables:
                path = (*path, self._tables[path])
                self._note(path, start)
        if not self._take("]]" if several else "]"):
            raise _NotToml
        return path

    def _assignment(self, table: Path) -> None:
        start = self._at
        path = table
        for word in self._key():
            path = (*path, word)
            self._note(path, start)
        if not self._take("="):
            raise _NotToml
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        """`a . "b.c" . 'd'`, with the blanks around it."""
        words = []
        while True:
            self._skip(_BLANK)
            if self._next() == '"':
                words.append(tomllib.loads(f"key = {self._skip(_BASIC)}")["key"])
            elif self._next() == "'":
                words.append(self._skip(_LITERAL)[1:-1])
            else:
                words.append(self._skip(_BARE))
            self._skip(_BLANK)
            if not self._take("."):
                return words

    def _value(self, path: Path) -> None:
        if self._take("["):
            self._list(path)
        elif self._take("{"):
            self._inline_table(path)
        else:
            for opening, pattern in (
                ('"""', _LONG_BASIC),
                ("'''", _LONG_LITERAL),
                ('"', _BASIC),
                ("'", _LITERAL),
                ("", _PLAIN),
            ):
                if self._text.startswith(opening, self._at):
                    self._skip(pattern)
                    return

    def _list(self, path: Path) -> None:
        number = 0
        while not self._closed("]"):
            element = (*path, number)
            self._note(element, self._at)
            self._value(element)
            self._skip(_SPACE)
            self._take(",")
            number += 1

    def _inline_table(self, path: Path) -> None:
        while not self._closed("}"):
            self._assignment(path)
            self._skip(_SPACE)
            self._take(",")

    def _closed(self, bracket: str) -> bool:
        self._skip(_SPACE)
        return self._take(bracket)

    def _note(self, path: Path, start: int) -> None:
        if len(path) > _DEEPEST:
            raise _TooDeep
        self.found.setdefault(path, bisect_left(self._ends, start) + 1)

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, word: str) -> bool:
        if not self._text.startswith(word, self._at):
            return False
        self._at += len(word)
        return True

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _NotToml
        self._at = match.end()
        return match[0]
