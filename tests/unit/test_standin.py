"""The stand-in for the Messages API does what the tests of the rest take for granted."""

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.standin.answers import Text, ToolUse, answer_to, prompt_of
from tests.standin.api import StandIn
from tests.standin.faults import Fault

TOOLS = [{"name": "Bash"}]
REMINDER = {"type": "text", "text": "<system-reminder>\nsay nothing\n</system-reminder>"}


@pytest.fixture
def api() -> Iterator[StandIn]:
    with StandIn() as api:
        yield api


def body(prompt: str, **more: object) -> dict[str, Any]:
    messages = [{"role": "user", "content": [REMINDER, {"type": "text", "text": prompt}]}]
    return {"model": "m", "max_tokens": 100, "tools": TOOLS, "messages": messages, **more}


def connect(api: StandIn) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", api.port, timeout=5)


def ask(api: StandIn, prompt: str = "say hi there", **more: object) -> tuple[int, bytes]:
    with closing(connect(api)) as connection:
        connection.request("POST", "/v1/messages?beta=true", json.dumps(body(prompt, **more)))
        response = connection.getresponse()
        return response.status, response.read()


def get(api: StandIn, path: str = "/") -> int:
    with closing(connect(api)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def events(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: ")]


# -- answers


def test_say_is_answered_in_one_piece(api: StandIn) -> None:
    status, raw = ask(api)
    message = json.loads(raw)
    assert status == 200
    assert message["content"] == [{"type": "text", "text": "hi there"}]
    assert message["stop_reason"] == "end_turn"


def test_a_stream_runs_from_message_start_to_message_stop(api: StandIn) -> None:
    stream = events(ask(api, stream=True)[1])
    assert [event["type"] for event in stream] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "".join(event["delta"]["text"] for event in stream[2:4]) == "hi there"


def test_run_calls_bash_and_its_result_ends_the_turn(api: StandIn) -> None:
    stream = events(ask(api, "run ls -l", stream=True)[1])
    start = next(event for event in stream if event.get("content_block", {}).get("type") == "tool_use")
    delta = next(event for event in stream if event.get("delta", {}).get("type") == "input_json_delta")
    assert start["content_block"]["name"] == "Bash"
    assert json.loads(delta["delta"]["partial_json"])["command"] == "ls -l"
    assert stream[-2]["delta"]["stop_reason"] == "tool_use"

    request = body("run ls -l")
    result = {"type": "tool_result", "tool_use_id": start["content_block"]["id"], "content": "a\nb"}
    request["messages"].append({"role": "user", "content": [result, REMINDER]})
    assert prompt_of(request) is None
    assert answer_to(request) == [Text(("The command is done.",))]


def test_long_is_slow_by_itself() -> None:
    [block] = answer_to(body("long 3"))
    assert isinstance(block, Text)
    assert len(block.chunks) == 3
    assert block.pause_s > 0


def test_anything_else_is_repeated() -> None:
    assert answer_to(body("continue")) == [Text(("Heard: continue",))]
    assert not isinstance(answer_to(body("running late"))[0], ToolUse)


def test_the_clients_own_questions_are_answered() -> None:
    def aside(**more: object) -> str:
        [block] = answer_to(body("say hi", **more) | {"tools": []})
        assert isinstance(block, Text)
        return "".join(block.chunks)

    assert aside(max_tokens=1) == "ok"
    topic = json.loads(aside(system=[{"type": "text", "text": "… fields: 'isNewTopic' (boolean) …"}]))
    assert topic["isNewTopic"] is False
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    assert json.loads(aside(output_config={"format": {"type": "json_schema", "schema": schema}}))["title"]


def test_an_answer_the_client_has_begun_is_only_continued() -> None:
    request = body("say hi", system="isNewTopic") | {"tools": []}
    request["messages"].append({"role": "assistant", "content": [{"type": "text", "text": "{"}]})
    [block] = answer_to(request)
    assert isinstance(block, Text)
    assert json.loads("{" + "".join(block.chunks)) == {"isNewTopic": False, "title": None}


# -- the log


def test_the_log_tells_what_came_without_secrets(api: StandIn) -> None:
    before = time.time()
    with closing(connect(api)) as connection:
        headers = {"X-Api-Key": "sk-ant-secret", "User-Agent": "claude-cli/1"}
        connection.request("POST", "/v1/messages?beta=true", json.dumps(body("say hi")), headers)
        connection.getresponse().read()
    get(api, "/v1/models")
    message, other = api.log
    assert (message.method, message.path, message.status, message.prompt) == (
        "POST",
        "/v1/messages",
        200,
        "say hi",
    )
    assert before <= message.t <= other.t <= time.time()
    assert message.headers["user-agent"] == "claude-cli/1"
    assert "secret" not in str(message)
    assert message.conversation
    assert not other.conversation
    assert other.status == 404


def test_wait_for(api: StandIn) -> None:
    threading.Timer(0.1, get, [api, "/later"]).start()
    assert api.wait_for(lambda request: request.path == "/later", timeout=5).method == "GET"
    with pytest.raises(TimeoutError):
        api.wait_for(lambda request: request.path == "/later", timeout=0.1, since=time.time())


# -- faults


@pytest.mark.parametrize("path", ["/", "/v1/messages"])
def test_reset_of_every_path(api: StandIn, path: str) -> None:
    api.set_fault("reset")
    with pytest.raises(ConnectionResetError):
        get(api, path)
    assert [(request.path, request.fault, request.status) for request in api.log] == [(path, "reset", 0)]
    api.set_fault("none")
    assert get(api, path) == 404


def test_reset_takes_a_silent_connection_too(api: StandIn) -> None:
    api.set_fault("reset")
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as peer, pytest.raises(ConnectionError):
        peer.recv(1)


def test_reset_takes_idle_connections_and_running_answers(api: StandIn) -> None:
    with closing(connect(api)) as idle, closing(connect(api)) as busy:
        idle.request("GET", "/")
        idle.getresponse().read()
        busy.request("POST", "/v1/messages", json.dumps(body("long 50", stream=True)))
        response = busy.getresponse()
        assert response.read(1)
        api.set_fault("reset")
        assert idle.sock is not None
        with pytest.raises(ConnectionResetError):
            idle.sock.recv(1)
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            response.read()


def test_refuse_closes_the_port_and_opens_the_same_again(api: StandIn) -> None:
    port = api.port
    api.set_fault("refuse")
    with pytest.raises(ConnectionRefusedError):
        get(api)
    api.set_fault("none")
    assert get(api) == 404
    assert api.port == port


def test_hang_accepts_and_never_answers(api: StandIn) -> None:
    with closing(connect(api)) as kept, closing(connect(api)) as fresh:
        kept.request("GET", "/")
        kept.getresponse().read()
        api.set_fault("hang")
        for connection in (kept, fresh):
            connection.request("GET", "/slow")
            assert connection.sock is not None
            connection.sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.getresponse()
        api.set_fault("none")
        assert fresh.sock is not None
        with pytest.raises(TimeoutError):
            fresh.sock.recv(1)
    assert [request.fault for request in api.log] == ["", "hang", "hang"]


@pytest.mark.parametrize(("after", "stops"), [(0, 0), (1, 1), (2, 2)])
def test_cut_in_the_stream(api: StandIn, after: int, stops: int) -> None:
    api.set_fault(f"cut,after={after}")
    assert get(api) == 404
    with closing(connect(api)) as connection:
        connection.request("POST", "/v1/messages", json.dumps(body("run ls", stream=True)))
        response = connection.getresponse()
        raw = b""
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):  # noqa: PT012
            while True:
                raw += response.read1(65536) or _ended()
    types = [event["type"] for event in events(raw)]
    assert types.count("content_block_stop") == stops
    assert "message_stop" not in types


def _ended() -> bytes:
    raise AssertionError("the stream came to its proper end")


def test_slow(api: StandIn) -> None:
    api.set_fault("slow,first=0.3,chunk=0.1")
    start = time.monotonic()
    assert get(api) == 404
    assert time.monotonic() - start < 0.3
    assert events(ask(api, stream=True)[1])[-1]["type"] == "message_stop"
    assert time.monotonic() - start >= 0.5


@pytest.mark.parametrize(
    ("status", "text"), [(500, b"500"), (503, b"no healthy upstream"), (502, b"<html>"), (504, b"<html>")]
)
def test_a_status_of_the_edge_is_on_every_path(api: StandIn, status: int, text: bytes) -> None:
    api.set_fault(f"status:{status}")
    got, raw = ask(api)
    assert got == status
    assert text in raw
    assert get(api) == status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (529, "overloaded_error"),
        (429, "rate_limit_error"),
        (401, "authentication_error"),
        (400, "invalid_request_error"),
    ],
)
def test_a_status_of_the_api_is_on_messages_only(api: StandIn, status: int, kind: str) -> None:
    api.set_fault(f"status:{status}")
    with closing(connect(api)) as connection:
        connection.request("POST", "/v1/messages", json.dumps(body("say hi")))
        response = connection.getresponse()
        error = json.loads(response.read())
    assert response.status == status
    assert error["error"]["type"] == kind
    assert response.headers["request-id"] == error["request_id"]
    assert get(api) == 404


