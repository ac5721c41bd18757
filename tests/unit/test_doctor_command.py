"""`cc-guard doctor` from the outside: a pipe, a terminal, a full disk, Ctrl-C."""

import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from cc_guard.commands import output
from cc_guard.incident.record import Cause
from tests.support.peers import Peer, closed_port

ROOT = Path(__file__).parents[2]
DOCTOR = [sys.executable, "-m", "cc_guard", "doctor"]
REFUSES = b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture
def gateway() -> Iterator[str]:
    """One that answers as the API does to somebody without a key."""

    def answer(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        start, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", start)
        missing = int(length[1]) - len(body) if length else 0
        while missing > 0:
            missing -= len(connection.recv(65536))
        connection.sendall(REFUSES)

    with Peer(answer) as peer:
        yield f"http://127.0.0.1:{peer.port}"


@pytest.fixture
def silent() -> Iterator[str]:
    """One that accepts, and says nothing."""

    def wait(connection: socket.socket) -> None:
        while connection.recv(4096):
            pass

    with Peer(wait) as peer:
        yield f"http://127.0.0.1:{peer.port}"


def environ(home: Path, **variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    for name in ("ANTHROPIC_BASE_URL", "NO_COLOR", "COLUMNS", "LINES"):
        kept.pop(name, None)
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT / "supervisor"), "TERM": "xterm", **variables}


def run(home: Path, *args: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*DOCTOR, *args],
        capture_output=True, encoding="utf-8", env=environ(home, **variables), cwd=home, timeout=60,
    )  # fmt: skip


# Exit status and JSON


def test_healthy(tmp_path: Path, gateway: str) -> None:
    done = run(tmp_path, "--url", gateway)
    assert done.returncode == 0, done.stdout
    # Without a free processor the look at the settings comes too late for their address to be named.
    assert re.match(rf"✓ ({re.escape(gateway)}|The API) answers", done.stdout), done.stdout
    assert done.stderr == ""


