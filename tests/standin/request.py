"""One request as the stand-in saw it."""

from dataclasses import dataclass, field
from typing import Any

from tests.standin.faults import MESSAGES


@dataclass
class Request:
    t: float  # seconds since the epoch, when it arrived
    method: str  # "" for a connection that was lost before it made a request
    path: str  # without the query
    fault: str  # the fault that reached it, or ""
    status: int = 0  # 0 = not answered
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case, without secrets
    body: dict[str, Any] = field(default_factory=dict)
    prompt: str | None = None  # what the user said last; None after a tool's result

    @property
    def conversation(self) -> bool:
        """Whether the user's conversation sent it: not a probe, not one of the client's own questions.

        False as well for a request whose connection a fault took before its body was read.
        """
        return self.path == MESSAGES and bool(self.body.get("tools"))
