"""What a recording does not hold: secrets, and words of the conversation."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.channels import excerpt, facts
from cc_guard.channels.spool import HookEvent
from cc_guard.guard.masking import drawn
from tests.unit.taped import KEY, Taped


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.cast"
    path.touch()
    return path


def test_secrets_are_masked_wherever_they_are(file: Path) -> None:
    tape = Taped(file, command=f"claude 'my key is {KEY}' TOKEN=abc")
    tape.size(80, 24)
    tape.output(f"API key: sk-ant-...{KEY[-20:]}\r\n")
    row = {"type": "assistant", "isApiErrorMessage": True, "error": f"key {KEY}"}
    message = {"model": "<synthetic>", "content": [{"type": "text", "text": f"bad key {KEY}"}]}
    tape.recording.row(row | {"message": message})
    tape.recording.hook(HookEvent("StopFailure", 1.0, {"last_assistant_message": f"bad {KEY}", "error": KEY}))
    tape.recording.close()
    written = file.read_text()
    assert KEY[-20:] not in written
    assert KEY[:13] not in written
    assert tape.lines()[0]["command"] == "claude 'my key is sk-ant-***' TOKEN=***"
    assert tape.events()[0][2] == f"API key: sk-ant-...{'*' * 20}\r\n"
    assert json.loads(tape.events()[1][2].removeprefix("transcript "))["error"] == f"key {'*' * len(KEY)}"


@given(st.lists(st.tuples(st.integers(1, 25), st.sampled_from([0.0, 0.02, 0.06, 0.2])), min_size=1))
def test_a_secret_in_pieces(tmp_path_factory: Any, cuts: list[tuple[int, float]]) -> None:
    path = tmp_path_factory.mktemp("cast") / "a.cast"
    path.touch()
    tape = Taped(path)
    tape.size(80, 24)
    data = f"before {KEY} between \x1b[1m{KEY[:30]}\r\n  {KEY[30:]}\x1b[m after".encode()
    while data:
        for size, seconds in cuts:
            tape.output(data[:size])
            data = data[size:]
            tape.clock.passes(seconds)
    tape.recording.close()
    seen = drawn(tape.shown().encode()).decode()
    assert [KEY[at : at + 8] for at in range(len(KEY) - 7) if KEY[at : at + 8] in seen] == []
    assert len(tape.shown()) == len(f"before {KEY} between \x1b[1m{KEY}\r\n  \x1b[m after")
    quick = all(seconds < 0.05 for _, seconds in cuts)
    if quick:
        assert tape.shown().count("*") == 2 * len(KEY)


# What detection is told


def test_rows_hold_no_conversation() -> None:
    said = {"type": "text", "text": "my plan"}
    for row in (
        {"type": "user", "message": {"role": "user", "content": "my plan"}, "cwd": "/secret"},
        {"type": "user", "message": {"role": "user", "content": [said]}},
        {
            "type": "user",
            "toolUseResult": "my plan",
            "message": {"content": [{"type": "tool_result", "content": "my plan"}]},
        },
        {
            "type": "assistant",
            "message": {"model": "m", "content": [said, {"type": "tool_use", "input": "my plan"}]},
        },
        {"type": "api-request", "id": "1", "querySource": "repl_main_thread", "prompt": "my plan"},
        {"type": "system", "subtype": "api_error", "error": {"status": 529, "headers": {"x": "my plan"}}},
    ):
        kept = json.dumps(excerpt.of_row(row))
        assert "plan" not in kept
        assert "secret" not in kept
    for event in ("UserPromptSubmit", "Stop", "SessionStart"):
        payload = {"prompt": "my plan", "last_assistant_message": "my plan", "transcript_path": "/t.jsonl"}
        assert "plan" not in json.dumps(excerpt.of_hook(HookEvent(event, 1.0, payload)))


@pytest.mark.parametrize(
    "row",
    [
        {"type": "summary", "summary": "my plan"},
        {"type": "file-history-snapshot"},
        {"type": "system", "subtype": "local_command"},
        {"type": "assistant", "isSidechain": True, "message": {"model": "m", "content": []}},
    ],
)
def test_rows_that_tell_nothing_are_left_out(row: dict[str, Any]) -> None:
    assert excerpt.of_row(row) is None


TEXTS = st.sampled_from(["", "hello", "[Request interrupted by user]", "API Error: 529 Overloaded"])
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_use", "tool_result", 1])},
    optional={"text": TEXTS, "id": st.sampled_from(["t1", None]), "tool_use_id": st.sampled_from(["t1", 5])},
)
ROWS = st.fixed_dictionaries(
    {"type": st.sampled_from(["user", "assistant", "system", "api-request", "summary", None])},
    optional={
        "subtype": st.sampled_from(["api_error", "other"]),
        "isSidechain": st.sampled_from([True, False, None]),
        "isApiErrorMessage": st.booleans(),
        "isMeta": st.booleans(),
        "isCompactSummary": st.booleans(),
        "retryAttempt": st.sampled_from([1, "1", None]),
        "maxRetries": st.sampled_from([10, 1.5]),
        "retryInMs": st.sampled_from([500, 1.5, -1, "x"]),
        "error": st.sampled_from([None, "server_error", {"status": 529}, {"status": "x"}, []]),
        "id": st.sampled_from(["r1", 7]),
        "querySource": st.sampled_from(["repl_main_thread", "title"]),
        "message": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "model": st.sampled_from(["<synthetic>", "opus", 3]),
                    "content": st.one_of(TEXTS, st.lists(st.one_of(BLOCKS, st.none()), max_size=3)),
                },
            ),
        ),
    },
)


@given(ROWS)
def test_an_excerpt_says_what_the_row_says(row: dict[str, Any]) -> None:
    kept = excerpt.of_row(row)
    if kept is None:
        assert facts.is_sidechain(row) or not (
            facts.is_api_error(row) or facts.retry(row) or facts.is_progress(row) or facts.request_id(row)
        )
        assert facts.is_sidechain(row) or not (facts.is_interrupted(row) or facts.is_request(row))
        return
    for question in (
        *(facts.is_sidechain, facts.is_api_error, facts.retry, facts.request_id, facts.is_progress),
        *(facts.is_interrupted, facts.is_request, facts.is_prompt, facts.tools_called, facts.tools_finished),
    ):
        assert question(kept) == question(row)
    if facts.is_api_error(row):
        assert facts.error_text(kept) == facts.error_text(row)
