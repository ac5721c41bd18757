"""The client's wording as compiled patterns: `signatures.toml`, and the user's own file above it.

What a key means stands at the top of `signatures.toml`; how to add a wording, in docs/signatures.md.
"""

import functools
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from cc_guard import paths
from cc_guard.incident.record import Cause, Kind, Phase

Where = Literal["spinner", "notice"]

_LONGEST = 4_000  # characters; what says what it is stands at the beginning, also before a page of HTML
_SECONDS = {"s": 1, "m": 60, "h": 3600}

# A number is a status only where something says so: at the start of a label, behind a word for it, or before
# a reason or a body. Ports, durations, dates, sizes and line numbers stand in none of these places.
_STATUS = re.compile(
    r"""
    (?: ^ | · \s? | \( | (?i:API\ error) :? \s? \(? | \b HTTP (?:/[\d.]+)? [\s:]? | \b Repeated \s
      | \b (?i:status|code|error) (?:\ code)? ['"]? \)? [\s:=]{1,3}
      | \b (?:answered|returned|returns|got|received|responded\ with|failed\ with)
        (?:\ with)? (?:\ an?)? (?:\ HTTP)? (?:\ status)? \s
    )
    (?P<said> 4[0-3]\d | 451 | 499 | 5[0-3]\d | 59[89] )
    (?! [\w%:/] | [.,]\d | -\w
      | \s? (?: ms | s | secs? | seconds? | m | min | minutes? | h | hours? | days?
              | [KMG]i?B | bytes | tokens? | lines? | files? | rows? ) \b )
    |
    (?<! [\w.:/-] ) (?P<bare> 4[0-3]\d | 451 | 499 | 5[0-3]\d | 59[89] )
    (?= \s? (?: \{" | <!?\w | status\ code
      | (?i: internal\ server\ error | bad\ gateway | service\ unavailable | gateway\ time-?out | unauthorized
           | no\ healthy\ upstream | upstream\ connect | forbidden | too\ many\ requests | overloaded ) ) )
    """,
    re.VERBOSE,
)
_CODE = re.compile(r"\((E[A-Z]{3,}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:[A-Z][a-z]+){2,})\)")
_CUT = re.compile(r"\(([A-Za-z_]{2,})(?:…|\.\.\.)")
_WORD = re.compile(r"(?<![\w-])(?:E[A-Z]{3,}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:[A-Z][a-z]+){2,})(?![\w-])")
_REQUEST_ID = re.compile(
    r"\b(req_[A-Za-z0-9]{6,64})"
    r"|\b[Rr]equest[ _-]?[Ii][Dd][\"')]?\s?[:=]\s?[\"']?([A-Za-z0-9][\w-]{7,80})"
    r"|\b(?:[Cc][Ff]-[Rr][Aa][Yy]|Ray ID)[\"']?\s?[:=]\s?[\"']?([0-9a-f]{12,20}(?:-[A-Z]{3})?)"
)


class SignatureError(Exception):
    """The user's file is wrong; the text names the file and the entry, and is for people."""


