"""Claude Code's processes: real programs of that name, stopped and with sockets."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import processes
from cc_guard.diagnose.probes import process
from cc_guard.diagnose.processes import Process
from cc_guard.diagnose.route import Configuration
from cc_guard.probe.route import Route
from tests.fakes.looking import HERE, context, look, only

linux = pytest.mark.skipif(HERE != "linux", reason="needs Linux' /proc")
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs that end with the test."""
    with ExitStack() as stack:

        def run(arguments: list[str], **more: str) -> subprocess.Popen[str]:
            program = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                **more,  # type: ignore[call-overload]
            )
            stack.enter_context(program)
            stack.callback(program.kill)
            return program  # type: ignore[no-any-return]

        yield run


# Sessions


@linux
def test_other_sessions(start: Start, tmp_path: Path) -> None:
    secret = tmp_path / "secret" / "project"
    secret.mkdir(parents=True)
    program = shutil.which("sleep") or "sleep"
    one = start(["claude", "60"], executable=program, cwd=str(secret))
    two = start(["/x/y/claude", "60"], executable=program)
    found = look(process.PROBES, "sessions", context())
    others = {other["pid"]: other for other in found.evidence["others"]}
    if found.evidence["count"] <= 10:
        assert {one.pid, two.pid} <= others.keys()
        assert others[one.pid]["cwd"] == "project"
    assert str(secret) not in str(found)
    without = look(process.PROBES, "sessions", context(client_pid=one.pid))
    assert one.pid not in {other["pid"] for other in without.evidence["others"]}


def a(pid: int, parent: int, *arguments: str, mb: float = 100) -> Process:
    return Process(pid, parent, arguments[0].rpartition("/")[2], arguments, mb)


@pytest.mark.parametrize(
    ("arguments", "is_client"),
    [
        (("claude", "--continue"), True),
        (("/root/.local/bin/claude",), True),
        (("node", "/x/node_modules/@anthropic-ai/claude-code/cli.js"), True),
        (("/usr/bin/node", "--max-old-space-size=8", "/x/@anthropic-ai/claude-code/cli.js"), True),
        (("python3", "/bin/cc-guard", "claude"), False),
        (("vim", "claude"), False),
        (("node", "server.js", "x", "@anthropic-ai/claude-code"), False),
        ((), False),
    ],
)
def test_what_is_a_client(arguments: tuple[str, ...], is_client: bool) -> None:
    assert process.is_client(Process(1, 0, "x", arguments, 1)) is is_client


def test_a_client_below_a_client_is_no_session() -> None:
    running = [
        a(10, 1, "claude"),
        a(11, 10, "bash"),
        a(12, 11, "claude"),
        a(20, 2, "claude"),
        a(2, 20, "circle"),
    ]
    assert [one.pid for one in process.roots(running)] == [10]


def test_too_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def table(_: object) -> list[Process]:
        return [a(100 + number, 1, "claude") for number in range(6)]

    monkeypatch.setattr(processes, "table", table)
    found = look(process.PROBES, "sessions", context("macos"))
    assert (found.state, found.evidence["count"], found.evidence["mb"]) == ("warn", 6, 600)


HOLDER = "held = bytearray(100 * 2**20); held[::4096] = held[::4096]; print(flush=True); input()"


