"""`cc-guard claude -p` when a run has failed: when there is another one, which, and what is printed."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cc_guard.headless.plan import REMINDER
from tests.relay.harness import patched
from tests.standin.api import StandIn
from tests.unit.headless_client import SENTENCE, Lab

STREAM = ("--output-format", "stream-json", "--verbose")
JSON = ("--output-format", "json")


@pytest.fixture
def lab(tmp_path: Path, standin: StandIn) -> Lab:
    return Lab(tmp_path, standin)


def test_the_path_comes_back(lab: Lab) -> None:
    lab.plan("fail", "answer")
    done = lab.run_through_outage("-p", "do it", stdin="the input, and what it has not read")
    assert (done.stdout, done.returncode) == ("done\n", 0)
    first, second = lab.runs
    session = first["args"][1]
    assert first == first | {"args": ["--session-id", session, "-p", "do it"], "stdin": "the input"}
    assert second["args"] == ["--resume", session, "--resume-session-at", "0-user", REMINDER, "-p"]
    assert second["stdin"] == ""
    assert "Claude Code goes on when the API can be reached again" in done.stderr


def test_the_incident(lab: Lab) -> None:
    lab.plan("fail", "answer")
    lab.run_through_outage("-p", "do it")
    (incident,) = lab.incidents()
    assert (incident.kind, incident.outcome, incident.signals) == ("connection", "recovered", ["transcript"])
    assert [action.remedy for action in incident.actions] == ["client.restart"]
    assert incident.session == lab.runs[0]["args"][1]
    assert incident.client_version == "2.1.330"
    assert [finding.state for finding in incident.evidence][:2] == ["fail", "pass"]
    assert 0.5 < incident.held_s < 10
    assert 0 < incident.recovery_s < 10
    assert incident.downtime_s >= incident.held_s


def test_the_stream_goes_on(lab: Lab) -> None:
    lab.plan("fail", "fail", "answer")
    done = lab.run_through_outage("-p", "do it", *STREAM)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["type"], row.get("run")) for row in rows] == [
        *(("system", 0), ("assistant", 2), ("result", None)),
    ]
    assert not rows[-1]["is_error"]


@pytest.mark.parametrize("args", [(), JSON, STREAM])
def test_a_good_path_gets_one_more_run(args: tuple[str, ...], lab: Lab) -> None:
    lab.plan("fail")
    done = lab.run("-p", "do it", *args)
    assert (len(lab.runs), done.returncode, done.stderr) == (2, 1, "")
    assert done.stdout.count(SENTENCE) == 1
    (incident,) = lab.incidents()
    assert (incident.outcome, len(incident.symptoms), len(incident.actions)) == ("failed", 2, 1)


def test_a_tool_that_has_run_is_kept(lab: Lab) -> None:
    """And each run with an answer starts the count anew."""
    lab.plan("tool", "tool", "tool", "answer")
    assert lab.run("-p", "do it").stdout == "done\n"
    assert [run["args"][3] for run in lab.runs[1:]] == ["0-user", "1-user", "2-user"]


@pytest.mark.parametrize("word", ["orphan", "refused", "silent"])
def test_no_other_run(word: str, lab: Lab) -> None:
    """A tool may have run whose result is not kept; the server has answered; the transcript does not confirm
    it."""
    lab.plan(word, "answer")
    done = lab.run("-p", "do it")
    assert (len(lab.runs), done.returncode) == (1, 1)
    assert done.stdout.startswith("API Error: ")


def test_a_refusal_is_an_incident_too(lab: Lab) -> None:
    lab.plan("refused")
    lab.run("-p", "do it")
    assert [(one.kind, one.outcome, one.actions) for one in lab.incidents()] == [("auth", "failed", [])]


@pytest.mark.parametrize(("words", "runs"), [(("fail", "answer"), 2), (("tool", "answer"), 1)])
def test_a_limit_of_the_user_holds_for_all_runs(words: tuple[str, ...], runs: int, lab: Lab) -> None:
    lab.plan(*words)
    lab.run("-p", "do it", "--max-turns", "3")
    assert len(lab.runs) == runs


def test_an_option_with_a_pipe(lab: Lab) -> None:
    """`--mcp-config <(…)` has been read."""
    os.mkfifo(lab.work / "config")
    lab.plan("fail", "answer")
    assert lab.run("-p", "do it", "--mcp-config", "config").returncode == 1
    assert len(lab.runs) == 1


def test_the_longest_wait(lab: Lab) -> None:
    lab.plan("fail", "answer")
    lab.api.set_fault("refuse")
    began = time.monotonic()
    done = lab.run("-p", "do it", env={"CC_GUARD_HEADLESS__WAIT_S": "1.5"})
    assert 1.5 < time.monotonic() - began < 10
    assert (done.stdout, done.returncode, len(lab.runs)) == (f"{SENTENCE}\n", 1, 1)


def test_nothing_is_said_into_the_output(lab: Lab) -> None:
    """`2>&1`"""
    lab.plan("fail", "answer")
    lab.api.set_fault("refuse,for=8")
    with lab.start("-p", "do it", stderr=subprocess.STDOUT) as process:
        assert process.communicate(timeout=60)[0] == b"done\n"
    assert lab.incidents()[0].held_s > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_waiting(number: signal.Signals, lab: Lab) -> None:
    lab.plan("fail", "answer")
    lab.api.set_fault("refuse")
    with lab.start("-p", "do it", stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(0.5)
        process.send_signal(number)
        began = time.monotonic()
        assert process.communicate()[0] == f"{SENTENCE}\n".encode()
        assert time.monotonic() - began < 5
    assert process.returncode == -number
    assert len(lab.runs) == 1
    assert [one.outcome for one in lab.incidents()] == ["abandoned"]


@pytest.mark.parametrize("first_only", [True, False])
def test_a_resolver_that_does_not_answer(first_only: bool, lab: Lab) -> None:
    """Its time-outs are not ours: neither the other run nor a signal waits for them."""
    lab.plan("fail", "answer")
    patch = f"""
