"""What can be wrong with the API, as a value and as one line of text.

    KIND[:VALUE][,KEY=VALUE]…

| text | meaning | reaches |
|---|---|---|
| `none` | healthy | |
| `reset` | each connection is accepted and ended by an RST when its first bytes arrive; open ones at once | every path |
| `refuse` | nobody listens on the port; open connections are reset | every path |
| `hang` | connections are accepted and never answered, also not after the fault is over | every path |
| `cut` | an RST in the stream, after `after=N` finished content blocks and one more delta if there is one | messages |
| `slow` | `first=S` seconds before the answer, `chunk=S` seconds before each delta | messages |
| `status:N` | N ≥ 500 except 529 comes from the edge, the rest from the API itself | every path / messages |

Each may carry `limit=N` (over after N requests it reached), `in=S` (starts S seconds from now) and
`for=S` (over S seconds after its start).
"""

from dataclasses import dataclass, fields
from typing import Literal, Self, get_args

Kind = Literal["none", "reset", "refuse", "hang", "cut", "slow", "status"]

MESSAGES = "/v1/messages"
_KEYS = {
    "limit": "limit",
    "in": "starts_in_s",
    "for": "lasts_s",
    "after": "after",
    "first": "first_s",
    "chunk": "chunk_s",
}
_EXTRA_KEYS = {"cut": {"after"}, "slow": {"first", "chunk"}}
_COMMON_KEYS = {"limit", "in", "for"}


@dataclass(frozen=True)
class Fault:
    kind: Kind = "none"
    status: int = 0
    limit: int | None = None
    starts_in_s: float = 0.0
    lasts_s: float | None = None
    after: int = 0
    first_s: float = 0.0
    chunk_s: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """The value of one line as in the module's table; ValueError says what is wrong with it."""
        head, *pairs = text.strip().split(",")
        kind, _, value = head.partition(":")
        if kind not in get_args(Kind) or bool(value) != (kind == "status"):
            raise ValueError(f"no such fault: {head!r}")
        values: dict[str, object] = {"kind": kind}
        if value:
            values["status"] = int(value)
        types = {field.name: int if "int" in str(field.type) else float for field in fields(cls)}
        for pair in pairs:
            key, _, number = pair.partition("=")
            if key not in _COMMON_KEYS | _EXTRA_KEYS.get(kind, set()):
                raise ValueError(f"{kind} knows no {key!r}")
            values[_KEYS[key]] = types[_KEYS[key]](number)
        return cls(**values)  # type: ignore[arg-type]

    @property
    def severs(self) -> bool:
        """Whether connections that are open when the fault starts are lost."""
        return self.kind in ("reset", "refuse")

    @property
    def from_edge(self) -> bool:
        return self.kind == "status" and self.status >= 500 and self.status != 529

    def reaches(self, path: str) -> bool:
        """Whether a request for `path` (without its query) suffers."""
        if self.kind == "none":
            return False
        if self.kind in ("cut", "slow") or (self.kind == "status" and not self.from_edge):
            return path == MESSAGES
        return True

    def __str__(self) -> str:
        return f"{self.kind}:{self.status}" if self.kind == "status" else self.kind


HEALTHY = Fault()
