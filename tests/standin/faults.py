"""What can be wrong with the API, as a value and as one line of text.

    KIND[:VALUE][,KEY=VALUE]…

`none`       healthy
`reset`      each connection is accepted and ended by an RST at its first bytes; open ones at once
`refuse`     nobody listens on the port; open connections are reset
`hang`       connections are accepted and never answered, also not after the fault is over
`cut`        an RST in the middle of an answer's stream: once `after=N` (0) blocks are finished, in the
             next one, or before the end of the message
`slow`       `first=S` seconds before an answer, `chunk=S` seconds before each of its parts
`status:N`   N ≥ 500 except 529 comes from the edge, the rest from the API itself; `body=` says who else:
             `json` the API, `html` a gateway's page, `plain` the words `no healthy upstream`, `envoy` Envoy;
             `claim=five_hour` says that this limit of a plan is used up, until in two hours

`reset` and `status` may carry `old=yes`: only clients that were started before the fault suffer, as when a
process keeps what is broken (its login, a pool of connections) and a new one does not have it.

`cut`, `slow` and a status of the API itself reach only POST /v1/messages; the others, every path.
Each may carry `limit=N` (over after N requests it reached; connections for `reset` and `hang`), `in=S`
(starts S seconds from now) and `for=S` (over S seconds after its start). `cut`, `slow` and `status` may
carry `only=TEXT`: conversations whose first prompt begins with TEXT, such as a sub-agent's, and no others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self, get_args

Kind = Literal["none", "reset", "refuse", "hang", "cut", "slow", "status"]

MESSAGES = "/v1/messages"

Body = Literal["json", "html", "plain", "envoy"]


def _body(text: str) -> str:
    if text not in get_args(Body):
        raise ValueError(f"no such body: {text!r}")
    return text


_Reader = Callable[[str], object]
_COMMON: dict[str, tuple[str, _Reader]] = {
    "limit": ("limit", int),
    "in": ("starts_in_s", float),
    "for": ("lasts_s", float),
}
_ONLY: dict[str, tuple[str, _Reader]] = {"only": ("only", str)}
_OLD: dict[str, tuple[str, _Reader]] = {"old": ("old", lambda text: text == "yes")}
_CLAIM: dict[str, tuple[str, _Reader]] = {"claim": ("claim", str)}
_OWN: dict[str, dict[str, tuple[str, _Reader]]] = {
    "cut": {"after": ("after", int)} | _ONLY,
    "slow": {"first": ("first_s", float), "chunk": ("chunk_s", float)} | _ONLY,
    "status": {"body": ("body", _body)} | _CLAIM | _ONLY | _OLD,
    "reset": _OLD,
}


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
    body: str = ""  # one of Body, or "" for the usual one of that status
    only: str = ""
    claim: str = ""
    old: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """The value of one line as in the module's table; ValueError says what is wrong with it."""
        head, *pairs = text.strip().split(",")
        kind, _, status = head.partition(":")
        if kind not in get_args(Kind) or bool(status) != (kind == "status"):
            raise ValueError(f"no such fault: {head!r}")
        values: dict[str, object] = {"kind": kind, "status": int(status or 0)}
        keys = _COMMON | _OWN.get(kind, {})
        for pair in pairs:
            key, _, value = pair.partition("=")
            if key not in keys:
                raise ValueError(f"{kind} knows no {key!r}, only {', '.join(keys)}")
            name, read = keys[key]
            values[name] = read(value)
        return cls(**values)  # type: ignore[arg-type]

    @property
    def severs(self) -> bool:
        """Whether connections that are open when the fault starts are lost."""
        return self.kind in ("reset", "refuse")

    @property
    def before_http(self) -> bool:
        """Whether a new connection does not even get to its request (or its TLS handshake)."""
        return self.kind in ("reset", "hang")

    @property
    def from_edge(self) -> bool:
        if self.kind != "status" or self.body == "json":
            return False
        return bool(self.body) or (self.status >= 500 and self.status != 529)

    def reaches(self, path: str, opening: str = "") -> bool:
        """Whether a request for `path` (without its query) suffers, of a conversation that begins so."""
        if self.kind == "none" or not opening.startswith(self.only):
            return False
        if self.kind in ("cut", "slow") or (self.kind == "status" and not self.from_edge):
            return path == MESSAGES
        return True

    def __str__(self) -> str:
        return f"{self.kind}:{self.status}" if self.kind == "status" else self.kind


HEALTHY = Fault()