def test_a_cause(tmp_path: Path) -> None:
    with closed_port() as port:
        done = run(tmp_path, "--url", f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stdout.startswith(f"✗ Nothing is listening at http://127.0.0.1:{port}, ")
    assert "Cause: base_url.dead" in done.stdout
    assert done.stdout.index("What to do") > done.stdout.index("[✗] Configuration")


@pytest.mark.parametrize("args", [["--nonsense"], ["more"], ["--url"], ["--url", ""], ["--url", " "]])
def test_wrong_usage(tmp_path: Path, args: list[str]) -> None:
    done = run(tmp_path, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cc-guard doctor: error: " in done.stderr


def test_an_address_that_is_none(tmp_path: Path) -> None:
    done = run(tmp_path, "--url", "nonsense")
    assert done.returncode == 1
    assert done.stdout.startswith("✗ The address given by --url can't be used: ")
    assert "cc-guard doctor --url https://nonsense" in done.stdout


def test_help_tells_the_exit_statuses(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    assert "Exit status: 0 " in done.stdout


def test_json(tmp_path: Path, gateway: str) -> None:
    done = run(tmp_path, "--json", "--url", gateway)
    document: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0
    assert document.keys() >= {"verdict", "findings", "profile", "duration_s"}
    assert document["verdict"] | {"cause": None, "fix": [], "others": []} == document["verdict"]
    for finding in document["findings"]:
        assert finding.keys() == {"probe", "state", "summary", "evidence", "ms"}
    assert 0 < document["duration_s"] < 30


def test_json_of_a_cause(tmp_path: Path) -> None:
    with closed_port() as port:
        done = run(tmp_path, "--json", "--url", f"http://127.0.0.1:{port}")
    verdict = json.loads(done.stdout)["verdict"]
    assert done.returncode == 1
    assert verdict["cause"] in get_args(Cause)
    assert 0 < verdict["confidence"] <= 1
    assert verdict["summary"].endswith(".")
    assert all(isinstance(step, str) and "\n" not in step for step in verdict["fix"])
    assert len(verdict["fix"]) > 1


# Where it writes


def test_plain_text_in_a_pipe(tmp_path: Path, gateway: str) -> None:
    assert "\033" not in run(tmp_path, "--url", gateway).stdout


def test_a_reader_that_has_gone(tmp_path: Path, gateway: str) -> None:
    command = f"{sys.executable} -m cc_guard doctor --url {gateway} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True, text=True, env=environ(tmp_path), cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_a_full_disk(tmp_path: Path, gateway: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*DOCTOR, "--url", gateway],
            stdout=full, stderr=subprocess.PIPE, text=True, env=environ(tmp_path), timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "cc-guard: the output can't be written: No space left on device.\n"


@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_no_stdout_at_all(tmp_path: Path, gateway: str, json_: list[str]) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *DOCTOR, "--url", gateway, *json_],
        stderr=subprocess.PIPE, text=True, env=environ(tmp_path), timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_was_deleted(tmp_path: Path, gateway: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}" && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *DOCTOR, "--url", gateway],
        capture_output=True, text=True, env=environ(tmp_path), cwd=gone, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_marks_where_there_are_only_letters(tmp_path: Path) -> None:
    with closed_port() as port:
        done = run(tmp_path, "--url", f"http://127.0.0.1:{port}", PYTHONIOENCODING="ascii")
    assert done.stdout.startswith("x Nothing is listening")
    assert "[+] " in done.stdout
    assert "?" not in done.stdout


@pytest.mark.parametrize(
    ("encoding", "text"), [("utf-8", "✓ … é"), ("ascii", "+ ... ?"), ("latin-1", "+ ... é")]
)
def test_characters_that_a_terminal_has_not(
    encoding: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    with open(path, "w", encoding=encoding) as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert output.written(("✓ … é", 3)) == 3
        monkeypatch.undo()
    assert path.read_bytes().decode(encoding) == text


# On a terminal


@dataclass
class Seen:
    """What a terminal got, and how the command ended."""

    raw: bytes
    status: int
    after_s: float

    @property
    def text(self) -> str:
        """Without colours, and of what was replaced only the last."""
        bare = re.sub(r"\033\[[0-9;]*m", "", self.raw.decode()).replace("\r\n", "\n")
        return re.sub(r"^.*\r\033\[K\r", "", bare, flags=re.MULTILINE)


def on_terminal(
    home: Path, *args: str, columns: int = 80, interrupt_s: tuple[float, ...] = (), **variables: str
) -> Seen:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(home)
        os.execve(sys.executable, [*DOCTOR, *args], environ(home, **variables))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    raw, began, pressed, waiting = b"", time.monotonic(), 0.0, list(interrupt_s)
    while True:
        if select.select([terminal], [], [], 0.01)[0]:
            try:
                got = os.read(terminal, 65536)
            except OSError:  # EIO: the other side is closed
                break
            raw += got
        # Counted from the first line of progress: how long Python starts, nobody knows.
        if not pressed and b"checked" in raw:
            began = time.monotonic()
            pressed = -1.0
        if pressed and waiting and time.monotonic() - began >= waiting[0]:
            waiting.pop(0)
            os.write(terminal, b"\x03")
            pressed = time.monotonic()
        assert time.monotonic() - began < 60
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return Seen(raw, os.waitstatus_to_exitcode(status), time.monotonic() - pressed if pressed > 0 else 0.0)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_fit_and_hang(tmp_path: Path, columns: int) -> None:
    with closed_port() as port:
        seen = on_terminal(tmp_path, "--url", f"http://127.0.0.1:{port}", columns=columns)
    assert seen.status == 1
    lines = seen.text.splitlines()
    assert any(line.startswith("✗ Nothing is listening") for line in lines)
    prose = [line for line in lines if not line.startswith("       ")]
    assert max(map(len, prose)) <= min(columns, 100)
    assert any(re.match(r"     \S", line) for line in lines)  # under "  1. "


def test_colours(tmp_path: Path, gateway: str) -> None:
    assert b"\033[32m" in on_terminal(tmp_path, "--url", gateway).raw


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colours(tmp_path: Path, gateway: str, name: str, value: str) -> None:
    seen = on_terminal(tmp_path, "--url", gateway, columns=80, interrupt_s=(), **{name: value})
    assert not re.search(rb"\033\[[0-9;]*m", seen.raw)
    assert "✓".encode() in seen.raw


def test_columns_may_be_given(tmp_path: Path, gateway: str) -> None:
    seen = on_terminal(tmp_path, "--url", gateway, columns=120, COLUMNS="50")
    prose = [line for line in seen.text.splitlines() if not line.startswith("       ")]
    assert 40 < max(map(len, prose)) <= 50


def test_progress_says_what_and_how_long_and_is_gone_at_the_end(tmp_path: Path, silent: str) -> None:
    seen = on_terminal(tmp_path, "--url", silent)
    shown = re.findall(rb"\r( *\d+\.\d s  [^\r]*?)\033\[K", seen.raw)
    assert len(shown) >= 5
    assert [line for line in shown if re.fullmatch(rb".* s  \d+ of \d+ checked; now: .*answer.*", line)]
    times = [float(line.split()[0]) for line in shown]
    assert times == sorted(times)
    assert times[-1] - times[0] > 0.5
    assert "checked; now" not in seen.text
    assert "The program at http://127.0.0.1" in seen.text or "Nothing answers at" in seen.text


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_progress_stays_on_its_line(tmp_path: Path, silent: str, columns: int) -> None:
    seen = on_terminal(tmp_path, "--url", silent, columns=columns)
    shown = re.findall(rb"\r( *\d+\.\d s[^\r]*?)\033\[K", seen.raw)
    assert shown
    assert max(map(len, shown)) < columns


@pytest.mark.parametrize("how", [("--json",), ()])
def test_no_progress_where_nobody_could_see_it(tmp_path: Path, silent: str, how: tuple[str, ...]) -> None:
    seen = on_terminal(tmp_path, "--url", silent, *how, TERM="xterm" if how else "dumb")
    assert b"checked;" not in seen.raw
    assert b"\033[K" not in seen.raw


@pytest.mark.parametrize("presses", [(0.0,), (0.3,), (1.0,), (0.1, 0.12, 0.14), (0.5, 0.501, 0.502)])
def test_ctrl_c(tmp_path: Path, silent: str, presses: tuple[float, ...]) -> None:
    seen = on_terminal(tmp_path, "--url", silent, interrupt_s=presses)
    # Python on its way out lets a further one end it at once, which a shell shows as 130 as well.
    assert seen.status in ((130,) if len(presses) == 1 else (130, -signal.SIGINT))
    assert seen.after_s < 2
    assert b"Traceback" not in seen.raw
    assert "✗" not in seen.raw.decode()
    # Nothing stays in the line where the shell writes its prompt. (A further Ctrl-C makes the terminal drop
    # what it has not shown yet: termios(3), NOFLSH.)
    assert len(presses) > 1 or seen.raw.endswith(b"\033[K\r"), seen.raw[-80:]


def test_few_files(tmp_path: Path, gateway: str) -> None:
    """Whatever breaks then: a verdict, and no traceback."""
    done = subprocess.run(
        [*DOCTOR, "--url", gateway],
        capture_output=True, text=True, env=environ(tmp_path), timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)),
    )  # fmt: skip
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
