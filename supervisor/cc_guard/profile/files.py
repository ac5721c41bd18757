"""One profile's file: reading it, and every mistake in it with its line and the nearest that is right."""

import os
import re
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cc_guard.profile import names, policies
from cc_guard.profile.positions import Path, positions
from cc_guard.profile.resolved import POLICIES

_LARGEST = 64 * 1024  # the largest that came with cc-guard has 3 KB
# Of a line, in characters: tomllib's time grows with the square of the length of a dotted key.
_LONGEST = 4000
_SHOWN_VALUE = 40
_SHOWN_KEY = 80
_SECTIONS = ("hold", "parameters", "remedies", "warn")


@dataclass(frozen=True)
class Mistake:
    """`text` says what is wrong and `advice` what to do; `line` counts from 1, None for the whole file."""

    path: str
    line: int | None
    key: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """At most two lines."""
        where = f"{names.shown(self.path)}, line {self.line}" if self.line else names.shown(self.path)
        return f"{where}: {self.text}." + (f"\n{self.advice}" if self.advice else "")

    def to_json(self) -> dict[str, object]:
        return {
            "file": self.path,
            "line": self.line,
            "key": self.key,
            "text": self.text,
            "advice": self.advice,
        }


@dataclass(frozen=True)
class Entry:
    """A value that profiles inherit from one another, and where it stands in its file."""

    value: Any
    place: Path


@dataclass(frozen=True)
class Layer:
    """The file `path` of the profile `name`: the user's `own`, or one that came with cc-guard."""

    name: str
    path: str
    own: bool
    content: dict[str, Any] = field(repr=False)
    text: str = field(default="", repr=False)

    @cached_property
    def lines(self) -> dict[Path, int]:
        return positions(self.text)

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """By dotted name: hold.enabled, remedies.dns.flush, parameters.tart.names, warn.ports_used."""
        found = {}
        for section in _SECTIONS:
            content = self.content.get(section, {})
            leaves = _leaves(content) if section != "warn" else ((key, (key,)) for key in content)
            for key, place in leaves:
                found[f"{section}.{key}"] = Entry(_at(content, place), (section, *place))
        return found

    def line(self, place: Path) -> int | None:
        """Of the key at `place`, or of the nearest table around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)

    def mistake(self, place: Path, text: str, advice: str = "") -> Mistake:
        return Mistake(self.path, self.line(place), _dotted(place), text, advice)


class _TooLong(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


def read(path: str, name: str, own: bool) -> tuple[Layer | None, list[Mistake]]:
    """The file, or None and what is wrong with it. Own files are checked; the others were, by the tests."""
    why = names.wrong(name) if own else ""
    if why:
        return None, [Mistake(path, None, "", why)]
    text = ""
    try:
        text = _text(path)
        layer = Layer(name, path, own, tomllib.loads(text), text)
        found = list(_mistakes(layer)) if own else []
    except OSError as error:
        return None, [Mistake(path, None, "", f"it can't be read: {error.strerror or error}")]
    except UnicodeDecodeError:
        return None, [Mistake(path, None, "", "it is not UTF-8 text")]
    except _TooLong as error:
        return None, [Mistake(path, error.line, "", f"the line has more than {_LONGEST} characters")]
    except RecursionError:
        return None, [Mistake(path, None, "", "it is nested too deeply")]
    except ValueError as error:  # TOMLDecodeError, or a number that Python does not take
        return None, [_not_toml(path, text, str(error))]
    return (None, found) if found else (layer, [])


def _text(path: str) -> str:
    if stat.S_ISDIR(os.stat(path).st_mode):
        raise IsADirectoryError(21, "it is a folder")
    with open(path, "rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise OSError(27, f"it has more than {_LARGEST // 1024} KB")
    text = data.decode()
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _LONGEST:
            raise _TooLong(number)
    return text


def _not_toml(path: str, text: str, said: str) -> Mistake:
    why = f"it is not valid TOML: {said.partition(chr(10))[0]}"
    if match := re.search(r" \(at line (\d+), (column \d+)\)$", why):
        return Mistake(path, int(match[1]), "", f"{why[: match.start()]} ({match[2]})")
    return Mistake(path, len(text.rstrip().split("\n")) if "end of document" in why else None, "", why)


def _mistakes(layer: Layer) -> Iterator[Mistake]:
    from cc_guard.profile import model

    content = {key: value for key, value in layer.content.items() if key != "remedies"}
    for error in model.errors(content):
        place = _existing(content, error["loc"])
        if error["type"] == "extra_forbidden":
            advice = _nearest_key(_dotted(place), sorted(model.keys()))
            yield layer.mistake(place, f"unknown key {_dotted(place)}", advice)
            continue
        reason = error["msg"].removeprefix("Value error, ")
        if error["type"] in ("model_type", "model_attributes_type"):
            reason = f"It has to be a table: [{_dotted(place)}]"
        text = f"{_dotted(place)} = {_value(error['input'])} is not allowed"
        yield layer.mistake(place, text, f"{reason}.")
    yield from _wrong_policies(layer)


def _wrong_policies(layer: Layer) -> Iterator[Mistake]:
    content = layer.content.get("remedies", {})
    if not isinstance(content, dict):
        yield layer.mistake(("remedies",), "remedies has to be a table", "Write [remedies] above its keys.")
        return
    known = sorted(policies.remedies())
    seen: set[str] = set()
    for id_, inside in _leaves(content):
        place = ("remedies", *inside)
        policy = _at(content, inside)
        if id_ not in known:
            yield layer.mistake(place, f"unknown remedy {_cut(id_)}", _nearest_key(id_, known))
        elif id_ in seen:
            yield layer.mistake(place, f"{id_} is there twice")
        elif policy not in POLICIES:
            text = f"{id_} = {_value(policy)} is not allowed"
            yield layer.mistake(place, text, f"It has to be {policies.one_of(list(POLICIES))}.")
        seen.add(id_)


def _leaves(content: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The dotted name and the place of each value: `dns.flush = …` is the same as `"dns.flush" = …`."""
    for key, value in content.items():
        place = (*above, key)
        if isinstance(value, dict) and value:
            yield from _leaves(value, place)
        else:
            yield ".".join(place), place


