"""The stories that the demo tells, which are data: scenarios.toml."""

import os
import tomllib
from dataclasses import dataclass, field
from typing import Any, Literal

DEFAULT = "outage"
VERSION = "2.1.330"
"""Of the Claude Code that the stand-in looks like, so that cc-guard knows its wording."""

Network = Literal["", "alone", "wire"]
"""None of its own; one that is nothing but this machine; one with a wire to another machine, the API's."""


@dataclass(frozen=True)
class Mock:
    """What is different without a network of the demo's own; `why` says so on the screen."""

    why: str
    before: str
    during: str
    after: str
    break_s: float
    policies: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """`before`, `during` and `after` are read in this order: before the fault, when its first effect shows,
    when the client goes on. `break_s`: the fault is over by itself after so many seconds; None: something has
    to be done. `policies` are the remedies that the session's profile allows. `network`: the one that it
    needs for the fault to be real; `mock` is for where that can't be had, None: it can't be shown there."""

    name: str
    title: str
    before: str
    during: str
    after: str
    next_step: str
    break_s: float | None = None
    policies: dict[str, str] = field(default_factory=dict)
    network: Network = ""
    mock: Mock | None = None


def _read() -> dict[str, Any]:
    with open(os.path.join(os.path.dirname(__file__), "scenarios.toml"), "rb") as file:
        return tomllib.load(file)


def _scenario(name: str, values: dict[str, Any]) -> Scenario:
    mock = Mock(**values.pop("mock")) if "mock" in values else None
    return Scenario(name, mock=mock, **values)


_FILE = _read()
INTRO, LATE, END = (str(_FILE[name]) for name in ("intro", "late", "end"))
SCENARIOS = {name: _scenario(name, values) for name, values in _FILE.items() if isinstance(values, dict)}
