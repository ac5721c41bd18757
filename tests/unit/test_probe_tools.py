"""Running tools: whatever they do, it ends in time, nothing of them stays, and their output is text."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import tools
from tests.fakes.looking import script


def is_gone(pid: int) -> bool:
    """Or as good as: a zombie that nobody has collected yet."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until_gone(file: Path) -> None:
    deadline = time.monotonic() + 10
    while not is_gone(int(file.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_it_says(tmp_path: Path) -> None:
    program = script(tmp_path / "tool", "echo out; echo err >&2; exit 3")
    assert asyncio.run(tools.run(str(program))) == tools.Ran(3, b"out\n", b"err\n")


def test_no_such_tool() -> None:
    assert asyncio.run(tools.run("no-such-tool-anywhere")).missing


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    program = tmp_path / "tool"
    program.write_bytes(b"\x00\x01")
    program.chmod(0o755)
    assert asyncio.run(tools.run(str(program))).missing


def test_it_hangs_with_a_child(tmp_path: Path) -> None:
    program = script(tmp_path / "tool", f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    started = time.monotonic()
    assert asyncio.run(tools.run(str(program), timeout_s=1.0)).status is None
    assert time.monotonic() - started < 5
    wait_until_gone(tmp_path / "pid")


def test_the_probe_is_cancelled(tmp_path: Path) -> None:
    program = script(tmp_path / "tool", f"echo $$ > {tmp_path}/pid; exec sleep 60")

    async def cancelled() -> None:
        async with asyncio.timeout(1.0):
            await tools.run(str(program), timeout_s=30)

    with pytest.raises(TimeoutError):
        asyncio.run(cancelled())
    wait_until_gone(tmp_path / "pid")


def test_too_much(tmp_path: Path) -> None:
    """Ten megabytes: all is read, so that the tool can end, and four are kept."""
    program = script(tmp_path / "tool", "head -c 10000000 /dev/zero")
    ran = asyncio.run(tools.run(str(program), timeout_s=20))
    assert (ran.status, len(ran.out)) == (0, 4 * 2**20)


def test_its_own_environment(tmp_path: Path) -> None:
    program = script(tmp_path / "tool", 'echo "$HERE $LC_ALL"; pwd')
    ran = asyncio.run(tools.run(str(program), environ={"HERE": "x"}, cwd=str(tmp_path)))
    assert ran.text == f"x \n{tmp_path.resolve()}\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("ä: 5\r\n".encode(), "ä: 5\r\n"),
        ("ä: 5\r\n".encode("utf-8-sig"), "ä: 5\r\n"),
        ("ä: 5\r\n".encode("utf-16"), "ä: 5\r\n"),
        ("数: 5\r\n".encode("utf-16-le"), "数: 5\r\n"),
        ("数: 5\r\n".encode("utf-16-be"), "数: 5\r\n"),
        ("für 5\r\n".encode("cp850"), "für 5\r\n"),
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert tools.decoded(data) == text


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    assert isinstance(tools.decoded(data), str)


@given(st.integers(0, 10**18), st.sampled_from(["cp437", "cp850", "cp866", "cp932", "cp936", "utf-16-le"]))
def test_digits_survive_in_every_code_page(number: int, encoding: str) -> None:
    text = tools.decoded(f"ポート數 порт für : {number}\r\n".encode(encoding, "replace"))
    assert text.endswith(f": {number}\r\n")


@pytest.mark.parametrize(
    ("text", "number"), [("7\n", 7), ("", None), ("-1", None), ("٣", None), ("9" * 40, None), ("1 2", None)]
)
def test_numbers(text: str, number: int | None) -> None:
    assert tools.to_int(text) == number