def _existing(content: Any, place: Path) -> Path:
    """As much of `place` as is in the file: a single value stands for a list of one."""
    for number, part in enumerate(place):
        if isinstance(content, list) != isinstance(part, int):
            return place[:number]
        content = content[part]
    return place


def _at(content: dict[str, Any], place: tuple[str, ...]) -> Any:
    for key in place:
        content = content[key]
    return content


def _nearest_key(unknown: str, known: list[str]) -> str:
    """What `unknown` most likely stands for, also when only its table is wrong or missing."""
    import difflib

    if below := [key for key in known if key.startswith(f"{unknown}.")]:
        return f"There are: {', '.join(below)}."
    last = {key.rpartition(".")[2]: key for key in reversed(known)}
    if found := difflib.get_close_matches(unknown, known, 1):
        return f"Did you mean {found[0]}?"
    if found := difflib.get_close_matches(unknown.rpartition(".")[2], last, 1):
        return f"Did you mean {last[found[0]]}?"
    tables = {key.partition(".")[0] for key in known if "." in key}
    table = difflib.get_close_matches(unknown.partition(".")[0], tables, 1)
    near = [key for key in known if table and key.startswith(f"{table[0]}.")]
    return f"There are: {', '.join(near or known)}."


def _dotted(place: Path) -> str:
    words = ""
    for part in place:
        words += f"[{part}]" if isinstance(part, int) else f".{part}" if words else str(part)
    return _cut(words)


def _cut(words: str) -> str:
    return names.shown(words if len(words) <= _SHOWN_KEY else f"{words[:_SHOWN_KEY]}…")


def _value(value: object) -> str:
    try:
        text = ascii(value)
    except ValueError:  # sys.get_int_max_str_digits()
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"
