"""What the transcript says about a run that has failed."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cc_guard.channels.facts import Row
from cc_guard.channels.transcript import transcript_path
from cc_guard.headless import turn
from cc_guard.headless.plan import REMINDER

SENTENCE = "API Error: Connection error."
JOB, RUN = 1000.0, 2000.0


def row(type_: str, uuid: str, t: float = RUN + 1, **rest: Any) -> Row:
    stamp = datetime.fromtimestamp(t, UTC).isoformat().replace("+00:00", "Z")
    return {"type": type_, "uuid": uuid, "timestamp": stamp, **rest}


def said(uuid: str, text: str = "do it", t: float = RUN + 1, **rest: Any) -> Row:
    return row("user", uuid, t, message={"role": "user", "content": text}, **rest)


def answer(uuid: str, *blocks: dict[str, Any], t: float = RUN + 1, **rest: Any) -> Row:
    return row("assistant", uuid, t, message={"model": "opus", "content": list(blocks)}, **rest)


def calls(uuid: str, name: str = "t1", t: float = RUN + 1) -> Row:
    return answer(uuid, {"type": "tool_use", "id": name, "name": "Bash", "input": {}}, t=t)


def result(uuid: str, name: str = "t1", t: float = RUN + 1, **rest: Any) -> Row:
    return row(
        "user",
        uuid,
        t,
        message={"role": "user", "content": [{"type": "tool_result", "tool_use_id": name}]},
        **rest,
    )


def error(t: float = RUN + 9, text: str = SENTENCE) -> Row:
    content = [{"type": "text", "text": text}]
    return row(
        "assistant", "error", t, message={"model": "<synthetic>", "content": content}, isApiErrorMessage=True
    )


TEXT = {"type": "text", "text": "I will"}
ATTACHED = row("attachment", "attached")
RETRY: dict[str, Any] = {"subtype": "api_error", "retryAttempt": 1, "maxRetries": 10, "retryInMs": 500.0}


def read(*rows: Row, text: str = SENTENCE) -> turn.Turn | None:
    return turn.read("/x/session-1.jsonl", rows, text, JOB, RUN)


def found(*rows: Row) -> turn.Turn:
    one = read(*rows, error())
    assert one is not None
    return one


def test_a_request_that_got_no_answer() -> None:
    one = found(said("u1"))
    assert (one.session, one.text, one.after) == ("session-1", SENTENCE, "u1")
    assert (one.progressed, one.unfinished, one.retries, one.keeps_costs) == (False, False, 0, False)
    assert one.troubled_at == RUN + 9


def test_a_tool_that_has_run() -> None:
    one = found(said("u1"), answer("a1", TEXT), calls("a2"), result("u2"))
    assert (one.after, one.progressed, one.unfinished) == ("u2", True, False)


@pytest.mark.parametrize(
    ("rows", "after"),
    [
        ([said("u1"), ATTACHED], "attached"),
        ([said("u1"), said("meta", isMeta=True)], "meta"),
        ([ATTACHED, said("u1")], "u1"),
        ([said("u1"), {"type": "atis-latch"}, row("system", "s1", **RETRY)], "u1"),
        # a part of an answer, and what the client says to have the rest (2.1.330)
        ([said("u1"), answer("a1", TEXT), said("meta", isMeta=True), answer("a2", TEXT)], "u1"),
        ([said("u1"), calls("a1"), result("u2"), ATTACHED, answer("a2", TEXT)], "attached"),
        # the run before this one, with our words
        ([said("u1"), said("ours", REMINDER)], "u1"),
        ([said("u1"), said("ours", REMINDER), calls("a3", "t2"), result("u3", "t2")], "u3"),
        ([said("u1"), answer("side", TEXT, isSidechain=True), said("u2", isSidechain=True)], "u1"),
        ([said("u0"), answer("a0", TEXT), said("sum", isCompactSummary=True)], "sum"),
    ],
)  # fmt: skip
def test_where_the_conversation_goes_on(rows: list[Row], after: str) -> None:
    assert found(*rows).after == after


@pytest.mark.parametrize(
    "rows",
    [
        [said("u1")],  # no failure
        [said("u1"), error(text="API Error: 401")],  # another one
        [said("u1"), error(t=RUN - 5)],  # of an earlier run
        [said("u1"), error(), answer("a1", TEXT)],  # and then went on
        [said("u1"), error(), said("u2")],
        [error()],  # nothing was asked
        [],
    ],
)
def test_not_this_failure(rows: list[Row]) -> None:
    assert read(*rows) is None


def test_half_an_answer_stands_before_the_sentence() -> None:
    assert read(said("u1"), error(), text=f"Half an answer\n{SENTENCE}") is not None
    assert read(said("u1"), error(), text="Half an answer") is None


@pytest.mark.parametrize(
    "rows",
    [
        [calls("a1")],
        [calls("a1"), calls("a2", "t2"), result("u2")],
        [calls("a1"), result("u2", toolUseResult={"backgroundTaskId": "b1"})],
        [calls("a1"), result("u2", toolUseResult={"isAsync": True, "status": "async_launched"})],
        [calls("a1", t=JOB + 1), said("u2", REMINDER)],  # in an earlier run of this job
    ],
)
def test_a_tool_may_be_running(rows: list[Row]) -> None:
    assert found(said("u1"), *rows).unfinished


def test_tools_of_long_ago() -> None:
    """A call that a kill has orphaned once is no reason today."""
    assert not found(calls("a0", t=JOB - 100), said("u1")).unfinished
    assert not found(said("u1"), calls("a1"), result("u2", toolUseResult="plain text")).unfinished


def test_answers_of_an_earlier_run_are_no_progress() -> None:
    assert not found(said("u1", t=JOB + 1), calls("a1", t=JOB + 2), result("u2", t=JOB + 3)).progressed


def test_the_trouble_began_with_the_first_attempt() -> None:
    retries = [row("system", f"s{n}", RUN + n, **RETRY) for n in (3, 4, 5)]
    one = found(said("u1"), retries[0], answer("a1", TEXT), *retries[1:])
    assert (one.troubled_at, one.retries) == (RUN + 4, 2)


def test_costs_that_are_kept() -> None:
    assert found(said("u1"), {"type": "cost-state"}).keeps_costs


@pytest.mark.parametrize(
    "garbage", [{}, {"type": "assistant"}, {"message": 1}, {"timestamp": 3}, {"message": {"content": [1]}}]
)
def test_rows_that_say_nothing(garbage: Row) -> None:
    assert found(garbage, said("u1"), garbage).after == "u1"


class Folder:
    """The transcripts of one folder."""

    def __init__(self, tmp: Path) -> None:
        self.environ, self.cwd = {"HOME": str(tmp)}, str(tmp)
        self.now = time.time()

    def put(self, session: str, *rows: Row, age_s: float = 0.0) -> None:
        path = Path(transcript_path(self.environ, self.cwd, session))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        os.utime(path, (self.now - age_s, self.now - age_s))

    def find(self, session: str | None = None) -> str | None:
        one = turn.find(self.environ, self.cwd, session, SENTENCE, self.now - 9, self.now - 9)
        return one.session if one else None


def test_a_session_that_has_to_be_looked_for(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.find() is None
    failed = [said("u1"), error(t=folder.now)]
    folder.put("other", said("u1"), answer("a1", TEXT))
    folder.put("old", *failed, age_s=60)
    folder.put("mine", *failed)
    assert folder.find() == "mine"
    folder.put("another", *failed)
    assert folder.find() is None, "whose is it?"
    assert folder.find("mine") == "mine"
    assert folder.find("missing") is None


def test_when_the_model_answered_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.put("s", answer("a1", TEXT, t=10), error(t=20), answer("a2", TEXT, t=30), answer("a3", TEXT, t=40))
    assert turn.first_progress(folder.environ, folder.cwd, "s", 15) == 30
    assert turn.first_progress(folder.environ, folder.cwd, "s", 50) is None
