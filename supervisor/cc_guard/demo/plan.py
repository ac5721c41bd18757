"""What the processes of one demo know in common: a file in its folder."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from cc_guard.demo.scenarios import SCENARIOS, Scenario

_FILE = "plan.json"
_TOLD = "told"


@dataclass(frozen=True)
class Plan:
    """`mocked`: without the network that the fault needs. `names`: what the demo's name server tells, the
    addresses of each name. `made`: folders outside the demo's that were made for it, the innermost first."""

    scenario: str
    mocked: bool
    addresses: list[str]
    port: int = 0
    names: dict[str, list[str]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    @property
    def story(self) -> Scenario:
        return SCENARIOS[self.scenario]

    @property
    def break_s(self) -> float | None:
        mock = self.story.mock
        return mock.break_s if self.mocked and mock else self.story.break_s


def write(folder: str, plan: Plan) -> None:
    with open(os.path.join(folder, _FILE), "w", encoding="utf-8") as file:
        json.dump(asdict(plan), file)


def read(folder: str) -> Plan:
    with open(os.path.join(folder, _FILE), encoding="utf-8") as file:
        known: dict[str, Any] = json.load(file)
    return Plan(**known)


def control(folder: str) -> str:
    """The keeper's socket."""
    return os.path.join(folder, "control")


def tell(folder: str, text: str) -> None:
    """What happened, in a sentence or two, for the end of the demo."""
    with open(os.path.join(folder, _TOLD), "w", encoding="utf-8") as file:
        file.write(text)


def told(folder: str) -> str:
    """Empty when the story did not come so far."""
    try:
        with open(os.path.join(folder, _TOLD), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def _login(folder: str) -> str:
    return os.path.join(folder, "home", ".claude", ".credentials.json")


def write_login(folder: str, token: str) -> None:
    """Where Claude Code keeps a login; this one is good at the demo's API alone. `token`: any word."""
    temporary = f"{_login(folder)}.new"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"claudeAiOauth": {"accessToken": token, "scopes": ["user:inference"]}}, file)
    os.replace(temporary, _login(folder))


def read_login(folder: str) -> str:
    with open(_login(folder)) as file:
        return str(json.load(file)["claudeAiOauth"]["accessToken"])
