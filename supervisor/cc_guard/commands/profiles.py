"""`cc-guard profiles`: which there are, what each says and from where, which this machine takes and why, and
whether a file is right."""

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cc_guard import paths, settings_cache
from cc_guard.commands.output import painted, plain, written
from cc_guard.profile import checked, choose, library, names
from cc_guard.profile.choose import Candidate, Choice
from cc_guard.profile.files import Layer, Mistake
from cc_guard.profile.library import Library, Origin, Resolved
from cc_guard.profile.rules import listed

_WIDTH = 100
_FROM = 24  # columns for where a value comes from; a longer name is broken
_MATCH_AT_ALL = "nothing: it always matches"

_EPILOG = """\
exit status: 0 done, 1 no such profile or a mistake in the checked file, 2 wrong usage

examples:
  cc-guard profiles which              the one for this machine, and why
  cc-guard profiles show linux         what it allows, and from where each value comes
  cc-guard profiles check mine.toml
"""


class _Stop(Exception):
    """A sentence for stderr, and the exit status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def main(argv: list[str], options: Mapping[str, str] | None = None) -> int:
    """`options` are those before the word `profiles`. Exit status: 0 done, 1 no such profile or a mistake in
    the checked file, 2 wrong usage, or settings that are wrong or name no profile."""
    try:
        parsed = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        if parsed.what == "check":
            return _check(parsed.which, parsed.json)
        known = library.load()
        if parsed.what == "show":
            return _show(known, parsed.which, parsed.json)
        choice = _choice(known, parsed.profile or (options or {}).get("profile", ""))
        return (_which if parsed.what == "which" else _list)(known, choice, parsed.json)
    except _Stop as stop:
        print(f"cc-guard: {stop}", file=sys.stderr)
        return stop.status


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard profiles",
        usage="%(prog)s [list | show NAME | which | check FILE] [--profile NAME] [--json]",
        description="What cc-guard may do on which machine. Your own files are in\n"
        "~/.config/cc-guard/profiles; docs/profiles.md says how to write one.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what", nargs="*", metavar="list | show NAME | which | check FILE", help="default: list"
    )
    parser.add_argument("--profile", metavar="NAME", help="as if this one were asked for (list, which)")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_intermixed_args(argv)
    match options.what:
        case [] | ["list"]:
            options.what, options.which = "list", ""
        case ["which"]:
            options.what, options.which = "which", ""
        case ["show" | "check" as what, which]:
            if options.profile:
                parser.error(f"{what} takes no --profile")
            options.what, options.which = what, which
        case ["show"]:
            parser.error("show needs a NAME; `cc-guard profiles` lists them")
        case ["check"]:
            parser.error("check needs a FILE")
        case _:
            parser.error(f"unknown arguments: {' '.join(options.what)!r}; try `list`, `which` or `show NAME`")
    return options


def _choice(known: Library, asked: str) -> Choice:
    try:
        name = checked.asked({"profile": asked} if asked else {})
    except settings_cache.SettingsError as error:
        raise _Stop(str(error), 2) from None
    if name != names.AUTO and name not in known.profiles:
        raise _Stop(_missing(known, name), 2)
    return choose.choose(known, choose.look(known), name)


def _missing(known: Library, name: str) -> str:
    """Why there is no profile of this name."""
    mistakes = [one for one in known.mistakes if os.path.basename(one.path) == f"{name}{names.SUFFIX}"]
    if mistakes:
        return f"The profile {name} can't be used.\n{_numbered(mistakes)}"
    return names.unknown(name) or f"There is no profile {names.shown(name)} that can be read."


# list


def _list(known: Library, choice: Choice, as_json: bool) -> int:
    by_name = {one.name: one for one in choice.profiles}
    if as_json:
        return _document(
            {
                "active": choice.name,
                "profiles": [
                    {
                        "name": one.name,
                        "title": one.title,
                        "active": one.name == choice.name,
                        "matches": by_name[one.name].matches,
                        "extends": list(one.bases),
                        "files": _files(one),
                    }
                    for one in known.profiles.values()
                ],
                "problems": _problems(known),
            }
        )
    rows = [
        ("*" if one.name == choice.name else "", one.name, _whose(one.layers), one.title)
        for one in known.profiles.values()
    ]
    lines = _table([("", "PROFILE", "FROM", "FOR"), *rows], (1, 30, 16, 200))
    lines += ["", *_wrapped(f"* {choice.name} is the one for this machine ({_short(choice.why)}).")]
    return _page(known, lines)


def _whose(layers: Iterable[Layer]) -> str:
    return " + ".join("you" if layer.own else "cc-guard" for layer in layers)


def _short(why: str) -> str:
    return why if len(why) <= _WIDTH else f"{why[:_WIDTH]}…"


# which


def _which(known: Library, choice: Choice, as_json: bool) -> int:
    if as_json:
        return _document(
            {
                "profile": choice.name,
                "why": choice.why,
                "by_name": choice.by_name,
                "profiles": [
                    {
                        "name": one.name,
                        "taken": one.taken,
                        "matches": one.matches,
                        "why": one.verdict,
                        "rules": None if one.rules is None else [rule.to_json() for rule in one.rules],
                    }
                    for one in choice.profiles
                ],
                "problems": _problems(known),
            }
        )
    lines = [f"The profile of this machine is {painted(choice.name, '1')}."]
    taken = [one for one in choice.profiles if one.taken]
    for one in taken:
        lines += _reasons(one, choice.by_name)
    others = [(plain(one.name), one.verdict) for one in choice.profiles if not one.taken]
    if others:
        lines += ["", "Not taken", *_table(others, (30, 200), indent="  ")]
    return _page(known, lines)


def _reasons(one: Candidate, by_name: bool) -> list[str]:
    lines = []
    if by_name:
        lines.append("  asked for by name: --profile, CC_GUARD_PROFILE, or profile in config.toml")
    elif not one.rules:
        lines.append(f"  {one.verdict}")
    for rule in one.rules or ():
        mark = painted("✓", "32") if rule.holds else painted("✗", "31")
        text = _wrapped(str(rule), "    ")
        lines += [f"  {mark} {text[0].strip()}", *text[1:]]
    return lines


# show


def _show(known: Library, name: str, as_json: bool) -> int:
    profile = known.profiles.get(name)
    if profile is None:
        raise _Stop(_missing(known, name), 1)
    if as_json:
        settled = profile.settled("shown, not chosen").to_json()
        del settled["why"], settled["problems"]
        return _document(
            {
                **settled,
                "title": profile.title,
                "extends": list(profile.bases),
                "priority": profile.priority,
                "match": None if profile.match is None else dict(profile.match),
                "files": _files(profile),
                "from": {key: _origin(origin) for key, origin in profile.values.items()},
                "problems": _problems(known),
            }
        )
    title, *more = _wrapped(f"{profile.name}: {profile.title}" if profile.title else profile.name)
    facts = [
        ("extends", ", ".join(profile.bases) or "nothing"),
        ("matches", _demands(profile)),
        ("priority", str(profile.priority)),
    ]
    lines = [painted(title, "1"), *more, *_table(facts, (10, 200), indent="  ")]
    # A path that is broken can't be copied.
    lines += [f"  {'yours' if layer.own else 'file':8}  {plain(layer.path)}" for layer in profile.layers]
    sections = dict.fromkeys(key.partition(".")[0] for key in profile.values)
    for section in ("hold", "remedies", "parameters", "warn"):
        if section in sections:
            lines += ["", f"[{section}]", *_values(profile, section)]
    return _page(known, lines)


def _demands(profile: Resolved) -> str:
    if profile.match is None:
        return "nothing by itself: it is taken by name, or extended"
    demands = [
        f"{fact} = {_toml(value)}" for fact, value in profile.match.items() if listed(value)
    ]  # an empty list demands nothing
    return ", ".join(demands) or _MATCH_AT_ALL


def _values(profile: Resolved, section: str) -> list[str]:
    rows = [
        (
            key.partition(".")[2],
            str(origin.value) if section == "remedies" else _toml(origin.value),
            f"{origin.layer.name}{' (yours)' if origin.layer.own else ''}",
        )
        for key, origin in profile.values.items()
        if key.partition(".")[0] == section
    ]
    return _table(rows, (30, 40, _FROM), indent="  ")


def _toml(value: Any) -> str:
    """JSON's texts, numbers, lists, true and false are TOML's, too."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _origin(origin: Origin) -> dict[str, object]:
    return {
        "profile": origin.layer.name,
        "file": origin.layer.path,
        "line": origin.layer.line(origin.place),
        "own": origin.layer.own,
    }


