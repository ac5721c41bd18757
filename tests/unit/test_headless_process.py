"""`cc-guard claude -p` while all goes well: the client is to notice nothing, and its caller neither."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.relay.harness import Outer, patched
from tests.standin.api import StandIn
from tests.unit.headless_client import Lab

WHO = """
print(os.getpid(), *args)
"""

# Tells what it gets for half a second after the first, and ends with 5.
SIGNALS = """
got = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
    signal.signal(number, lambda number, _: got.append(signal.Signals(number).name))
open("ready", "w").close()
while not got:
    time.sleep(0.01)
time.sleep(0.5)
print(*got)
sys.exit(5)
"""

JSON = ("--output-format", "json")
STREAM = ("--output-format", "stream-json", "--verbose")


def lab(tmp_path: Path, standin: StandIn, code: str) -> Lab:
    return Lab(tmp_path, standin, code)


def until(condition: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("args", [("-p", "hi"), ("-p", "hi", *JSON), ("-p", "hi", *STREAM)])
def test_bytes_and_arguments(args: tuple[str, ...], tmp_path: Path, standin: StandIn) -> None:
    code = "data = sys.stdin.buffer.read(); sys.stderr.write(' '.join(args)); sys.stdout.buffer.write(data)"
    one = lab(tmp_path, standin, code)
    data = "".join(f"{n} ü\r\n\x00" for n in range(200_000)) + "no newline"
    done = one.run(*args, stdin=data)
    assert done.stdout == data
    text = "--output-format" not in args
    assert done.stderr.split()[2 if text else 0 :] == list(args)
    assert not one.incidents()


@pytest.mark.parametrize("end", [0, 1, 7, 127, 255, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT])
def test_exit_status(end: int, tmp_path: Path, standin: StandIn) -> None:
    code = f"end = {end}\nprint('said', flush=True)\nos.kill(os.getpid(), -end) if end < 0 else sys.exit(end)"
    done = lab(tmp_path, standin, code).run("-p", "hi")
    assert (done.stdout, done.returncode) == ("said\n", end)


@pytest.mark.parametrize(
    ("args", "options", "env"),
    [
        (("hi",), (), {}),
        (("-p", "hi"), ("--no-rerun",), {}),
        (("-p", "hi"), ("--observe",), {}),
        (("-p", "hi"), (), {"CC_GUARD": "1"}),
        (("-p", "hi"), (), {"CC_GUARD_HEADLESS__ENABLED": "false"}),
        (("-p", "hi"), (), {"CC_GUARD_HEADLESS__ENABLED": "maybe"}),
        (("-p", "hi", "--input-format", "stream-json"), (), {}),
    ],
)
def test_not_ours(
    args: tuple[str, ...], options: tuple[str, ...], env: dict[str, str], tmp_path: Path, standin: StandIn
) -> None:
    """cc-guard becomes the client."""
    one = lab(tmp_path, standin, WHO)
    with subprocess.Popen(
        one.argv(*args, options=options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=one.env | env,
        text=True,
    ) as process:
        said = process.communicate()[0].split()
        assert said == [str(process.pid), *args]


def test_ours(tmp_path: Path, standin: StandIn) -> None:
    one = lab(tmp_path, standin, WHO)
    with one.start("-p", "hi") as process:
        said = process.communicate()[0].split()
    assert int(said[0]) != process.pid
    assert said[1:2] == [b"--session-id"]


def test_stdout_is_closed(tmp_path: Path, standin: StandIn) -> None:
    one = lab(tmp_path, standin, "sys.exit(3)")
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *one.argv("-p", "hi")]
    assert subprocess.run(command, env=one.env, check=False).returncode == 3


def test_a_program_that_can_not_be_executed(tmp_path: Path, standin: StandIn) -> None:
    one = lab(tmp_path, standin, "")
    one.client.write_bytes(b"\x7fELF nonsense")
    done = one.run("-p", "hi")
    assert done.returncode == 126
    assert "can't be run" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_for_us_is_for_the_client(number: signal.Signals, tmp_path: Path, standin: StandIn) -> None:
    one = lab(tmp_path, standin, SIGNALS)
    with one.start("-p", "hi") as process:
        until((one.work / "ready").exists)
        process.send_signal(number)
        assert process.communicate()[0].split() == [number.name.encode()]
    assert process.returncode == 5


def test_nohup(tmp_path: Path, standin: StandIn) -> None:
    code = "print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, signal.getsignal(signal.SIGINT))"
    one = lab(tmp_path, standin, code)
    done = subprocess.run(
        ["nohup", *one.argv("-p", "hi")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=one.env,
        check=True,
    )
    assert done.stdout.startswith(b"True <built-in")


class Terminal(Outer):
    def wait_ready(self, one: Lab) -> None:
        until((one.work / "ready").exists)


@pytest.fixture
def terminal(tmp_path: Path, standin: StandIn) -> object:
    one = lab(tmp_path, standin, SIGNALS)
    with Outer(one.argv("-p", "hi"), one.env, one.work) as outer:
        until((one.work / "ready").exists)
        yield outer


def test_ctrl_c_reaches_the_client_once(terminal: Outer) -> None:
    terminal.type(b"\x03")
    assert terminal.wait() == 5
    assert terminal.output.split() == [b"^CSIGINT"]


def test_an_interrupt_for_us_alone_in_the_foreground(terminal: Outer) -> None:
    os.kill(terminal.pid, signal.SIGINT)
    assert terminal.wait() == 5
    assert terminal.output.split() == [b"SIGINT"]


def test_the_window_is_closed(terminal: Outer) -> None:
    terminal.hang_up()
    terminal.nothing_remains()


def test_a_reader_that_leaves(tmp_path: Path, standin: StandIn) -> None:
    """`cc-guard claude -p … | head -1`: the client's next write fails, and what it does then is its own."""
    code = """
try:
    for number in range(10**9):
        print(json.dumps({"type": "system", "n": number}), flush=True)
        time.sleep(0.01)
except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(9)
"""
    one = lab(tmp_path, standin, code)
    command = [
        "bash",
        "-c",
        '"$@" | head -1; echo "${PIPESTATUS[0]}"',
        "bash",
        *one.argv("-p", "hi", *STREAM),
    ]
    done = subprocess.run(command, env=one.env, capture_output=True, check=True, timeout=20)
    assert done.stdout.splitlines()[1:] == [b"9"]