def test_a_limit_counts_the_requests_it_reached(api: StandIn) -> None:
    api.set_fault("status:529,limit=2")
    assert get(api) == 404
    assert [ask(api)[0] for _ in range(3)] == [529, 529, 200]
    assert api.fault.kind == "none"


def test_a_fault_can_be_scheduled(api: StandIn) -> None:
    api.set_fault("status:503,in=0.3,for=0.4")
    assert get(api) == 404
    time.sleep(0.45)
    assert get(api) == 503
    time.sleep(0.4)
    assert get(api) == 404


def test_a_new_fault_voids_the_schedule_of_the_old_one(api: StandIn) -> None:
    api.set_fault("status:502,for=0.2")
    api.set_fault("status:503")
    time.sleep(0.4)
    assert get(api) == 503


@pytest.mark.parametrize(
    "text", ["", "explode", "status", "reset:5", "status:x", "reset,after=1", "slow,first=x"]
)
def test_a_fault_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Fault.parse(text)


# -- TLS, and by hand


def test_tls_with_its_own_ca(tmp_path: Path) -> None:
    with StandIn(tls=tmp_path) as api:
        assert api.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(api.ca))

        def status(context: ssl.SSLContext) -> int:
            with closing(
                http.client.HTTPSConnection("127.0.0.1", api.port, timeout=5, context=context)
            ) as connection:
                connection.request("GET", "/")
                return connection.getresponse().status

        assert status(trusting) == 404
        with pytest.raises(ssl.SSLCertVerificationError):
            status(ssl.create_default_context())
        api.set_fault("reset")
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            status(trusting)
        assert api.log[-1].fault == "reset"