# check


@dataclass(frozen=True)
class _Checked:
    name: str
    path: str
    mistakes: list[Mistake]
    profile: Resolved | None


def _check(path: str, as_json: bool) -> int:
    if not os.path.exists(path) or not os.access(path, os.R_OK):
        why = "can't be read" if os.path.exists(path) else "does not exist"
        raise _Stop(f"{names.shown(path)} {why}.", 2)
    name = os.path.basename(os.path.abspath(path)).removesuffix(names.SUFFIX)
    known = library.load(trial=(name, path))
    mistakes = [one for one in known.mistakes if one.path == path]
    checked = _Checked(name, path, mistakes, None if mistakes else known.profiles.get(name))
    status = 1 if mistakes else 0
    if as_json:
        document = {
            "file": path,
            "name": name,
            "ok": not mistakes,
            "mistakes": [one.to_json() for one in mistakes],
        }
        return written((f"{json.dumps(document, indent=2)}\n", status))
    return written((_checked_text(checked), status))


def _checked_text(checked: _Checked) -> str:
    if checked.mistakes:
        return f"{_numbered(checked.mistakes)}\n"
    bases = checked.profile.bases if checked.profile else ()
    lines = [f"{plain(checked.path)} is right."]
    lines += _wrapped(f"The profile {checked.name} extends {', then '.join(bases) or 'nothing'}.")
    folder = paths.config_profiles()
    if os.path.dirname(os.path.abspath(checked.path)) != os.path.abspath(folder):
        lines.append(f"It is used when it is in {plain(folder)}")
    return "\n".join(lines) + "\n"