import os, socket, time
real, asked = socket.getaddrinfo, []
def look_up(*args, **named):
    asked.append(args)
    if len(asked) == 1 or not {first_only}:
        time.sleep(60)
    return real(*args, **named)
socket.getaddrinfo = look_up
"""
    command = patched(patch, [str(lab.client), "-p", "do it"])
    env = lab.env | {
        "ANTHROPIC_BASE_URL": f"http://localhost:{lab.api.port}",
        "CC_GUARD_PROBE__TIMEOUT_S": "0.5",
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=env, cwd=lab.work
    ) as process:
        if not first_only:
            assert process.stderr is not None
            process.stderr.readline()
            process.terminate()
        began = time.monotonic()
        out, err = process.communicate()
        assert time.monotonic() - began < 30
    assert (out, process.returncode) == ((b"done\n", 0) if first_only else (f"{SENTENCE}\n".encode(), -15))
    assert b"Traceback" not in err
    assert b"Task" not in err


def test_nobody_waits_for_the_answer_any_more(lab: Lab) -> None:
    lab.plan("fail", "answer")
    lab.api.set_fault("refuse")
    with lab.start("-p", "do it", stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.readline()
        process.stdout.close()
        assert process.wait(20) == 1
    assert len(lab.runs) == 1


def test_the_client_is_gone_meanwhile(lab: Lab) -> None:
    lab.plan("fail", "answer")
    lab.api.set_fault("refuse")
    with lab.start("-p", "do it", stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        lab.client.unlink()
        lab.api.set_fault("none")
        assert process.communicate()[0] == f"{SENTENCE}\n".encode()
    assert process.returncode == 1


@pytest.mark.parametrize("args", [(), JSON, STREAM])
def test_the_other_run_comes_to_nothing(args: tuple[str, ...], lab: Lab) -> None:
    """As when a version does not know an option of ours."""
    lab.plan("fail", "mute")
    done = lab.run("-p", "do it", *args)
    assert (done.stdout.count(SENTENCE), done.returncode, len(lab.runs)) == (1, 1, 2)
    assert [one.outcome for one in lab.incidents()] == ["failed"]


def test_something_of_ours_fails(lab: Lab) -> None:
    """Then the client's own result counts; what went wrong is in a file."""
    lab.plan("fail", "answer")
    state = Path(lab.env["XDG_STATE_HOME"]) / "cc-guard"
    state.mkdir(parents=True)
    (state / "history.db").write_text("nonsense")
    assert lab.run("-p", "do it").stdout == "done\n", "a history that can't be written is no reason"
    assert "HistoryError" in (state / "headless.log").read_text()
    (lab.work / "runs").unlink()
    done = lab.run("-p", "do it", env={"PYTHONPATH": str(_broken_module(lab.work))})
    assert (done.stdout, done.returncode, len(lab.runs)) == (f"{SENTENCE}\n", 1, 1)


def _broken_module(folder: Path) -> Path:
    place = folder / "broken"
    place.mkdir()
    (place / "asyncio.py").write_text("raise RuntimeError")
    return place
