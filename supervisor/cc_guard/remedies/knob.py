"""A thing of this machine that has a value, which can be read, changed and changed back."""

import dataclasses
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from cc_guard.remedies.hands import Hands
from cc_guard.remedies.remedy import Step

Scope = Literal["net", "boot", "disk"]
"""How long a change lasts: as long as the network namespace, until the next start of the machine, for
good."""

GONE = "gone"
"""The value of a thing that is not there any more."""


@dataclasses.dataclass(frozen=True)
class Knob(ABC):
    """Subclasses are frozen dataclasses of texts and tuples of texts, which the journal keeps.

    `settles_s`: how long after a change was asked for it may still come about (s), by a daemon or a virtual
    machine that takes its time; until then "as it was" does not mean that nothing will happen.
    """

    kind: ClassVar[str]
    scope: ClassVar[Scope]
    settles_s: ClassVar[float] = 0.0

    @property
    @abstractmethod
    def name(self) -> str:
        """With `kind` it tells this thing from all others of the machine."""

    @property
    @abstractmethod
    def what(self) -> str:
        """For people: `the MTU of eth0`."""

    @abstractmethod
    async def read(self, hands: Hands) -> str | None:
        """The value now; GONE, or None when it can't be told."""

    @abstractmethod
    def steps(self, value: str) -> tuple[Step, ...]:
        """The commands that set it."""

    def midway(self, value: str) -> tuple[str, ...]:
        """Values that it has for a moment while it is set to this one."""
        return ()

    async def write(self, hands: Hands, value: str) -> None:
        """Set it. Raises hands.Refused and hands.Failed."""
        for step in self.steps(value):
            await hands.do(step)

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.name}"

    def saved(self) -> dict[str, Any]:
        return {"kind": self.kind, **dataclasses.asdict(self)}


def restored(saved: dict[str, Any]) -> Knob:
    """The knob that `saved` made this of. Raises ValueError for what is none."""
    from cc_guard.remedies.registry import knobs

    fields = dict(saved)
    kind = knobs().get(fields.pop("kind", ""))
    if kind is None:
        raise ValueError(f"made by another version of cc-guard ({saved.get('kind')})")
    try:
        return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})
    except TypeError as error:
        raise ValueError(str(error)) from error