@dataclass(frozen=True, slots=True)
class RetryPattern:
    """Of a row that counts down, by `[[retry]]` or `[[waiting]]`."""

    id: str
    where: Where
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Failure:
    """How a failure begins: use `pattern.match`. By `[[failure]]` and `[[fragment]]`, where `phase` is what
    the client does while it shows it, and by `[[interrupt]]` and `[[placeholder]]`; those of `[[busy]]`,
    `[[paste]]`, `[[stash]]` and `[[insert]]` may stand anywhere in a row."""

    id: str
    pattern: re.Pattern[str]
    phase: Phase = "failed"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`over` are the HTTP statuses that this entry overrules; a `general` one gives way to an error code."""

    id: str
    pattern: re.Pattern[str]
    kind: Kind
    causes: tuple[Cause, ...]
    says: str
    over: frozenset[int]
    general: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What an HTTP status or an error code means; `id` is its entry, as `codes.reset`."""

    id: str
    kind: Kind
    causes: tuple[Cause, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence of the client means. `kind` is None when nothing is recognised.

    `code` is the error code in the sentence, else its HTTP status. `signature` is the id of the entry that
    decided, `causes` are its causes, likely ones first, and `says` is its sentence for people.
    """

    kind: Kind | None = None
    code: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    signature: str | None = None
    causes: tuple[Cause, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True)
class Signatures:
    """All entries, in the order in which they are tried. `own` are the ids from the user's file."""

    retries: tuple[RetryPattern, ...]
    waits: tuple[RetryPattern, ...]
    failures: tuple[Failure, ...]
    interrupts: tuple[Failure, ...]
    busy: tuple[Failure, ...]
    meanings: tuple[Meaning, ...]
    status: dict[str, Known]
    codes: dict[str, Known]
    fragments: tuple[Failure, ...] = ()
    placeholders: tuple[Failure, ...] = ()
    pastes: tuple[Failure, ...] = ()
    stashes: tuple[Failure, ...] = ()
    inserts: tuple[Failure, ...] = ()
    own: frozenset[str] = frozenset()

    def of_status(self, status: int) -> Known | None:
        return self.status.get(str(status)) or self.status.get(f"{status // 100}xx")

    def kind_of_status(self, status: int) -> Kind | None:
        known = self.of_status(status)
        return known.kind if known else None

    def is_spinner(self, text: str) -> bool:
        """Whether the words of a spinner's row say that the client retries or waits."""
        rows = (*self.retries, *self.waits)
        return any(row.where == "spinner" and row.pattern.search(text) for row in rows)

    def is_interrupt(self, text: str) -> bool:
        """Whether the text says that the user stopped the client's work."""
        return any(interrupt.pattern.match(text) for interrupt in self.interrupts)

    def read(self, text: str) -> Reading:
        """What `text`, one sentence of the client or a part of one, means.

        The most specific decides: an HTTP status, a sentence, an error code, a general sentence.
        """
        text = text[:_LONGEST]
        status = _status(text)
        code, known = self._code(text)
        by_status = self.of_status(status) if status else None
        meaning = self._meaning(text, status, by_status, sure=known is not None and code is not None)
        chosen = meaning or by_status or known
        return Reading(
            kind=chosen.kind if chosen else None,
            code=code or (str(status) if status else None),
            http_status=status,
            request_id=_request_id(text),
            signature=chosen.id if chosen else None,
            causes=chosen.causes if chosen else (),
            says=chosen.says if chosen else "",
        )

    def _meaning(self, text: str, status: int | None, by_status: Known | None, sure: bool) -> Meaning | None:
        for meaning in self.meanings:
            if status is not None:
                # With a status, a sentence may only say the same in more detail, or overrule it by name.
                fits = status in meaning.over or by_status is None or by_status.kind == meaning.kind
            else:
                fits = not (sure and meaning.general)
            if fits and meaning.pattern.search(text):
                return meaning
        return None

    def _code(self, text: str) -> tuple[str | None, Known | None]:
        """The error code in `text` and what it means. A code that is cut is None when it can be several."""
        match = _CODE.search(text)
        if match and match[1] in self.codes:
            return match[1], self.codes[match[1]]
        for word in _WORD.findall(text):
            if word in self.codes:
                return word, self.codes[word]
        cut = _CUT.search(text)
        if cut:
            kin = {name: known for name, known in self.codes.items() if name.startswith(cut[1])}
            kinds = {known.kind for known in kin.values()}
            if len(kinds) == 1:
                return next(iter(kin)) if len(kin) == 1 else None, next(iter(kin.values()))
        return match[1] if match else None, None


def wait_seconds(match: re.Match[str]) -> float | None:
    """How long the row says that the client will wait, by the groups of a `[[retry]]` or `[[waiting]]`."""
    groups = match.groupdict()
    wait, more = groups.get("wait"), groups.get("wait_more")
    if not wait:
        return None
    return float(wait) * _SECONDS.get(groups.get("wait_unit") or "s", 1) + (float(more) if more else 0.0)


def _status(text: str) -> int | None:
    match = _STATUS.search(text)
    return int(match["said"] or match["bare"]) if match else None


def _request_id(text: str) -> str | None:
    match = _REQUEST_ID.search(text)
    return next(filter(None, match.groups()), None) if match else None


# Reading the files

Table = Mapping[str, Any]

_LISTS: dict[str, tuple[frozenset[str], frozenset[str]]] = {  # section: needed keys, all keys
    "retry": (frozenset({"where", "pattern"}), frozenset({"where", "pattern"})),
    "waiting": (frozenset({"where", "pattern"}), frozenset({"where", "pattern"})),
    "failure": (frozenset({"pattern"}), frozenset({"pattern", "phase"})),
    "fragment": (frozenset({"pattern"}), frozenset({"pattern", "phase"})),
    "interrupt": (frozenset({"pattern"}), frozenset({"pattern"})),
    "busy": (frozenset({"pattern"}), frozenset({"pattern"})),
    "placeholder": (frozenset({"pattern"}), frozenset({"pattern"})),
    "paste": (frozenset({"pattern"}), frozenset({"pattern"})),
    "stash": (frozenset({"pattern"}), frozenset({"pattern"})),
    "insert": (frozenset({"pattern"}), frozenset({"pattern"})),
    "meaning": (
        frozenset({"pattern", "kind", "causes", "says"}),
        frozenset({"pattern", "kind", "causes", "says", "over", "general"}),
    ),
}
_TABLES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "status": (frozenset({"is", "kind", "causes", "says"}), frozenset({"is", "kind", "causes", "says"})),
    "codes": (frozenset({"names", "kind", "causes", "says"}), frozenset({"names", "kind", "causes", "says"})),
}
_ALWAYS = frozenset({"id", "versions", "source", "disabled"})
_GROUPS = {"retry": ("label", "attempt", "limit", "wait"), "waiting": ("label", "wait")}
SHIPPED = os.path.join(os.path.dirname(__file__), "signatures.toml")


