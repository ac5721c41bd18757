"""The last run's result with what the runs before it have used. Pure."""

import json
from collections.abc import Iterable
from typing import Any

from cc_guard.headless import report

Result = dict[str, Any]

_SUMS = ("duration_ms", "duration_api_ms")
_COSTS = ("total_cost_usd", "modelUsage")  # restored by --resume in versions that keep them
_CONSTANT = ("contextWindow", "maxOutputTokens")


def amend(earlier: list[bytes], printed: bytes, keeps_costs: bool, counts_turns: bool) -> bytes:
    """`printed` is a json document or a line of stream-json, and `earlier` what was printed in its place by
    the runs before. What can't be read stays as it is."""
    try:
        value = json.loads(printed)
        before = [report.rows(one) for one in earlier]
        results = [row for rows in before for row in rows if row.get("type") == "result"]
        if isinstance(value, list):
            *rows, last = value
            rest = [row for row in rows if not _is_init(row)]
            value = [*_conversation(before), *rest, total(results, last, keeps_costs, counts_turns)]
        elif value.get("type") == "result":
            value = total(results, value, keeps_costs, counts_turns)
        else:
            return printed
        end = b"\n" if printed.endswith(b"\n") else b""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + end
    except (ValueError, TypeError, AttributeError, RecursionError):
        return printed


def total(earlier: list[Result], last: Result, keeps_costs: bool, counts_turns: bool) -> Result:
    """`counts_turns`: num_turns are those of one run (since 2.0); before, they are all of the session."""
    merged = dict(last)
    for result in earlier:
        for key in (*_SUMS, "usage", *(() if keeps_costs else _COSTS)):
            if key in result and key in merged:
                merged[key] = _added(result[key], merged[key])
        if isinstance(result.get("permission_denials"), list):
            merged["permission_denials"] = result["permission_denials"] + merged.get("permission_denials", [])
        if counts_turns:
            # The request that failed was counted, and is counted again.
            merged["num_turns"] = merged["num_turns"] + result["num_turns"] - 1
    return {key: merged[key] for key in last}


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        both = {key: value for key, value in one.items() if key not in other}
        return both | {
            key: value if key in _CONSTANT or key not in one else _added(one[key], value)
            for key, value in other.items()
        }
    if _is_number(one) and _is_number(other):
        return one + other
    return other


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _conversation(before: list[list[Result]]) -> Iterable[Result]:
    """What the failed runs have said, without the reports of their failures and with one beginning."""
    for number, rows in enumerate(before):
        for row in rows:
            model = row["message"].get("model") if isinstance(row.get("message"), dict) else None
            if row.get("type") != "result" and model != "<synthetic>" and not (number and _is_init(row)):
                yield row


def _is_init(row: Result) -> bool:
    return row.get("type") == "system" and row.get("subtype") == "init"
