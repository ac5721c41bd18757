"""`claude -p` of the real clients through an outage: the caller gets what one good run would have printed."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cc_guard.headless.plan import REMINDER
from tests.proofs.outage import CC_GUARD
from tests.standin.api import StandIn
from tests.standin.request import Request

pytestmark = pytest.mark.client
newest = pytest.mark.parametrize("version", ["2.1.330"], indirect=True)

FORMATS: dict[str, list[str]] = {
    "text": [],
    "json": ["--output-format", "json"],
    "stream-json": ["--output-format", "stream-json", "--verbose"],
}
SAY = "say hello world"
# Says that it runs, and goes on when it is told to: what happens to the API meanwhile is up to the test.
RUN = "run echo hi >> out.txt; touch running; until [ -e go ]; do sleep 0.1; done"
_RANDOM = re.compile(r"req_\w+|[0-9a-f]{8}-[0-9a-f-]{27}|_ms\":\d+|\d{4}-\d\d-\d\dT[\d:.]+Z")


class Headless:
    def __init__(self, claude: Path, env: dict[str, str], work: Path, api: StandIn) -> None:
        self.claude, self.work, self.api = claude, work, api
        self.env = env | {"CLAUDE_CODE_MAX_RETRIES": "1"}
        self.process: subprocess.Popen[bytes] | None = None

    def argv(self, *args: str, options: tuple[str, ...] = ()) -> list[str]:
        return [str(CC_GUARD), *options, "--", str(self.claude), "-p", "--allowedTools=Bash", *args]

    def bare(self, *args: str) -> "subprocess.CompletedProcess[bytes]":
        return self._finish([str(self.claude), "-p", "--allowedTools=Bash", *args])

    def guarded(self, *args: str, options: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[bytes]":
        return self._finish(self.argv(*args, options=options))

    def start(self, *args: str, stdin: bytes = b"") -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            self.argv(*args), stdin=pipe, stdout=pipe, stderr=pipe, env=self.env, cwd=self.work
        )
        assert self.process.stdin is not None
        self.process.stdin.write(stdin)
        self.process.stdin.close()
        self.process.stdin = None
        return self.process

    def wait_until_waiting(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        assert b"when the API can be reached again" in self.process.stderr.readline()

    def mend(self) -> "subprocess.CompletedProcess[bytes]":
        """Some time later the API is back; the end of the run."""
        assert self.process is not None
        self.wait_until_waiting()
        time.sleep(1)
        self.api.set_fault("none")
        out, err = self.process.communicate(timeout=90)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)

    def wait_for(self, name: str) -> None:
        end = time.monotonic() + 60
        while not (self.work / name).exists():
            assert time.monotonic() < end
            time.sleep(0.02)

    def incidents(self) -> list[dict[str, Any]]:
        done = subprocess.run(
            [CC_GUARD, "incidents", "--json"], env=self.env, capture_output=True, check=True
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def answered(self) -> list[Request]:
        """The conversation's requests that got through."""
        return [request for request in self.api.log if request.conversation and not request.fault]

    def _finish(self, argv: list[str]) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, env=self.env, cwd=self.work, timeout=90
        )


@pytest.fixture
def headless(claude: Path, client_env: dict[str, str], work: Path, standin: StandIn) -> Iterator[Headless]:
    one = Headless(claude, client_env, work, standin)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.terminate()
        one.process.communicate(timeout=20)


