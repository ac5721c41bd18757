"""What a remedy is: one thing that can be done about a cause, in a file of its own below `fixes`.

A remedy only plans. Its plan holds commands that leave nothing behind (`steps`), changes that can be taken
back (`moves`), or words for people (`advice`); `carry_out` does the rest the same way for all: writes what it
will change into the journal, does it, looks whether it helped, and takes back what did not.
"""

import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cc_guard.diagnose.facts import Facts
from cc_guard.incident.record import Cause

if TYPE_CHECKING:
    from cc_guard.remedies.knob import Knob
    from cc_guard.remedies.world import World

Level = Literal[0, 1, 2, 3, 4]
"""DESIGN, section 7: 0 look · 1 the client only · 2 the user's own · 3 root · 4 outside this system."""

Policy = Literal["auto", "ask", "suggest"]
Until = Literal["incident", "session", ""]
Proof = Literal["doctor", "path", ""]
"""What has to be good afterwards: the doctor no longer finds the cause, or a request gets any answer."""


class Unfit(Exception):
    """The remedy can't help here; the text says why, in one line. Nothing but looking was done."""


@dataclass(frozen=True)
class Step:
    """One command. `where` is "" for this system; what is to be typed elsewhere is never run by us."""

    argv: tuple[str, ...]
    why: str = ""
    root: bool = False
    where: str = ""
    deadline_s: float = 10.0

    @property
    def command(self) -> str:
        """As a person would type it."""
        if self.where:
            return " ".join(self.argv)
        return shlex.join((("sudo",) if self.root else ()) + self.argv)

    def to_json(self) -> dict[str, Any]:
        return {"command": self.command, "root": self.root, "where": self.where, "why": self.why}


@dataclass(frozen=True)
class Move:
    """A change of one thing, from what it was to what is tried."""

    knob: "Knob"
    was: str
    to: str


@dataclass(frozen=True)
class Plan:
    """`moves` are tried one after the other until one helps. Of `steps` one has to succeed. `check` and
    `undo` are commands for people, where the moves do not say it all. `env` is what client.env would set."""

    text: str
    steps: tuple[Step, ...] = ()
    moves: tuple[Move, ...] = ()
    advice: tuple[Step, ...] = ()
    check: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    proof: Proof = "doctor"
    patience_s: float = 0.0
    env: Mapping[str, str] = field(default_factory=dict)


def proof_of_a_pause(cause: Cause | None) -> Proof:
    """For whoever uses this machine's memory and network beside the client: memory may be short while the API
    answers; of the network, the path tells."""
    return "doctor" if cause == "memory.pressure" else "path"


def everywhere(level: Level) -> Callable[[Facts], Level]:
    return lambda facts: level


@dataclass(frozen=True)
class Remedy:
    """`level` may depend on the machine. `policy` is the most that a profile can make of it, `until` when its
    change has to be undone, "" when it leaves none. `trial`: carrying it out is the test whether it serves,
    so a mere hypothesis is reason enough. `plan` may raise Unfit; without one, the guard itself carries the
    remedy out. `plan` alone and the rest by the guard: `by_guard`."""

    id: str
    title: str
    text: str
    causes: tuple[Cause, ...]
    level: Callable[[Facts], Level]
    plan: "Callable[[World], Awaitable[Plan]] | None" = None
    policy: Policy = "auto"
    until: Until = ""
    by_guard: bool = False
    trial: bool = False

    def most(self, facts: Facts) -> Policy:
        """The strongest policy that a profile can give it on this machine: DESIGN, section 7."""
        level = self.level(facts)
        if level in (0, 4):
            return "suggest"
        return "ask" if level == 3 and self.policy == "auto" else self.policy