@functools.cache
def shipped() -> Signatures:
    """The signatures that came with cc-guard."""
    return parse(_toml(SHIPPED))


def load(path: str | None = None) -> Signatures:
    """The shipped signatures below the user's own: `path`, else `$XDG_CONFIG_HOME/cc-guard/signatures.toml`.

    Raises SignatureError when that file can't be read or something in it is wrong.
    """
    path = path or paths.config_signatures()
    if not os.path.exists(path):
        return shipped()
    return parse(_toml(SHIPPED), _toml(path), path)


def parse(base: Table, own: Table | None = None, path: str = SHIPPED) -> Signatures:
    """`base` with the entries of `own`, which is from the file `path`, above it."""
    sections = _entries(base, SHIPPED)
    ids: set[str] = set()
    if own is not None:
        for section, entries in _entries(own, path).items():
            sections[section] = _merged(sections[section], entries)
            ids.update(entries)
    return Signatures(
        retries=tuple(_rows("retry", sections)),
        waits=tuple(_rows("waiting", sections)),
        failures=tuple(_beginnings("failure", sections)),
        interrupts=tuple(_beginnings("interrupt", sections)),
        busy=tuple(_beginnings("busy", sections)),
        fragments=tuple(_beginnings("fragment", sections)),
        placeholders=tuple(_beginnings("placeholder", sections)),
        pastes=tuple(_beginnings("paste", sections)),
        stashes=tuple(_beginnings("stash", sections)),
        inserts=tuple(_beginnings("insert", sections)),
        meanings=tuple(
            Meaning(
                e.id, e.regex("pattern"), e.kind(), e.causes(), e.text("says"), e.over(), e.flag("general")
            )
            for e in sections["meaning"].values()
        ),
        status=dict(_known("is", sections["status"].values())),
        codes=dict(_known("names", sections["codes"].values())),
        own=frozenset(ids),
    )


def _toml(path: str) -> Table:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SignatureError(f"{path} can't be read: {error.strerror}.") from None
    except ValueError as error:  # bad TOML or not UTF-8
        raise SignatureError(f"{path} is not valid TOML: {error}.") from None


