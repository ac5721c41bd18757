"""Finding the transcript, following it, and what its rows say."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.channels import facts, transcript
from cc_guard.channels.transcript import TranscriptTail, project_folder, transcript_path

# -- where it is


@pytest.mark.parametrize(
    ("cwd", "folder"),
    [  # made by 1.0.120, 2.0.60 and 2.1.330 alike, but for the last one
        ("/tmp/w/a.b_c d", "-tmp-w-a-b-c-d"),
        ("/tmp/w/ünï-ço/日本", "-tmp-w--n---o---"),
        ("/tmp/w/e\u0301x", "-tmp-w-e-x"),
        ("/tmp/w/emoji😀x", "-tmp-w-emoji--x"),
        ("/tmp/w/q'\"$`", "-tmp-w-q----"),
        ("/", "-"),
        (  # 2.1.330; the older two use the name as it is, and fail when it has more than 255 bytes
            f"/tmp/m312zp8sf/w/{'x' * 90}/{'y' * 90}/{'z' * 60}",
            f"-tmp-m312zp8sf-w-{'x' * 90}-{'y' * 90}-z-zfmebk",
        ),
    ],
)
def test_the_name_of_a_project_folder(cwd: str, folder: str) -> None:
    assert project_folder(cwd) == folder


def test_the_path_of_a_transcript(tmp_path: Path) -> None:
    (tmp_path / "real.dir").mkdir()
    (tmp_path / "link").symlink_to("real.dir")
    name = project_folder(f"{tmp_path}/real.dir")
    cwd = str(tmp_path / "link")
    assert transcript_path({"HOME": "/home/me"}, cwd, "id") == f"/home/me/.claude/projects/{name}/id.jsonl"
    environ = {"HOME": "/home/me", "CLAUDE_CONFIG_DIR": "/etc/claude"}
    assert transcript_path(environ, cwd, "id") == f"/etc/claude/projects/{name}/id.jsonl"


# -- following it


def row(number: int) -> bytes:
    return json.dumps({"type": "user", "n": number}).encode() + b"\n"


def numbers(tail: TranscriptTail) -> list[int]:
    return [row["n"] for row in tail.poll()]


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "id.jsonl"


def test_rows_come_as_they_are_written(path: Path) -> None:
    tail = TranscriptTail(str(path))
    assert numbers(tail) == []  # not there yet
    add(path, row(1) + row(2))
    assert numbers(tail) == [1, 2]
    assert numbers(tail) == []
    add(path, row(3))
    assert numbers(tail) == [3]


def test_a_line_comes_when_it_is_complete(path: Path) -> None:
    tail = TranscriptTail(str(path))
    line = row(1)
    add(path, line[:7])
    assert numbers(tail) == []
    add(path, line[7:-1])
    assert numbers(tail) == []
    add(path, line[-1:] + row(2)[:3])
    assert numbers(tail) == [1]


def test_a_resumed_session_starts_behind_its_past(path: Path) -> None:
    add(path, row(1) + row(2))
    tail = TranscriptTail(str(path), from_end=True)
    add(path, row(3))
    assert numbers(tail) == [3]


def test_the_end_of_a_line_begun_in_the_past_is_past(path: Path) -> None:
    add(path, row(1) + row(2)[:5])
    tail = TranscriptTail(str(path), from_end=True)
    add(path, row(2)[5:] + row(3))
    assert numbers(tail) == [3]


def test_from_the_end_of_nothing_is_from_the_beginning(path: Path) -> None:
    tail = TranscriptTail(str(path), from_end=True)
    add(path, row(1))
    assert numbers(tail) == [1]


def test_a_shorter_file_is_a_new_one(path: Path) -> None:
    add(path, row(1) + row(2) + row(3)[:4])
    tail = TranscriptTail(str(path), from_end=True)
    path.write_bytes(row(4))
    assert numbers(tail) == [4]


def test_a_replaced_file_is_read_to_its_end_and_the_new_one_from_its_beginning(path: Path) -> None:
    add(path, row(1))
    tail = TranscriptTail(str(path))
    assert numbers(tail) == [1]
    add(path, row(2))
    path.rename(path.with_suffix(".old"))
    add(path, row(3))
    assert numbers(tail) == [2, 3]


def test_a_deleted_file_may_come_back(path: Path) -> None:
    add(path, row(1))
    tail = TranscriptTail(str(path))
    assert numbers(tail) == [1]
    path.unlink()
    assert numbers(tail) == []
    add(path, row(2))
    assert numbers(tail) == [2]


def test_what_is_no_object_is_skipped(path: Path) -> None:
    tail = TranscriptTail(str(path))
    add(path, b"garbage\n\n[]\nnull\n\xff\xfe\n" + b"[" * 100_000 + b"\n" + b'{"a": \n' + row(1) + b'"x"\r\n')
    assert numbers(tail) == [1]


def test_an_endless_line_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "_LINE_LIMIT", 1000)
    monkeypatch.setattr(transcript, "_CHUNK", 64)
    tail = TranscriptTail(str(path))
    add(path, row(1) + b'{"n": "' + b"x" * 5000)
    assert numbers(tail) == [1]
    assert len(tail._line) <= 1000 + 64
    add(path, b"x" * 5000 + b'"}\n' + row(2))
    assert numbers(tail) == [2]


def test_one_poll_has_an_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "_CHUNK", 64)
    monkeypatch.setattr(transcript, "_POLL_LIMIT", 640)
    add(path, b"".join(map(row, range(100))))
    tail = TranscriptTail(str(path))
    polls = [numbers(tail) for _ in range(10)]
    assert len(polls[0]) < 100
    assert [number for poll in polls for number in poll] == list(range(100))


@pytest.mark.parametrize("name", [".", "none/id.jsonl"])
def test_what_is_no_file_has_no_rows(name: str, tmp_path: Path) -> None:
    assert TranscriptTail(str(tmp_path / name), from_end=True).poll() == []
    os.mkfifo(tmp_path / "pipe")
    assert TranscriptTail(str(tmp_path / "pipe")).poll() == []


def test_no_descriptor_is_left_open(path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    add(path, row(1))
    tail = TranscriptTail(str(path))
    for number in range(5):
        path.unlink()
        add(path, row(number))
        assert numbers(tail) == [number]
    tail.close()
    tail.close()
    assert len(os.listdir("/dev/fd")) == before


@given(st.lists(st.integers(0, 9), max_size=12), st.lists(st.integers(1, 40), max_size=20))
def test_however_it_is_cut(rows: list[int], cuts: list[int]) -> None:
    data = b"".join(map(row, rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "id.jsonl"
        tail = TranscriptTail(str(path))
        seen = []
        for cut in [*cuts, len(data)]:
            add(path, data[:cut])
            data = data[cut:]
            seen += numbers(tail)
        tail.close()
    assert seen == rows


# -- what the rows say; each is a row of the client named, shortened


def user(content: object, **more: object) -> dict[str, Any]:
    return {"type": "user", "isSidechain": False, "message": {"role": "user", "content": content}, **more}


def assistant(model: str, content: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    message = {"role": "assistant", "model": model, "content": content}
    return {"type": "assistant", "isSidechain": False, "message": message, **more}


TEXT = {"type": "text", "text": "API Error: Connection error."}
FAILED = assistant("<synthetic>", [TEXT], isApiErrorMessage=True)  # all three
FAILED_NEW = FAILED | {"apiError": "connection_failed", "error": "server_error"}  # 2.1.330
ANSWER = assistant("claude-sonnet-4-5-20250929", [TEXT])
CALL = assistant("claude-opus-5-5", [{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}])
RESULT = user([{"type": "tool_result", "tool_use_id": "toolu_1", "content": "x", "is_error": False}])
PROMPT = user("say never")
RETRY = {  # 2.0.60
    "type": "system",
    "subtype": "api_error",
    "level": "error",
    "retryInMs": 512.234965607922,
    "retryAttempt": 1,
    "maxRetries": 10,
}
REQUEST = {"type": "api-request", "id": "eb1dbc51", "querySource": "repl_main_thread"}  # 2.1.330
OTHERS: list[dict[str, Any]] = [
    {},
    {"type": "mode", "mode": "normal"},
    {"type": "file-history-snapshot", "snapshot": {}},
    {"type": "system", "subtype": "turn_duration"},
    {"type": "user", "message": None},
    {"type": "user", "message": {"content": []}},
    {"type": "assistant", "message": {"content": "x", "model": 1}},
    {"type": "assistant", "message": []},
    assistant("<synthetic>", [TEXT]),  # "No response requested." and the like
    user("Caveat: …", isMeta=True),
]
ROWS = [FAILED, FAILED_NEW, ANSWER, CALL, RESULT, PROMPT, RETRY, REQUEST, *OTHERS]


def those(said: list[Any]) -> list[int]:
    return [index for index, value in enumerate(said) if value]


def test_each_fact_is_in_its_rows_alone() -> None:
    assert those([facts.is_api_error(row) for row in ROWS]) == [0, 1]
    assert those([facts.is_progress(row) for row in ROWS]) == [2, 3]
    assert those([facts.tools_called(row) for row in ROWS]) == [3]
    assert those([facts.tools_finished(row) for row in ROWS]) == [4]
    assert those([facts.is_prompt(row) for row in ROWS]) == [5]
    assert those([facts.retry(row) for row in ROWS]) == [6]
    assert those([facts.request_id(row) for row in ROWS]) == [7]
    assert those([facts.is_sidechain(row) for row in ROWS]) == []


def test_the_words_of_a_failure() -> None:
    assert facts.error_text(FAILED) == "API Error: Connection error."


def test_a_retry_says_how_long_the_client_waits() -> None:
    assert facts.retry(RETRY) == facts.Retry(1, 10, 0.512234965607922)
    assert facts.retry(RETRY | {"retryAttempt": "1"}) is None


def test_tools_are_paired_by_id() -> None:
    assert facts.tools_called(CALL) == facts.tools_finished(RESULT) == ["toolu_1"]


def test_a_prompt_with_a_picture_is_a_prompt() -> None:
    assert facts.is_prompt(user([{"type": "text", "text": "look"}, {"type": "image"}]))


def test_requests_of_sub_agents_and_titles_are_not_the_conversation() -> None:
    assert facts.request_id(REQUEST | {"querySource": "generate_session_title"}) is None


def test_a_sub_agents_row_is_flagged() -> None:
    assert facts.is_sidechain(ANSWER | {"isSidechain": True})
    assert facts.session_id(ANSWER | {"sessionId": "x"}) == "x"
    assert facts.session_id(ANSWER) is None
