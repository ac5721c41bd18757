"""The report of a failure as printed, and the totals of several runs."""

import json
from typing import Any

import pytest

from cc_guard.headless import report, totals

SENTENCE = "API Error: Connection error."


def result(**rest: Any) -> dict[str, Any]:
    return {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "done",
        "session_id": "s",
        **rest,
    }


FAILED = result(is_error=True, result=SENTENCE)
INIT = {"type": "system", "subtype": "init"}
CALL = {"type": "assistant", "message": {"model": "opus", "content": [{"type": "tool_use"}]}}
ERROR = {"type": "assistant", "message": {"model": "<synthetic>"}}


def printed(*rows: Any) -> bytes:
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


@pytest.mark.parametrize(
    ("held", "output", "session"),
    [
        (f"{SENTENCE}\n".encode(), "text", None),
        (printed(FAILED), "json", "s"),
        (printed([INIT, ERROR, FAILED]), "json", "s"),
        (printed(ERROR, FAILED), "stream-json", "s"),
        (b"garbage\n" + printed(FAILED), "stream-json", "s"),
    ],
)
def test_what_was_said(held: bytes, output: str, session: str | None) -> None:
    assert report.read(held, output) == report.Report(SENTENCE, session)


@pytest.mark.parametrize(
    "held", [b"", b"{", printed(result()), printed(FAILED, result()), printed(ERROR), b"[" * 9000]
)
def test_nothing_was_said_of_a_failure(held: bytes) -> None:
    assert report.read(held, "json") is None


FIRST = result(
    is_error=True,
    num_turns=2,
    duration_ms=4000,
    total_cost_usd=0.25,
    usage={"input_tokens": 10, "server_tool_use": {"web_search_requests": 1}, "service_tier": "standard"},
    modelUsage={"opus": {"inputTokens": 10, "contextWindow": 200}, "haiku": {"inputTokens": 3}},
    permission_denials=[{"tool_name": "Write"}],
)
LAST = result(
    num_turns=1,
    duration_ms=500,
    total_cost_usd=0.5,
    usage={"input_tokens": 1, "server_tool_use": {"web_search_requests": 0}, "service_tier": "standard"},
    modelUsage={"opus": {"inputTokens": 1, "contextWindow": 200}},
    permission_denials=[],
)


def test_the_totals_of_two_runs() -> None:
    assert totals.total([FIRST], LAST, keeps_costs=False, counts_turns=True) == result(
        num_turns=2,
        duration_ms=4500,
        total_cost_usd=0.75,
        usage={"input_tokens": 11, "server_tool_use": {"web_search_requests": 1}, "service_tier": "standard"},
        modelUsage={"opus": {"inputTokens": 11, "contextWindow": 200}, "haiku": {"inputTokens": 3}},
        permission_denials=[{"tool_name": "Write"}],
    )


def test_what_the_client_counts_itself() -> None:
    merged = totals.total([FIRST], LAST, keeps_costs=True, counts_turns=False)
    assert (merged["num_turns"], merged["total_cost_usd"], merged["modelUsage"]) == (
        1,
        0.5,
        LAST["modelUsage"],
    )
    assert merged["usage"]["input_tokens"] == 11


def test_the_keys_are_those_of_the_last_run_in_its_order() -> None:
    merged = totals.total([{**FIRST, "api_error": "x"}], LAST, keeps_costs=False, counts_turns=True)
    assert list(merged) == list(LAST)


def test_a_document_a_line_and_an_array() -> None:
    line = totals.amend([printed(ERROR, FIRST)], printed(LAST), keeps_costs=False, counts_turns=True)
    assert line.endswith(b"\n")
    assert json.loads(line)["duration_ms"] == 4500
    whole = totals.amend([printed([INIT, CALL, ERROR, FIRST])], printed([INIT, CALL, LAST]), False, True)
    rows = json.loads(whole)
    assert rows[:-1] == [INIT, CALL, CALL]
    assert rows[-1]["duration_ms"] == 4500


def test_text_survives() -> None:
    last = result(result='ü\u2028 \ud83d\ude00 "quoted" <&>', num_turns=1)
    merged = totals.amend([printed(FIRST)], printed(last), keeps_costs=False, counts_turns=True)
    assert json.loads(merged)["result"] == json.loads(printed(last))["result"]


@pytest.mark.parametrize(
    "line", [b"garbage\n", printed(CALL), printed(INIT), b"3\n", printed({**LAST, "num_turns": "x"})]
)
def test_what_can_not_be_merged_stays_as_it_is(line: bytes) -> None:
    assert totals.amend([printed(FIRST)], line, keeps_costs=False, counts_turns=True) == line
