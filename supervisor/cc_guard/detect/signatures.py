"""The client's wording as compiled patterns, from `signatures.toml`."""

import functools
import os
import re
import tomllib
from dataclasses import dataclass
from typing import Any, Literal, cast

from cc_guard.incident.record import Kind

Where = Literal["spinner", "notice"]

_STATUS = re.compile(r"(?<![\d.:/])(4[0-3]\d|451|5\d\d)(?![\d:/]|\.\d)")  # 443 is a port
_CODE = re.compile(r"\(([A-Z][A-Za-z]*(?:_[A-Z0-9]+)*|E[A-Z]{3,})\)")


@dataclass(frozen=True)
class RetryPattern:
    id: str
    where: Where
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Meaning:
    id: str
    pattern: re.Pattern[str]
    kind: Kind


@dataclass(frozen=True)
class Reading:
    """What a sentence of the client means. `kind` is None when nothing is recognised."""

    kind: Kind | None
    code: str | None
    http_status: int | None
    signature: str | None


@dataclass(frozen=True)
class Signatures:
    retries: tuple[RetryPattern, ...]
    meanings: tuple[Meaning, ...]
    status: dict[str, Kind]
    codes: dict[str, Kind]

    def kind_of_status(self, status: int) -> Kind | None:
        return self.status.get(str(status)) or self.status.get(f"{status // 100}xx")

    def read(self, text: str) -> Reading:
        """The most specific first: an HTTP status, then an error code, then the sentence."""
        status_match = _STATUS.search(text)
        status = int(status_match[1]) if status_match else None
        code_match = _CODE.search(text)
        code = code_match[1] if code_match else None
        meaning = next((m for m in self.meanings if m.pattern.search(text)), None)
        kind: Kind | None = None
        if status is not None:
            kind = self.kind_of_status(status)
            if status == 429 and meaning is not None and meaning.kind == "usage_limit":
                kind = "usage_limit"
        elif code is not None and code in self.codes:
            kind = self.codes[code]
        if kind is None and meaning is not None:
            kind = meaning.kind
        if kind is None and code is not None:
            kind = "connection"
        return Reading(
            kind, code or (str(status) if status else None), status, meaning.id if meaning else None
        )


@functools.cache
def shipped() -> Signatures:
    """The signatures that came with cc-guard."""
    with open(os.path.join(os.path.dirname(__file__), "signatures.toml"), "rb") as file:
        return parse(tomllib.load(file))


def parse(data: dict[str, Any]) -> Signatures:
    """Raises KeyError or re.error for an entry that is not whole."""
    return Signatures(
        tuple(
            RetryPattern(e["id"], cast(Where, e["where"]), re.compile(e["pattern"])) for e in data["retry"]
        ),
        tuple(Meaning(e["id"], re.compile(e["pattern"]), cast(Kind, e["kind"])) for e in data["meaning"]),
        cast(dict[str, Kind], data["status"]),
        cast(dict[str, Kind], data["codes"]),
    )