@linux
def test_a_client_with_half_of_all_memory(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process called claude, and a machine that is said to be small."""
    client = start(["claude", "-Sc", HOLDER], executable=sys.executable)
    assert client.stdout is not None
    client.stdout.readline()
    own, others = context(client_pid=client.pid), context()
    for total, state in ((150.0, "warn"), (1e9, "pass")):
        monkeypatch.setattr(process, "_total_mb", lambda total=total: total)
        found = look(process.PROBES, "client.process", own)
        assert (found.state, found.evidence["rss_mb"] >= 100) == (state, True)
        found = look(process.PROBES, "sessions", others)
        assert client.pid in {one["pid"] for one in found.evidence["others"] if one["mb"] >= 100}
        if found.evidence["count"] < 6:
            assert found.state == state


def test_sessions_of_cc_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("session-1-a", "session-2-b"):
        (tmp_path / "cc-guard" / name).mkdir(parents=True)
        (tmp_path / "cc-guard" / name / "lock").touch()
    with (tmp_path / "cc-guard" / "session-1-a" / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert look(process.PROBES, "sessions", context()).evidence["guarded"] == 1
    assert not (tmp_path / "state").exists(), "looking made a folder"


# The client of an incident


CLIENT = """
import socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(3)]
held[2].recv(1)
print(flush=True)
input()
"""


@linux
def test_a_client_with_connections(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        port = server.getsockname()[1]
        client = start([sys.executable, "-c", CLIENT, str(port)])
        accepted = [stack.enter_context(server.accept()[0]) for _ in range(3)]
        accepted[2].close()
        assert client.stdout is not None
        client.stdout.readline()
        where = context(
            client_pid=client.pid, configuration=Configuration(route=Route("127.0.0.1", port, False))
        )
        found = look(process.PROBES, "client.process", where)
        assert found.state == "pass"
        evidence = found.evidence
        assert (evidence["established"], evidence["close_wait"], evidence["syn_sent"]) == (2, 1, 0)
        assert (evidence["to_api"], evidence["stopped"]) == (3, False)
        assert evidence["rss_mb"] > 1
        assert 0 <= evidence["age_s"] < 60

        client.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while not look(process.PROBES, "client.process", where).evidence["stopped"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@linux
def test_a_client_that_has_ended(start: Start) -> None:
    client = start([sys.executable, "-c", ""])
    client.wait()
    assert look(process.PROBES, "client.process", context(client_pid=client.pid)).state == "fail"


@pytest.mark.skipif("__import__('os').geteuid() != 0", reason="needs root")
@linux
def test_a_client_of_somebody_else(start: Start) -> None:
    """Its sockets can't be seen, and that is said. Here: by an unprivileged cc-guard, of one of root's."""
    client = start([sys.executable, "-c", "input()"])
    code = (
        "import os;"
        "from cc_guard.diagnose.probes import process;"
        "from tests.fakes.looking import context, look;"
        "os.setgid(65534); os.setuid(65534);"
        f"print(look(process.PROBES, 'client.process', context(client_pid={client.pid})))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "'established': None" in said.stdout, said.stderr


def test_without_an_incident() -> None:
    assert look(process.PROBES, "client.process", context()).state == "na"


def test_other_systems_by_psutil(start: Start) -> None:
    """The way that macOS takes; here over Linux' own processes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = start([sys.executable, "-c", CLIENT, str(server.getsockname()[1])])
        accepted = [server.accept()[0] for _ in range(3)]
        accepted[2].close()
        assert client.stdout is not None
        client.stdout.readline()
        found = look(process.PROBES, "client.process", context("macos", client_pid=client.pid))
        for one in accepted[:2]:
            one.close()
    assert (found.evidence["established"], found.evidence["close_wait"]) == (2, 1)
    client.kill()
    client.wait()
    assert look(process.PROBES, "client.process", context("macos", client_pid=client.pid)).state == "fail"


# The table of processes


@linux
def test_the_table_of_this_machine() -> None:
    import asyncio

    own = next(one for one in asyncio.run(processes.table(context().facts)) if one.pid == os.getpid())
    assert own.parent == os.getppid()
    assert own.mb > 5
    assert own.arguments


def test_the_table_is_made_once_in_a_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many processes it takes a tenth of a second. One probe's deadline is not another's."""
    import asyncio

    made: list[int] = []

    async def table(_: object) -> list[Process]:
        made.append(1)
        await asyncio.sleep(0.1)
        return [a(1, 0, "init")]

    async def several() -> list[list[Process]]:
        facts = context().facts
        late = asyncio.create_task(processes.once(facts))
        await asyncio.sleep(0.01)
        late.cancel()
        return list(await asyncio.gather(processes.once(facts), processes.once(facts)))

    monkeypatch.setattr(processes, "table", table)
    assert [[one.pid for one in found] for found in asyncio.run(several())] == [[1], [1]]
    assert len(made) == 1
    asyncio.run(several())
    assert len(made) == 2


def test_names_with_brackets() -> None:
    stat = "7 (a) b (c) S 1 " + " ".join(["0"] * 19) + " 256 0"
    found = processes.parse_stat(stat, lambda: "a\0b\0", 4096 / 2**20)
    assert found == Process(7, 1, "a) b (c", ("a", "b"), 1.0)


def test_ps_of_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    only(monkeypatch, tmp_path / "bin", "ps")
    monkeypatch.setenv("FAKE_PS", r" 12   1  2048 claude --continue\n 13 12 1024 /bin/zsh -c x y\n")
    found = asyncio.run(processes.table(context("macos").facts))
    assert found == [
        Process(12, 1, "claude", ("claude", "--continue"), 2.0),
        Process(13, 12, "zsh", ("/bin/zsh", "-c", "x", "y"), 1.0),
    ]


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    processes.parse_ps(text)
    processes.parse_stat(text, lambda: text, 1.0)