class _Entry:
    """One entry of a file, checked key by key; every complaint names the file and the entry."""

    def __init__(self, path: str, section: str, id_: str, table: Table) -> None:
        self.id, self.section = id_, section
        self._path, self._table = path, table
        needed, allowed = (_LISTS | _TABLES)[section]
        for key in table:
            if key not in allowed | _ALWAYS:
                raise self.error(f"unknown key {_word(key, sorted(allowed | _ALWAYS))}")
        self.disabled = self.flag("disabled")
        missing = sorted(needed - table.keys())
        if missing and not self.disabled:
            raise self.error(f"has no {missing[0]!r}")

    def error(self, text: str) -> SignatureError:
        name = f"[{self.id}]" if self.section in _TABLES else f"[[{self.section}]] {self.id!r}"
        return SignatureError(f"{self._path}: {name}: {text}.")

    def text(self, key: str) -> str:
        value = self._table[key]
        if not isinstance(value, str) or not value:
            raise self.error(f"{key!r} must be a text")
        return value

    def flag(self, key: str) -> bool:
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            raise self.error(f"{key!r} must be true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._table[key]
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self.error(f"{key!r} must be a list of texts")
        return tuple(value)

    def kind(self) -> Kind:
        return cast(Kind, self._one_of("kind", self.text("kind"), get_args(Kind)))

    def where(self) -> Where:
        return cast(Where, self._one_of("where", self.text("where"), get_args(Where)))

    def phase(self) -> Phase:
        if "phase" not in self._table:
            return "failed"
        return cast(Phase, self._one_of("phase", self.text("phase"), get_args(Phase)))

    def causes(self) -> tuple[Cause, ...]:
        return tuple(
            cast(Cause, self._one_of("cause", cause, get_args(Cause))) for cause in self.texts("causes")
        )

    def over(self) -> frozenset[int]:
        value = self._table.get("over", [])
        if not isinstance(value, list) or not all(type(item) is int and 400 <= item <= 599 for item in value):
            raise self.error("'over' must be a list of HTTP statuses, 400 to 599")
        return frozenset(value)

    def regex(self, key: str) -> re.Pattern[str]:
        try:
            pattern = re.compile(self.text(key))
        except re.error as error:
            raise self.error(f"{key!r} is not a regular expression: {error}") from None
        if self.section in ("failure", "interrupt") and not re.match(r"(?:\(\?[a-z]+\))?\^", pattern.pattern):
            raise self.error("the pattern of a failure or fragment must begin with ^")
        if pattern.search("") is not None:
            raise self.error("the pattern is found in an empty text, so in every text")
        missing = [group for group in _GROUPS.get(self.section, ()) if group not in pattern.groupindex]
        if missing:
            raise self.error(f"the pattern has no group (?P<{missing[0]}>…)")
        return pattern

    def _one_of(self, what: str, value: str, known: tuple[str, ...]) -> str:
        if value not in known:
            raise self.error(f"unknown {what} {_word(value, known)}")
        return value


Sections = dict[str, dict[str, _Entry]]


def _entries(data: Table, path: str) -> Sections:
    """The entries of one file by section and id."""
    sections: Sections = {section: {} for section in (*_LISTS, *_TABLES)}
    for section, content in data.items():
        if section in _LISTS:
            if not isinstance(content, list):
                raise SignatureError(f"{path}: write [[{section}]], with two brackets, above each entry.")
            for number, table in enumerate(content, 1):
                id_ = table.get("id")
                if not isinstance(id_, str) or not id_:
                    raise SignatureError(f"{path}: [[{section}]] number {number} has no id.")
                if id_ in sections[section]:
                    raise SignatureError(f"{path}: [[{section}]] {id_!r} is there twice.")
                sections[section][id_] = _Entry(path, section, id_, table)
        elif section in _TABLES:
            if not isinstance(content, dict) or not all(isinstance(t, dict) for t in content.values()):
                raise SignatureError(f"{path}: write [{section}.NAME] above each entry of [{section}].")
            for name, table in content.items():
                id_ = f"{section}.{name}"
                sections[section][id_] = _Entry(path, section, id_, table)
        else:
            raise SignatureError(f"{path}: unknown section {_word(section, (*_LISTS, *_TABLES))}.")
    return sections


def _merged(base: dict[str, _Entry], own: dict[str, _Entry]) -> dict[str, _Entry]:
    new = {id_: entry for id_, entry in own.items() if id_ not in base}
    return {id_: e for id_, e in (new | base | own).items() if not e.disabled}


def _rows(section: Literal["retry", "waiting"], sections: Sections) -> Iterable[RetryPattern]:
    return (RetryPattern(e.id, e.where(), e.regex("pattern")) for e in sections[section].values())


def _beginnings(
    section: Literal["failure", "fragment", "interrupt", "busy", "placeholder", "paste", "stash", "insert"],
    sections: Sections,
) -> Iterable[Failure]:
    return (Failure(e.id, e.regex("pattern"), e.phase()) for e in sections[section].values())


def _known(key: str, entries: Iterable[_Entry]) -> Iterable[tuple[str, Known]]:
    """By name; the first entry that has a name wins, and the user's come first."""
    for entry in reversed(list(entries)):
        known = Known(entry.id, entry.kind(), entry.causes(), entry.text("says"))
        yield from ((name, known) for name in entry.texts(key))


def _word(value: str, known: Iterable[str]) -> str:
    import difflib

    found = difflib.get_close_matches(value, list(known), 1, 0.5)
    return f"{value!r}; did you mean {found[0]!r}?" if found else f"{value!r}; known: {', '.join(known)}"
