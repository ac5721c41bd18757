"""What of the client's output is passed on at once, what is withheld, and what becomes of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.headless.output import Document, Output, Stream

SENTENCE = "API Error: Connection error."


def line(type_: str, **rest: Any) -> bytes:
    return json.dumps({"type": type_, **rest}, separators=(",", ":")).encode() + b"\n"


INIT = line("system", subtype="init", session_id="s")
RETRY = line("system", subtype="api_retry", attempt=1)
TOOL = line("assistant", message={"model": "opus", "content": [{"type": "tool_use"}]})
# As a tool might quote a failure: everywhere but at the top.
QUOTE = line(
    "user", tool_use_result={"type": "result", "is_error": True, "message": {"model": "<synthetic>"}}
)
ANSWER = line("assistant", message={"model": "opus", "content": [{"type": "text", "text": "hi"}]})
ERROR = line("assistant", message={"model": "<synthetic>", "content": [{"type": "text", "text": SENTENCE}]})
FAILED = line("result", subtype="success", is_error=True, result=SENTENCE)
DONE = line("result", subtype="success", is_error=False, result="hi")
STATE = line("system", subtype="session_state_changed")


class Written:
    """An output, and what has got through it."""

    def __init__(self, kind: str) -> None:
        self.data = b""
        self.output: Output = (
            Stream(self._write) if kind == "stream" else Document(self._write, kind == "json")
        )

    def _write(self, data: bytes) -> None:
        self.data += data

    def feed(self, *parts: bytes) -> bytes:
        for part in parts:
            self.output.feed(part)
        return self.data


@pytest.mark.parametrize(("kind", "document"), [("text", b"hello\n"), ("json", DONE)])
def test_a_document_is_passed_on_when_it_is_complete(kind: str, document: bytes) -> None:
    written = Written(kind)
    assert written.feed(document[:-1]) == b""
    assert written.feed(document[-1:]) == document
    assert not written.output.held


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("text", b"API Error: Connection error.\n"),
        ("text", b"Half an answer\nAPI Error: Connection lost mid-response.\n"),
        ("text", b"Request timed out.\n"),
        ("json", FAILED),
        ("json", b"[" + INIT[:-1] + b"," + FAILED[:-1] + b"]\n"),
    ],
)
def test_the_report_of_a_failure_is_withheld(kind: str, document: bytes) -> None:
    written = Written(kind)
    assert written.feed(document) == b""
    assert written.output.failed
    written.output.release()
    assert written.data == document


def test_another_run_in_place_of_the_report() -> None:
    written = Written("text")
    written.feed(b"API Error: Connection error.\n")
    written.output.again()
    assert written.feed(b"hello\n") == b""
    written.output.release()
    assert written.data == b"hello\n"


def test_no_other_run_after_all() -> None:
    written = Written("json")
    written.feed(FAILED)
    written.output.again()
    written.output.take_back()
    written.output.release()
    assert written.data == FAILED


def test_more_than_is_kept() -> None:
    written = Written("text")
    written.feed(b"API Error " + b"x" * (16 << 20))
    assert len(written.data) == (16 << 20) + 10
    assert written.feed(b"y\n").endswith(b"y\n")
    assert not written.output.failed


@pytest.mark.parametrize("row", [INIT, RETRY, TOOL, QUOTE, ANSWER, DONE, b"no json\n", b"[1]\n", b"\n"])
def test_a_line_is_passed_on_at_once(row: bytes) -> None:
    assert Written("stream").feed(row) == row


def test_a_line_that_is_not_complete_waits() -> None:
    written = Written("stream")
    assert written.feed(INIT + ANSWER[:10]) == INIT
    assert written.feed(ANSWER[10:]) == INIT + ANSWER


def test_the_stream_goes_on() -> None:
    written = Written("stream")
    assert written.feed(INIT, RETRY, TOOL, ERROR, FAILED) == INIT + RETRY + TOOL
    assert written.output.failed
    written.output.again()
    assert written.feed(INIT, ANSWER, DONE) == INIT + RETRY + TOOL + ANSWER + DONE
    written.output.release()
    assert written.data == INIT + RETRY + TOOL + ANSWER + DONE


def test_what_comes_after_the_report_is_kept() -> None:
    written = Written("stream")
    assert written.feed(ERROR, FAILED, STATE) == b""
    written.output.again()
    assert written.data == STATE


def test_a_report_that_stands() -> None:
    written = Written("stream")
    written.feed(INIT, ERROR, FAILED, STATE)
    written.output.release()
    assert written.data == INIT + ERROR + FAILED + STATE


@pytest.mark.parametrize("row", [ANSWER, TOOL, QUOTE, DONE])
def test_a_client_that_goes_on_by_itself(row: bytes) -> None:
    """An error of its own words in between is no end."""
    written = Written("stream")
    assert written.feed(ERROR, row) == ERROR + row
    assert not written.output.failed


def test_two_reports_are_not_one() -> None:
    written = Written("stream")
    assert written.feed(ERROR, FAILED, FAILED) == ERROR + FAILED
    assert bytes(written.output.held) == FAILED


def test_the_last_report_can_be_amended() -> None:
    written = Written("stream")
    written.output.amend = lambda earlier, report: b"%d %s" % (len(earlier), report)
    assert written.feed(INIT, DONE) == INIT + DONE, "of one run nothing is"
    written.feed(FAILED)
    written.output.again()
    assert written.feed(DONE).endswith(b"1 " + DONE)


LINES = st.sampled_from([INIT, RETRY, TOOL, QUOTE, ANSWER, ERROR, FAILED, DONE, STATE, b"\n", b"x\ry\r\n"])


@given(rows=st.lists(LINES), tail=st.sampled_from([b"", b"x", FAILED[:-1]]), data=st.data())
def test_no_byte_is_lost_or_moved(rows: list[bytes], tail: bytes, data: st.DataObject) -> None:
    whole = b"".join(rows) + tail
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    for kind in ("text", "json", "stream"):
        written = Written(kind)
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            written.feed(whole[start:end])
            assert whole.startswith(written.data)
        written.output.release()
        assert written.data == whole
