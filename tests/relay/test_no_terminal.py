"""Without a terminal on both ends, or inside cc-guard, there is no wrapper: cc-guard becomes the client."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.relay.clients import END
from tests.relay.conftest import Open
from tests.relay.harness import guarded, python
from tests.relay.test_bytes import material

# Its process id, whether 0, 1 and 2 are terminals, and the marks of cc-guard.
WHO = """
import os, sys
print(os.getpid(), *(os.isatty(fd) for fd in range(3)), os.environ.get("CC_GUARD"), file=sys.stderr)
sys.stdout.buffer.write(sys.stdin.buffer.read() if not os.isatty(0) else b"")
"""


def test_both_ends_are_pipes(env: dict[str, str], tmp_path: Path) -> None:
    data = material(3_000_000)
    with subprocess.Popen(
        guarded(python(WHO)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=tmp_path,
    ) as process:
        out, err = process.communicate(data)
    assert out == data
    assert err.decode().split() == [str(process.pid), "False", "False", "False", "1"]
    assert process.returncode == 0
    assert not (tmp_path / "home").joinpath(".local", "state").exists(), "no traces"


def test_only_the_output_is_a_pipe(open_outer: Open, tmp_path: Path) -> None:
    """`cc-guard claude -p hi | cat`"""
    outer = open_outer(["/bin/sh", "-c", '"$@" | cat', "sh", *guarded(python(WHO))])
    assert outer.wait() == 0
    assert outer.output.split()[1:] == b"True False True 1".split()


def test_only_the_input_is_a_file(open_outer: Open, tmp_path: Path) -> None:
    """`cc-guard claude -p < file`"""
    (tmp_path / "file").write_text("from the file")
    outer = open_outer(["/bin/sh", "-c", 'exec "$@" < file', "sh", *guarded(python(WHO))])
    assert outer.wait() == 0
    assert outer.output == b"%d False True True 1\r\nfrom the file" % outer.pid


def test_the_input_is_closed(open_outer: Open) -> None:
    outer = open_outer(["/bin/sh", "-c", 'exec "$@" <&-', "sh", *guarded(["/bin/echo", "hi"])])
    assert outer.wait() == 0
    assert outer.output == b"hi\r\n"


@pytest.mark.parametrize("end", [0, 7, 255, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGPIPE])
def test_exit_status(end: int, env: dict[str, str]) -> None:
    process = subprocess.run(guarded(python(END, str(end))), env=env, capture_output=True, check=False)
    assert process.returncode == end


def test_signals_go_to_the_client(env: dict[str, str]) -> None:
    with subprocess.Popen(guarded(["/bin/sleep", "60"]), env=env) as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_a_reader_that_leaves(env: dict[str, str]) -> None:
    """SIGPIPE ends the client, as it must: `cc-guard claude -p … | head -1`"""
    command = ["bash", "-c", '"$@" | head -1; echo "${PIPESTATUS[0]}"', "bash", *guarded(["/usr/bin/yes"])]
    done = subprocess.run(command, env=env, capture_output=True, check=True, timeout=20)
    assert done.stdout == b"y\n%d\n" % (128 + signal.SIGPIPE)


@pytest.mark.parametrize("value", ["1", "", "0"])
def test_inside_cc_guard(value: str, open_outer: Open, env: dict[str, str]) -> None:
    """`claude` as an alias for `cc-guard claude`, called by a tool of the client."""
    code = "import os; print(os.getpid(), os.isatty(0), os.environ['CC_GUARD'])"
    outer = open_outer(guarded(python(code)), env=env | {"CC_GUARD": value})
    assert outer.wait() == 0
    assert outer.output == b"%d True 1\r\n" % outer.pid


def test_one_wrapper_for_cc_guard_in_cc_guard(open_outer: Open) -> None:
    outer = open_outer(guarded(guarded(python("import os; print(os.getppid()); input()"))))
    outer.wait_for(b"\n")
    assert int(outer.output) == outer.shim().pid
    outer.type(b"\r")
    assert outer.wait() == 0
