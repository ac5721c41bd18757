"""The client gets what it would get without cc-guard: arguments, environment, descriptors, signals."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.relay.clients import READY, SLEEP
from tests.relay.conftest import Open
from tests.relay.harness import CC_GUARD, MARK, Word, guarded, python

# All that a process can know of where it came from, as JSON into the file named first.
INQUIRY = """
import json, os, sys
def read(name):
    with open(f"/proc/self/{name}", "rb") as file:
        return file.read()
status = dict(line.split(":\\t") for line in read("status").decode().splitlines())
umask = os.umask(0)
facts = {
    "argv": [word.hex() for word in read("cmdline").split(b"\\0")],
    "environment": sorted(word.hex() for word in read("environ").split(b"\\0")),
    "descriptors": sorted(map(int, os.listdir("/proc/self/fd"))),
    "terminals": [os.isatty(fd) for fd in range(3)],
    "one terminal": os.ttyname(0) == os.ttyname(1) == os.ttyname(2),
    "controlling terminal": os.fstat(os.open("/dev/tty", os.O_RDWR)).st_rdev != 0,
    "foreground": os.tcgetpgrp(0) == os.getpgrp() == os.getpid(),
    "folder": os.getcwd(),
    "umask": umask,
    "blocked": status["SigBlk"],
    "nice": os.nice(0),
}
with open(sys.argv[1], "w") as file:
    json.dump(facts, file)
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows all this in /proc")

ODD_WORDS: list[Word] = [
    "",
    "--",
    "--help",
    "--version",
    "-h",
    "--profile",
    "--no-hold",
    "claude",
    "a b",
    "'\"$x\\",
    "*",
    "ü",
    b"\xff\xfe\x80",
    "\n",
    "",
]


@pytest.fixture
def ask(open_outer: Open, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """What a client finds, without cc-guard or under it."""

    def ask_(wrapped: bool, words: Sequence[Word] = (), **options: Any) -> dict[str, Any]:
        answer = tmp_path / "answer"
        command = [*python(INQUIRY, str(answer)), *words]
        outer = open_outer(guarded(command) if wrapped else command, **options)
        assert outer.wait() == 0, outer.output
        facts: dict[str, Any] = json.loads(answer.read_text())
        facts["environment"].remove(f"{MARK}={outer.mark}".encode().hex())
        return facts

    return ask_


def test_everything_is_as_without(ask: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    def before() -> None:
        os.umask(0o037)
        os.chdir(tmp_path / "elsewhere")
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGTERM})
        os.nice(1)

    (tmp_path / "elsewhere").mkdir()
    bare, under = (ask(wrapped, ODD_WORDS, before_exec=before) for wrapped in (False, True))
    assert under["environment"] == sorted([*bare["environment"], b"CC_GUARD=1".hex()])
    assert under["argv"][-len(ODD_WORDS) - 1 : -1] == [os.fsencode(word).hex() for word in ODD_WORDS]
    assert bare["descriptors"] == [0, 1, 2, 3]  # the last one lists them
    assert bare["foreground"]
    assert under | {"environment": bare["environment"]} == bare


@pytest.mark.parametrize(
    "locale",
    [
        {},
        {"LANG": "C"},
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "LC_CTYPE": "C.UTF-8"},
        {"LC_CTYPE": "C.UTF-8"},
        {"LC_CTYPE": "C"},
        {"LANG": "C.UTF-8"},
        {"PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_the_locale_is_the_users(
    locale: dict[str, str], ask: Callable[..., dict[str, Any]], env: dict[str, str]
) -> None:
    """Python sets LC_CTYPE for itself in the C locale (PEP 538)."""
    here = {name: value for name, value in env.items() if name not in ("LANG", "LC_ALL", "LC_CTYPE")} | locale
    bare, under = (ask(wrapped, [b"\xff"], env=here)["environment"] for wrapped in (False, True))
    # The client here is Python too, but /proc shows what it was started with.
    assert under == sorted([*bare, b"CC_GUARD=1".hex()])


@pytest.mark.parametrize(
    "ignored", [(), ("HUP",), ("INT", "QUIT"), ("CHLD", "USR1"), ("TSTP", "TTOU", "TTIN")]
)
def test_signal_dispositions(ignored: tuple[str, ...], open_outer: Open) -> None:
    """As seen by a program that sets none, with SIGPIPE at its default; nohup's SIGHUP stays ignored."""

    def before() -> None:
        for number in range(1, signal.SIGSYS + 1):  # whatever started the tests may have left some ignored
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_DFL)
        for name in ignored:
            signal.signal(signal.Signals[f"SIG{name}"], signal.SIG_IGN)

    def dispositions(argv: Sequence[Word]) -> list[str]:
        outer = open_outer(argv, before_exec=before)
        assert outer.wait() == 0
        lines = outer.output.decode().split("\r\n")
        # SigQ counts what is queued for all processes of the user.
        return [line for line in lines if line.startswith("Sig") and not line.startswith("SigQ")]

    cat = ["/bin/cat", "/proc/self/status"]
    bare = dispositions(cat)
    assert len(bare) == 4
    expected = sum(1 << signal.Signals[f"SIG{name}"] - 1 for name in ignored)
    assert f"SigIgn:\t{expected:016x}" in bare
    assert dispositions(guarded(cat)) == bare


