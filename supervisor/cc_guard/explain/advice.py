"""Possible causes with the reason, a check and a fix for this machine, from `causes.toml`."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cc_guard.explain import machine
from cc_guard.incident.record import Cause
from cc_guard.redact import redact

_FILE = os.path.join(os.path.dirname(__file__), "causes.toml")

# Causes that need such a variable: likely when one is set or named, else hardly.
_GATEWAY: frozenset[Cause] = frozenset({"base_url.dead", "base_url.invalid"})
_PROXY: frozenset[Cause] = frozenset({"proxy.dead", "proxy.auth"})
_ONLY_ON: dict[Cause, machine.Platform] = {"wsl.network": "wsl2", "container.network": "container"}


@dataclass(frozen=True, slots=True)
class Advice:
    """A possible cause. `check` is one command; `fix` says what to do, with its undo."""

    cause: Cause
    title: str
    why: str
    check: str
    fix: str


def advise(
    causes: Iterable[Cause], text: str, platform: machine.Platform, detours: Mapping[str, str]
) -> list[Advice]:
    """`causes` in their order, but first those that a variable in `detours` or named in `text` makes likely,
    and last those that would need one. Each says so in its `why`."""
    with open(_FILE, "rb") as file:
        data = tomllib.load(file)
    wanted = [cause for cause in causes if _ONLY_ON.get(cause, platform) == platform]
    notes = {cause: _note(cause, text, detours) for cause in wanted}
    wanted.sort(key=lambda cause: notes[cause][0])  # stable
    steps = machine.FALLBACKS[platform]
    return [
        Advice(
            cause,
            data[cause]["title"],
            " ".join(filter(None, (data[cause]["why"], notes[cause][1]))),
            _first(data[cause]["check"], steps),
            _first(data[cause]["fix"], steps),
        )
        for cause in wanted
    ]


def _note(cause: Cause, text: str, detours: Mapping[str, str]) -> tuple[int, str]:
    """The place of a cause, the likely ones first, and what the variables say about it."""
    if cause not in _GATEWAY | _PROXY:
        return 1, ""
    for name, value in detours.items():
        if (name == "ANTHROPIC_BASE_URL") == (cause in _GATEWAY):
            return 0, f"Here {name} is set to {redact(value)}."
    named = ("ANTHROPIC_BASE_URL",) if cause in _GATEWAY else ("HTTPS_PROXY", "HTTP_PROXY")
    if any(name in text for name in named):
        return 0, "The message itself names it."
    what = "gateway" if cause in _GATEWAY else "proxy"
    return 2, f"No {what} is set in this shell or in the settings files that count here."


def _first(lines: Mapping[str, str], steps: Iterable[str]) -> str:
    return next((lines[step] for step in steps if step in lines), "")