def test_tls_connections_are_reset_too(tmp_path: Path) -> None:
    with StandIn(tls=tmp_path) as api:
        context = ssl.create_default_context(cafile=str(api.ca))
        with closing(
            http.client.HTTPSConnection("127.0.0.1", api.port, timeout=5, context=context)
        ) as connection:
            connection.request("GET", "/")
            connection.getresponse().read()
            api.set_fault("reset")
            # Below TLS, which takes an RST for an end.
            with pytest.raises(ConnectionResetError):
                socket.socket.recv(connection.sock, 1)


def test_by_hand() -> None:
    command = [sys.executable, "-m", "tests.standin.api", "--tls", "--fault", "status:503"]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            names = json.loads(process.stdout.readline())
            context = ssl.create_default_context(cafile=names["ca"])

            def status() -> int:
                try:
                    with urllib.request.urlopen(names["url"], timeout=5, context=context) as response:
                        return int(response.status)
                except urllib.error.HTTPError as error:
                    return error.code

            def control(path: str, data: bytes | None = None) -> str:
                with urllib.request.urlopen(names["control"] + path, data, timeout=5) as response:
                    return str(response.read().decode())

            assert status() == 503
            assert control("/fault", b"none") == "none\n"
            assert status() == 404
            with pytest.raises(urllib.error.HTTPError, match="400"):
                control("/fault", b"nonsense")
            log = [json.loads(line) for line in control("/log").splitlines()]
            assert [row["status"] for row in log] == [503, 404]
        finally:
            process.terminate()
    assert not Path(names["ca"]).exists()