def _numbered(mistakes: Sequence[Mistake]) -> str:
    text = "\n".join(map(str, mistakes))
    return text if len(mistakes) == 1 else f"{text}\n{len(mistakes)} mistakes."


# Output


def _files(profile: Resolved) -> list[dict[str, object]]:
    return [{"file": layer.path, "own": layer.own} for layer in profile.layers]


def _problems(known: Library) -> list[dict[str, object]]:
    return [mistake.to_json() for mistake in known.mistakes]


def _document(document: Mapping[str, object]) -> int:
    return written((f"{json.dumps(document, indent=2)}\n", 0))


def _page(known: Library, lines: Sequence[str]) -> int:
    status = written(("\n".join(lines) + "\n", 0))
    for mistake in known.mistakes:
        print(f"cc-guard: {mistake}\ncc-guard: That file is not used.", file=sys.stderr)
    return status


def _columns() -> int:
    return min(shutil.get_terminal_size().columns, _WIDTH)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        plain(text),
        max(20, _columns()),
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _table(rows: Sequence[Sequence[str]], most: Sequence[int], indent: str = "") -> list[str]:
    """Columns as wide as they need, at most `most`; a cell that is longer, or does not fit the terminal,
    takes several lines. What is missing to fit is taken from the widest column."""
    widths = [
        min(limit, max((len(plain(row[n])) for row in rows), default=0)) for n, limit in enumerate(most)
    ]
    over = len(indent) + sum(widths) + 2 * (len(widths) - 1) - _columns()
    widest = widths.index(max(widths))
    widths[widest] = max(10, widths[widest] - max(0, over))
    lines = []
    for row in rows:
        cells = [
            textwrap.wrap(plain(cell), max(1, width), break_on_hyphens=False) or [""]
            for cell, width in zip(row, widths, strict=True)
        ]
        for number in range(max(map(len, cells))):
            parts = [
                (cell[number] if number < len(cell) else "").ljust(width)
                for cell, width in zip(cells, widths, strict=True)
            ]
            lines.append((indent + "  ".join(parts)).rstrip())
    return lines
