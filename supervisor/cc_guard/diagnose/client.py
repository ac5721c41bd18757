"""Which Claude Code this is about: its program, its version, and how it came here. It is not run for that."""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from cc_guard.diagnose.probe import Context
from cc_guard.launch import find
from cc_guard.launch.version import known_version, parse

Version = tuple[int, int, int]

MISSING = "Claude Code is not installed"
_VERSIONS = os.path.join(os.path.dirname(__file__), "data", "client_versions.toml")


def program(context: Context) -> str:
    """The path of the client's program, "" when there is none."""
    if context.client_program:
        return context.client_program
    try:
        return find.find_program(find.CLIENT, context.environ)
    except (find.NotFound, find.NotExecutable):
        return ""


def version(context: Context) -> Version | None:
    """None when only running it could tell."""
    path = program(context)
    return known_version(path) if path else None


def text(number: Version) -> str:
    return ".".join(map(str, number))


def install(path: str) -> str:
    """npm, native, nix, brew or unknown, by where the program really is."""
    real = os.path.realpath(path)
    parts = real.split("/")
    if real.startswith("/nix/store/"):
        return "nix"
    if "Caskroom" in parts or "Cellar" in parts:
        return "brew"
    if "node_modules" in parts:
        return "npm"
    # The native installer: code.claude.com/docs/en/setup.
    return "native" if "/claude/versions/" in real else "unknown"


def is_node(path: str) -> bool:
    """Whether the build runs on Node: those up to 2.1.112 are a script."""
    return os.path.realpath(path).endswith((".js", ".mjs", ".cjs"))


@dataclass(frozen=True)
class KnownBad:
    """A fault of the versions `first` to `last`. `when` names a variable without which it does not show;
    `grave` is false for one that only misleads."""

    first: Version
    last: Version
    why: str
    source: str
    when: str
    grave: bool

    @property
    def range(self) -> str:
        return (
            f"{text(self.first)}-{text(self.last)}" if self.first > (0, 0, 0) else f"up to {text(self.last)}"
        )


@cache
def known() -> tuple[Version, tuple[KnownBad, ...]]:
    """The newest version that was known when this was written, and the faults. Raises ValueError for data
    that is not of this form."""
    with open(_VERSIONS, "rb") as file:
        data = tomllib.load(file)
    return _version(data["newest"]), tuple(_known_bad(entry) for entry in data["bad"])


def _known_bad(entry: dict[str, Any]) -> KnownBad:
    return KnownBad(
        _version(entry.get("first", "0.0.0")),
        _version(entry["last"]),
        entry["why"],
        entry["source"],
        entry.get("when", ""),
        entry.get("grave", True),
    )


def _version(value: str) -> Version:
    found = parse(value)
    if found is None:
        raise ValueError(f"{value} is no version")
    return found


def faults(number: Version) -> list[KnownBad]:
    return [bad for bad in known()[1] if bad.first <= number <= bad.last]
