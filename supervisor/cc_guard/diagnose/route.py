"""The client's configured way to its API, each value with where it came from.

Never a secret: of keys and tokens only that they are there, and their shape.
"""

from dataclasses import dataclass, field

from cc_guard.probe.route import Route


@dataclass(frozen=True)
class Setting:
    """`source` is "environment" or the path of a settings file; a secret's value is its shape."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Configuration:
    """`route` is None when the configured URL can't be used, and `problem` says why."""

    settings: dict[str, Setting] = field(default_factory=dict)
    route: Route | None = None
    problem: str = ""
