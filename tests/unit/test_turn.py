"""What the client is in the middle of, by its transcript and hooks: real ones, and made-up orders of them."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cc_guard.channels.spool import HookEvent
from cc_guard.detect.turn import Turn
from cc_guard.replay.cast import Cast, read
from tests.support import prompts, replay

V330, V60, V120 = (2, 1, 330), (2, 0, 60), (1, 0, 120)
T0 = 1_800_000_000.0


class Session:
    """A turn that is told things at seconds after T0."""

    def __init__(self, version: tuple[int, ...] | None = V330) -> None:
        self.turn = Turn(version)

    def hook(self, t: float, event: str, **payload: Any) -> "Session":
        self.turn.hook(HookEvent(event, T0 + t, {"session_id": "one", **payload}))
        return self

    def row(self, t: float, row_type: str, content: object, **more: Any) -> "Session":
        stamp = datetime.fromtimestamp(T0 + t, UTC).isoformat().replace("+00:00", "Z")
        self.turn.row({"type": row_type, "timestamp": stamp, "message": {"content": content}, **more})
        return self

    def prompt(self, t: float, text: str = "do it", **more: Any) -> "Session":
        return self.row(t, "user", text, **more)

    def call(self, t: float, name: str = "a", **more: Any) -> "Session":
        block = {"type": "tool_use", "id": name, "name": "Bash"}
        return self.row(t, "assistant", [block], message={"model": "claude", "content": [block]}, **more)

    def result(self, t: float, name: str = "a", **more: Any) -> "Session":
        return self.row(t, "user", [{"type": "tool_result", "tool_use_id": name}], **more)

    def answer(self, t: float) -> "Session":
        block = {"type": "text", "text": "done"}
        return self.row(t, "assistant", [block], message={"model": "claude", "content": [block]})

    def failure(self, t: float) -> "Session":
        block = {"type": "text", "text": "API Error: 503"}
        message = {"model": "<synthetic>", "content": [block]}
        return self.row(t, "assistant", [block], message=message, isApiErrorMessage=True)


def test_a_call_runs_until_its_result() -> None:
    session = Session().hook(0, "SessionStart", source="startup").hook(1, "UserPromptSubmit").prompt(1)
    assert session.call(2).call(2.1, "b").turn.tools_running == 2
    assert session.result(3).turn.tools_running == 1
    assert session.result(4, "b").turn.tools_running == 0


def test_a_sub_agents_calls_count() -> None:
    session = Session(V120).call(1, "task").call(2, "inner", isSidechain=True)
    assert session.turn.tools_running == 2
    session.result(3, "inner", isSidechain=True)
    assert session.turn.tools_running == 1


def test_a_call_without_a_time_counts_as_well() -> None:
    turn = Turn(V330)
    turn.row({"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "a"}]}})
    assert turn.tools_running == 1


def test_a_permission_that_is_asked_for_before_its_row_is_written() -> None:
    session = Session().hook(1, "UserPromptSubmit").hook(2, "PermissionRequest", tool_name="Bash")
    assert session.turn.permission_pending
    session.prompt(1).call(1.9)
    assert session.turn.permission_pending
    session.result(5)
    assert not session.turn.permission_pending


def test_which_of_two_calls_is_asked_about_is_not_known() -> None:
    session = Session().call(1, "a").call(1, "b").hook(2, "PermissionRequest")
    assert session.result(3, "b").turn.permission_pending
    assert not session.result(4, "a").turn.permission_pending


def test_a_refused_permission_is_over() -> None:
    session = Session().call(1).hook(2, "PermissionRequest").result(3)
    session.row(3.1, "user", [{"type": "text", "text": "[Request interrupted by user for tool use]"}])
    assert not session.turn.permission_pending
    assert session.turn.tools_running == 0
    assert session.turn.ended


def test_old_clients_only_notify() -> None:
    session = Session(V120).prompt(0).call(1)
    session.hook(7, "Notification", message="Claude needs your permission to use Bash")
    assert session.turn.permission_pending
    idle = Session(V330).answer(1).hook(61, "Notification", notification_type="idle_prompt")
    assert not idle.turn.permission_pending


def test_a_sub_agent_asks_for_permission() -> None:
    session = Session().hook(1, "UserPromptSubmit").hook(2, "PermissionRequest", agent_id="x")
    assert session.turn.permission_pending
    assert not session.hook(9, "Stop").turn.permission_pending


def test_a_failure_stays_until_the_user_speaks_or_the_model_answers() -> None:
    session = Session().hook(1, "UserPromptSubmit").hook(5, "StopFailure", error="server_error")
    assert session.turn.failed_t == T0 + 5
    assert session.turn.ended
    # 2.1.330 writes the prompt of the failed turn after its failure.
    session.prompt(1).failure(4.9)
    assert session.turn.failed_t == T0 + 5
    assert session.turn.last_prompt_t == T0 + 1
    session.hook(9, "UserPromptSubmit")
    assert session.turn.failed_t is None
    assert session.turn.last_prompt_t == T0 + 9
    assert not session.turn.ended
    session.failure(12)
    assert session.turn.failed_t == T0 + 12
    assert session.answer(14).turn.failed_t is None


def test_a_sub_agents_failure_is_not_the_turns() -> None:
    session = Session().hook(1, "UserPromptSubmit").hook(3, "StopFailure", agent_id="x")
    assert session.turn.failed_t is None
    assert not session.turn.ended


def test_escape_is_no_failure() -> None:
    """1.0.120 writes both."""
    session = Session(V120).prompt(1).failure(4)
    session.row(4, "user", [{"type": "text", "text": "[Request interrupted by user]"}])
    session.row(4.001, "user", [{"type": "text", "text": "[Request interrupted by user]"}])
    assert session.turn.failed_t is None
    assert session.turn.ended


def test_words_that_are_written_after_the_end_begin_nothing() -> None:
    session = Session().hook(1, "UserPromptSubmit").hook(5, "Stop").answer(5.2).prompt(1)
    assert session.turn.ended
    session.hook(9, "UserPromptSubmit")
    assert not session.turn.ended


def test_what_is_said_in_the_users_name_is_no_prompt() -> None:
    session = Session().hook(1, "UserPromptSubmit").hook(5, "Stop")
    session.prompt(
        8, "<task-notification>\n<tool-use-id>a</tool-use-id>", origin={"kind": "task-notification"}
    )
    assert session.turn.last_prompt_t == T0 + 1


def test_what_runs_in_the_background() -> None:
    session = Session().call(1)
    session.result(2, toolUseResult={"backgroundTaskId": "bsgejr7ah"})
    assert (session.turn.tools_running, session.turn.background_tasks) == (0, 1)
    session.call(3, "agent").result(4, "agent", toolUseResult={"isAsync": True, "status": "async_launched"})
    assert session.hook(5, "Stop").turn.background_tasks == 2
    told = (
        "<task-notification>\n<task-id>x</task-id>\n<tool-use-id>{}</tool-use-id>\n<status>completed</status>"
    )
    session.turn.row({"type": "queue-operation", "operation": "enqueue", "content": told.format("a")})
    assert session.turn.background_tasks == 1
    session.prompt(9, told.format("agent"), origin={"kind": "task-notification"})
    assert session.turn.background_tasks == 0


def test_the_session_is_the_last_that_was_named() -> None:
    session = Session(V330).hook(0, "SessionStart", source="startup", session_id="one")
    assert session.turn.session_id == "one"
    session.hook(9, "SessionStart", source="clear", session_id="two")
    assert session.turn.session_id == "two"
    session.hook(12, "PermissionRequest", agent_id="x", session_id="three")
    assert session.turn.session_id == "two"


def test_before_2_0_the_first_hook_of_a_resumed_session_names_another() -> None:
    session = Session(V120).hook(0, "SessionStart", source="resume", session_id="never")
    assert session.turn.session_id is None
    assert session.hook(3, "UserPromptSubmit", session_id="real").turn.session_id == "real"
    assert Session(V60).hook(0, "SessionStart", source="resume", session_id="x").turn.session_id == "x"


def test_the_past_of_a_resumed_session_is_history() -> None:
    session = Session().hook(100, "SessionStart", source="resume").prompt(10).failure(12)
    assert session.turn.failed_t is None
    assert session.turn.last_prompt_t is None
    assert session.turn.ended


def test_a_clock_that_was_set_back() -> None:
    session = (
        Session()
        .hook(3600, "SessionStart", source="startup")
        .hook(3601, "UserPromptSubmit")
        .hook(3602, "Stop")
    )
    session.hook(10, "UserPromptSubmit").prompt(10).call(11)
    assert session.turn.last_prompt_t == T0 + 10
    assert session.turn.tools_running == 1
    assert not session.turn.ended
    session.result(12).hook(13, "StopFailure")
    assert session.turn.failed_t == T0 + 13
    assert session.turn.ended


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"type": "user"},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": 7}]}},
        {"type": "user", "timestamp": 5, "message": "x", "toolUseResult": "y", "origin": "z"},
        {"type": "queue-operation", "content": None},
        {"type": "user", "timestamp": "9999-12-31T23:59:59+14:00", "message": {"content": None}},
    ],
)
def test_rows_that_make_no_sense(row: dict[str, Any]) -> None:
    turn = Turn(None)
    turn.row(row)
    assert (turn.tools_running, turn.permission_pending, turn.last_prompt_t) == (0, False, None)


# Real clients


def told(cast: Cast) -> Iterator[tuple[Turn, str, str]]:
    """The turn after each marker that says something: its kind and what it says."""
    turn = Turn(tuple(map(int, cast.notes["version"].split("."))))
    for _, code, data in cast.events:
        kind, _, said = data.partition(" ")
        if code != "m":
            continue
        if kind == "transcript":
            turn.row(json.loads(said))
        elif kind == "hook":
            event = json.loads(said)
            turn.hook(HookEvent(event["event"], event["t"], event["payload"]))
        yield turn, kind, said


NAMES = sorted(path.name.removesuffix(".cast.gz") for path in replay.FOLDER.glob("*.cast.gz"))


@pytest.mark.parametrize("name", NAMES)
def test_after_an_answer_nothing_runs(name: str) -> None:
    cast = read(os.fspath(replay.FOLDER / f"{name}.cast.gz"))
    everything = list(told(cast))
    last = next((json.loads(said)["event"] for _, kind, said in reversed(everything) if kind == "hook"), "")
    turn = everything[-1][0]
    if last == "Stop":
        assert turn.ended
        assert turn.tools_running == 0
        assert not turn.permission_pending
    if last == "StopFailure":
        assert turn.ended
    failed = [label for label in cast.notes["expect"] if label["phase"] == "failed"]
    if failed and failed[-1]["until"] >= cast.seconds - 0.5 and last:
        assert turn.failed_t is not None


@pytest.mark.parametrize("version", ["1.0.120", "2.0.60", "2.1.330"])
def test_a_real_question(version: str) -> None:
    *_, (turn, _, _) = told(read(os.fspath(replay.FOLDER / f"{version}-permission-120x40.cast.gz")))
    assert turn.tools_running == 1
    assert not turn.ended
    assert turn.permission_pending or version == "1.0.120"


@pytest.mark.parametrize("version", ["1.0.120", "2.0.60", "2.1.132", "2.1.330"])
def test_a_real_tool(version: str) -> None:
    expected = {
        "may a tool run?": (1, True, False),
        "a tool runs": (1, True, False),  # which of several calls was asked about is not known
        "the tool has run": (0, False, True),
        "may another tool run?": (1, True, False),
        "it may not": (0, False, True),
    }
    seen = set()
    for turn, kind, said in told(read(os.fspath(prompts.FOLDER / f"{version}-work-80x24.cast.gz"))):
        did = json.loads(said)["did"] if kind == "prompt" else ""
        if did in expected:
            seen.add(did)
            running, asked, ended = expected[did]
            assert (turn.tools_running, turn.ended) == (running, ended), did
            assert turn.permission_pending == asked or version == "1.0.120", did
    assert seen == set(expected)


@pytest.mark.parametrize("name", [name for name in NAMES if "-resume-old-" in name])
def test_the_session_of_a_real_resume(name: str) -> None:
    cast = read(os.fspath(replay.FOLDER / f"{name}.cast.gz"))
    everything = list(told(cast))
    turn = everything[-1][0]
    rows = [json.loads(said) for _, kind, said in everything if kind == "transcript"]
    session = [row["sessionId"] for row in rows if "sessionId" in row][-1]
    if turn.session_id is not None:
        assert turn.session_id == session
    else:
        assert tuple(map(int, cast.notes["version"].split("."))) < (1, 0, 85)
