"""What a client said about its failure on stdout."""

import json
from typing import Any, NamedTuple


class Report(NamedTuple):
    """`text` ends with the client's sentence; a part of an answer may stand before it. `session` is None in
    text mode."""

    text: str
    session: str | None


def read(held: bytes, output: str) -> Report | None:
    """None when it is not a failure after all."""
    if output == "text":
        return Report(held.decode(errors="replace").strip(), None)
    result = next((row for row in reversed(rows(held)) if row.get("type") == "result"), None)
    if result is None or result.get("is_error") is not True or not isinstance(result.get("result"), str):
        return None
    session = result.get("session_id")
    return Report(result["result"].strip(), session if isinstance(session, str) else None)


def rows(printed: bytes) -> list[dict[str, Any]]:
    """The objects in what was printed as json (one, or an array with --verbose) or stream-json (lines)."""
    found: list[Any] = []
    for line in printed.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        found += value if isinstance(value, list) else [value]
    return [row for row in found if isinstance(row, dict)]