def rows(printed: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def kinds(printed: bytes) -> list[str]:
    """What a stream says, without what tells of retries and times."""
    found = (f"{row['type']}/{row.get('subtype', '')}" for row in rows(printed))
    return [kind for kind in found if kind.split("/")[1] in ("", "init", "success")]


def texts(request: Request) -> list[str]:
    found: list[str] = []
    for message in request.body["messages"]:
        content = message["content"]
        blocks = [{"text": content}] if isinstance(content, str) else content
        found += [str(block["text"]).strip() for block in blocks if "text" in block]
    return found


def same(output: str, printed: bytes, good: bytes) -> None:
    """Whether `printed` is what the `good` run has printed."""
    if output == "text":
        assert printed == good
        return
    if output == "stream-json":
        assert kinds(printed) == kinds(good)
        assert kinds(printed).count("system/init") == kinds(printed).count("result/success") == 1
    (last, good_last) = rows(printed)[-1], rows(good)[-1]
    assert last.keys() == good_last.keys()
    for key in ("type", "subtype", "is_error", "result", "permission_denials"):
        assert last[key] == good_last[key]


@pytest.mark.parametrize("output", ["text", "stream-json"])
def test_an_outage_from_the_start(output: str, headless: Headless) -> None:
    began = time.monotonic()
    good = headless.bare(SAY, *FORMATS[output])
    one_run_s = time.monotonic() - began
    headless.api.set_fault("reset")
    headless.start(SAY, *FORMATS[output])
    done = headless.mend()
    same(output, done.stdout, good.stdout)
    assert done.returncode == good.returncode == 0
    request = headless.answered()[-1]
    assert texts(request).count(SAY) == 1
    assert texts(request).count(REMINDER) == 1
    (incident,) = headless.incidents()
    assert (incident["kind"], incident["outcome"]) == ("connection", "recovered")
    assert [action["remedy"] for action in incident["actions"]] == ["client.restart"]
    assert incident["held_s"] >= 1
    assert incident["recovery_s"] < 3 + 3 * one_run_s


@pytest.mark.parametrize("output", FORMATS)
def test_an_outage_while_a_tool_runs(output: str, headless: Headless, version: str) -> None:
    (headless.work / "go").touch()
    good = headless.bare(RUN, *FORMATS[output])
    for name in ("go", "running", "out.txt"):
        (headless.work / name).unlink()
    headless.start(RUN, *FORMATS[output])
    headless.wait_for("running")
    headless.api.set_fault("refuse")
    (headless.work / "go").touch()
    done = headless.mend()
    same(output, done.stdout, good.stdout)
    assert done.returncode == good.returncode == 0
    assert (headless.work / "out.txt").read_text() == "hi\n", "the tool has run once"
    assert texts(headless.answered()[-1]).count(RUN) == 1
    if (
        output == "stream-json" and version != "1.0.120"
    ):  # which gives a session another id when it resumes it
        assert len({row["session_id"] for row in rows(done.stdout)}) == 1
    if output != "text" and version != "1.0.120":  # which counts the turns of the whole session
        last, good_last = rows(done.stdout)[-1], rows(good.stdout)[-1]
        assert last["num_turns"] == good_last["num_turns"]
        assert last["usage"]["output_tokens"] == good_last["usage"]["output_tokens"]


@pytest.mark.parametrize("output", ["text", "stream-json"])
def test_an_answer_of_the_server_stands(output: str, headless: Headless) -> None:
    headless.api.set_fault("status:401")
    _as_without(headless, SAY, *FORMATS[output])
    assert [incident["kind"] for incident in headless.incidents()] == ["auth"]


@newest
@pytest.mark.parametrize("fault", ["status:400", "status:429", "status:500", "status:529"])
def test_other_answers_stand_too(fault: str, headless: Headless) -> None:
    headless.api.set_fault(fault)
    _as_without(headless, SAY)


def _as_without(headless: Headless, *args: str) -> None:
    bare, under = headless.bare(*args), headless.guarded(*args)
    assert _masked(under.stdout) == _masked(bare.stdout)
    assert (under.returncode, under.stderr) == (bare.returncode, bare.stderr) == (1, b"")


def _masked(printed: bytes) -> list[str]:
    """What differs between any two runs left out; `init` lists what is installed in an order of its own."""
    lines = _RANDOM.sub("", printed.decode()).splitlines()
    return [line for line in lines if '"subtype":"init"' not in line and '"api_retry"' not in line]


def test_a_prompt_from_a_pipe(headless: Headless) -> None:
    headless.api.set_fault("reset")
    headless.start(stdin=b"say from a pipe\n")
    assert headless.mend().stdout == b"from a pipe\n"


@newest
@pytest.mark.parametrize("way", ["-c", "-r"])
def test_a_session_that_was_continued(way: str, headless: Headless) -> None:
    first = json.loads(headless.bare("say first", *FORMATS["json"]).stdout)["session_id"]
    headless.api.set_fault("reset")
    headless.start(way, *([first] if way == "-r" else []), "say second")
    assert headless.mend().stdout == b"second\n"
    assert [text for text in texts(headless.answered()[-1]) if text.startswith("say")] == [
        "say first",
        "say second",
    ]


@newest
def test_two_outages_in_one_run(headless: Headless) -> None:
    headless.api.set_fault("reset")
    process = headless.start(RUN)
    assert process.stderr is not None
    headless.wait_until_waiting()
    headless.api.set_fault("none")
    headless.wait_for("running")
    headless.api.set_fault("refuse")
    (headless.work / "go").touch()
    process.stderr.readline()  # that it went on
    assert headless.mend().stdout == b"The command is done.\n"
    assert (headless.work / "out.txt").read_text() == "hi\n"
    (incident,) = headless.incidents()
    assert (incident["outcome"], len(incident["actions"])) == ("recovered", 2)


@newest
def test_a_gateway_that_is_down(headless: Headless) -> None:
    headless.api.set_fault("status:503")
    headless.start(SAY)
    assert headless.mend().stdout == b"hello world\n"


@newest
def test_the_opt_out(headless: Headless) -> None:
    headless.api.set_fault("reset")
    bare, under = headless.bare(SAY), headless.guarded(SAY, options=("--no-rerun",))
    assert (under.stdout, under.returncode, under.stderr) == (bare.stdout, bare.returncode, b"")
    assert headless.incidents() == []


@newest
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_waits(number: signal.Signals, headless: Headless) -> None:
    headless.api.set_fault("reset")
    process = headless.start(SAY)
    headless.wait_until_waiting()
    process.send_signal(number)
    out, _ = process.communicate(timeout=10)
    assert out.startswith(b"API Error: Connection dropped (ECONNRESET)")
    assert process.returncode == -number
    assert [incident["outcome"] for incident in headless.incidents()] == ["abandoned"]


@newest
def test_a_signal_while_the_client_runs(headless: Headless) -> None:
    process = headless.start("long 100")
    headless.api.wait_for(lambda request: request.conversation, 60)
    time.sleep(0.5)
    process.terminate()
    out, _ = process.communicate(timeout=10)
    assert (out, process.returncode) == (b"", 143)