def test_the_name_it_was_called_by(open_outer: Open, tmp_path: Path) -> None:
    (tmp_path / "other-name").symlink_to("/bin/cat")
    outer = open_outer(guarded(["./other-name", "/proc/self/cmdline"]))
    assert outer.wait() == 0
    assert outer.output == b"./other-name\0/proc/self/cmdline\0"


def test_claude_by_its_name(open_outer: Open, tmp_path: Path, env: dict[str, str]) -> None:
    """Found in PATH, called `claude`, with the words that follow, even those that are ours elsewhere."""
    claude = tmp_path / "bin" / "claude"
    claude.parent.mkdir()
    claude.symlink_to("/bin/echo")
    env |= {"PATH": f"{claude.parent}:{env['PATH']}"}
    outer = open_outer([CC_GUARD, "--no-hold", "claude", "--profile", "x", "--", "claude", ""], env=env)
    assert outer.wait() == 0
    assert outer.output == b"--profile x -- claude \r\n"


# Descriptors.


def test_a_pipe_from_the_shell(open_outer: Open) -> None:
    """As in `--mcp-config <(…)`."""
    outer = open_outer(["bash", "-c", f"{CC_GUARD} -- cat <(echo from-the-shell)"])
    assert outer.wait() == 0
    assert outer.output == b"from-the-shell\r\n"


def test_the_client_alone_holds_what_it_inherited(open_outer: Open) -> None:
    """Who reads sees the end when the client ends it, although cc-guard and its guard still run."""
    reading, writing = os.pipe()
    outer = open_outer(
        guarded(python(f"{SLEEP.replace('time.sleep', f'os.close({writing}); time.sleep')}")),
        pass_fds=[writing],
    )
    os.close(writing)
    outer.guard()
    outer.wait_for(READY)
    os.set_blocking(reading, False)

    def at_end() -> bool:
        try:
            return os.read(reading, 1) == b""
        except BlockingIOError:
            return False

    outer.until(at_end, "no end of the pipe")
    os.close(reading)


def test_standard_error_of_its_own(open_outer: Open, tmp_path: Path) -> None:
    file = tmp_path / "errors"
    with file.open("wb") as errors:
        outer = open_outer(
            guarded(["/bin/sh", "-c", "echo out; echo err >&2; [ -t 2 ] || exit 5"]), stderr=errors.fileno()
        )
        assert outer.wait() == 5
    assert outer.output == b"out\r\n"
    assert file.read_bytes() == b"err\n"


def test_the_guard_has_nothing_of_the_users(open_outer: Open, tmp_path: Path) -> None:
    """Neither the terminal, nor files handed down, nor the client's terminal."""
    file = tmp_path / "handed-down"
    with file.open("wb") as handed:
        outer = open_outer(guarded(python(SLEEP)), pass_fds=[handed.fileno()])
        outer.wait_for(READY)
    guard = outer.guard()
    folder = Path(f"/proc/{guard.pid}/fd")
    outer.until(lambda: os.getsid(guard.pid) == guard.pid, "the guard is not up")
    for name in os.listdir(folder):
        try:
            target = os.readlink(folder / name)
        except FileNotFoundError:
            continue  # a file that it has read just now
        assert "pts" not in target, target
        assert "ptmx" not in target, target
        assert target != str(file)
    assert len([1 for name in os.listdir(f"/proc/{outer.client().pid}/fd") if int(name) > 2]) == 1


def test_files_are_private(open_outer: Open, state: Callable[[str], Path]) -> None:
    outer = open_outer(guarded(python(SLEEP)))
    outer.until(lambda: state("guard.log").exists(), "no guard")
    assert stat.S_IMODE(state(".").stat().st_mode) == 0o700
    assert stat.S_IMODE(state("guard.log").stat().st_mode) == 0o600


def test_only_lean_modules_are_loaded(env: dict[str, str]) -> None:
    """PTY.md: what the relay may import. Everything else costs start-up time."""
    code = f"import sys; sys.path[:0] = {sys.path!r}"
    for module in ("cli", "launch.find", "launch.session", "settings_cache", "relay.session"):
        code += f"; import cc_guard.{module}"
    command = [sys.executable, "-ISc", f"{code}; print(*sys.modules)"]
    found = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    heavy = {"re", "json", "subprocess", "socket", "asyncio", "logging", "typing", "pathlib", "dataclasses"}
    assert not heavy & set(found.stdout.split())