def test_a_reader_that_leaves_before_the_answer(tmp_path: Path, standin: StandIn) -> None:
    """text: nothing is written until the end, and the client is to fail there as it would."""
    code = """
time.sleep(1)
try:
    print("answer", flush=True)
except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(9)
"""
    one = lab(tmp_path, standin, code)
    with one.start("-p", "hi") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(20) == 9


def test_who_kills_us_means_the_client(tmp_path: Path, standin: StandIn) -> None:
    """`subprocess.run(…, timeout=…)`"""
    one = lab(tmp_path, standin, "open('ready', 'w').write(str(os.getpid()))\ntime.sleep(60)")
    with one.start("-p", "hi") as process:
        until(lambda: (one.work / "ready").exists() and (one.work / "ready").read_text())
        client = psutil.Process(int((one.work / "ready").read_text()))
        process.kill()
        client.wait(10)


def test_nothing_remains(tmp_path: Path, standin: StandIn) -> None:
    one = lab(tmp_path, standin, WHO)
    with Outer(one.argv("-p", "hi"), one.env, one.work) as outer:
        assert outer.wait() == 0
        outer.nothing_remains()


def test_lines_come_at_once(tmp_path: Path, standin: StandIn) -> None:
    code = "print('{\"t\": %f}' % time.time(), flush=True)\ntime.sleep(2)"
    one = lab(tmp_path, standin, code)
    with one.start("-p", "hi", *STREAM) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        late = time.time() - float(line.split()[1].rstrip(b"}"))
        process.wait()
    assert late < 0.5


def test_the_start_is_quick(tmp_path: Path, standin: StandIn) -> None:
    """Not much is added to what any start of cc-guard takes; a ratio, because machines differ."""
    one = lab(tmp_path, standin, "")
    shutil.copy("/bin/echo", one.client)

    def first_byte(*options: str) -> float:
        began = time.perf_counter()
        with subprocess.Popen(
            one.argv("-p", options=options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=one.env
        ) as process:
            assert process.stdout is not None
            assert process.stdout.read(1)
            return time.perf_counter() - began

    times = [(first_byte("--no-rerun"), first_byte()) for _ in range(12)]
    plain, ours = (min(column) for column in zip(*times, strict=True))
    assert ours < 2.2 * plain, times


@pytest.mark.parametrize("args", [("-p", "hi"), ("-p", "hi", *JSON)])
def test_an_answer_does_not_wait_for_the_end(args: tuple[str, ...], tmp_path: Path, standin: StandIn) -> None:
    one = lab(tmp_path, standin, "print('{\"is_error\":false}', flush=True)\ntime.sleep(30)")
    with one.start(*args) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b'{"is_error":false}\n'
        process.terminate()


def test_a_client_that_lives_on_after_a_failure(tmp_path: Path, standin: StandIn) -> None:
    one = lab(tmp_path, standin, "print('API Error: Connection error.', flush=True)\ntime.sleep(30)")
    patch = "import cc_guard.headless.process as p\np.PATIENCE_S = 0.3"
    command = patched(patch, [str(one.client), "-p", "hi"])
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=one.env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"API Error: Connection error.\n"
        process.terminate()


def test_a_reader_that_does_not_read_can_not_keep_us(tmp_path: Path, standin: StandIn) -> None:
    one = lab(tmp_path, standin, "open('ready', 'w').close()\nprint('x' * 10**6)")
    with one.start("-p", "hi") as process:
        until((one.work / "ready").exists)
        time.sleep(0.5)
        process.terminate()
        assert process.wait(10) in (0, -signal.SIGTERM)
