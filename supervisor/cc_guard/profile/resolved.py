"""A profile with every value settled, as the guard uses it. Lean: the guard imports this file.

`python -m cc_guard.profile` makes the JSON that `Profile.from_json` reads; `ask` runs it.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, Protocol, get_args

Policy = Literal["auto", "ask", "suggest", "off"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

_DEADLINE_S = 10.0  # the facts have 2 s; a machine out of memory takes longer to start Python
_LARGEST = 1024 * 1024


@dataclass(frozen=True)
class HoldSettings:
    """Whether the client is paused while the API is gone, and from which retry on; 1 is the first."""

    enabled: bool = True
    after_attempt: int = 2


class ChosenHold(Protocol):
    """`hold` of the settings."""

    @property
    def enabled(self) -> bool: ...
    @property
    def after_attempt(self) -> int: ...


@dataclass(frozen=True)
class Profile:
    """`why` says in a line what made it this one. `parameters` are by group and name, as `tart`, `names`.
    `warn` has the thresholds of early warnings; one that the user switched off is not in it. `problems` are
    mistakes in the user's own profiles, for people; a file with a mistake is not used."""

    name: str
    why: str
    hold: HoldSettings = HoldSettings()
    remedies: Mapping[str, Policy] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    warn: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def policy(self, remedy: str) -> Policy:
        """A remedy that the profile does not speak of is off."""
        return self.remedies.get(remedy, "off")

    def parameter(self, group: str, name: str, default: object = None) -> object:
        return self.parameters.get(group, {}).get(name, default)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "why": self.why,
            "hold": {"enabled": self.hold.enabled, "after_attempt": self.hold.after_attempt},
            "remedies": dict(self.remedies),
            "parameters": {group: dict(values) for group, values in self.parameters.items()},
            "warn": dict(self.warn),
            "problems": list(self.problems),
        }

    @classmethod
    def from_json(cls, text: str | bytes) -> "Profile":
        """Raises ValueError for anything that `to_json` has not made."""
        try:
            document = json.loads(text)
            hold = document["hold"]
            return cls(
                name=_text(document["name"]),
                why=_text(document["why"]),
                hold=HoldSettings(_flag(hold["enabled"]), _number(hold["after_attempt"])),
                remedies={_text(id_): _policy(policy) for id_, policy in document["remedies"].items()},
                parameters={_text(group): dict(values) for group, values in document["parameters"].items()},
                warn={_text(name): float(value) for name, value in document["warn"].items()},
                problems=tuple(_text(problem) for problem in document.get("problems", [])),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a profile: {type(error).__name__}: {error}") from None


GENERIC = Profile(
    name="generic",
    why="this machine has not been looked at",
    remedies=MappingProxyType({"hold.wait": "auto"}),
)
"""Until the real one is known, and where it can't be found out: waiting, and nothing else. What the user has
forbidden is not known yet, either."""


def effective_hold(profile: HoldSettings, settings: ChosenHold, explicit: Collection[str]) -> HoldSettings:
    """The profile's values below those that the user has set in config.toml, variables or options; `explicit`
    has the dotted names of these: settings_cache.explicit()."""
    hold = profile
    if "hold.enabled" in explicit:
        hold = replace(hold, enabled=settings.enabled)
    if "hold.after_attempt" in explicit:
        hold = replace(hold, after_attempt=settings.after_attempt)
    return hold


async def ask(name: str) -> Profile:
    """The profile `name`, or for `auto` the one that matches. Never raises but for cancellation, which ends
    the child; where nothing is found out it is GENERIC, with the reason among its problems."""
    argv = [sys.executable, "-P", "-m", "cc_guard.profile", name]
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return _nothing(f"it can't be asked: {error}")
    try:
        async with asyncio.timeout(_DEADLINE_S):
            out, _ = await process.communicate()
    except TimeoutError:
        return _nothing(f"no answer within {_DEADLINE_S:g} s")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.communicate()
    try:
        return Profile.from_json(out[:_LARGEST])
    except ValueError as error:
        return _nothing(f"status {process.returncode}, {error}")


def _nothing(why: str) -> Profile:
    return replace(GENERIC, problems=(f"The profile of this machine is not known: {why}.",))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _policy(value: object) -> Policy:
    if value not in POLICIES:
        raise TypeError(f"{value!r} is not a policy")
    return value
