"""One client ended and another one begun on the same terminal: the user sees two pictures, a shell none."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from cc_guard.relay import gate, link
from tests.relay.clients import HEIR, READY, SLEEP, STUBBORN
from tests.relay.conftest import Open
from tests.relay.harness import Outer, Word, gone, python, stopped
from tests.relay.scripted import Lobby

QUICK = "restart._NO_KEY_S = 0.3; gate._AT_REST_S = 1.0; gate._AFTER_OUTPUT_S = 3.0"
NO_PATIENCE = "restart._END_S = 0.7"
PROMPT = b"<PROMPT>"
PAGE = b"\x1b[r\x1b[40;1H" + b"\n" * 40 + b"\x1b[H"


def heir(name: str, *args: str) -> list[Word]:
    return python(HEIR, name, *args)


class Case:
    """A session with its first client; `restart` makes the next one."""

    def __init__(self, outer: Outer, lobby: Lobby, name: str = "one") -> None:
        self.outer = outer
        outer.wait_for(READY + f"<{name} - 40 120>".encode())
        self.guard = lobby.guard(outer)
        self.guard.expect("pid ")
        self.first = outer.client()
        self.guard.quiet()

    def restart(self, name: str = "two", *args: str, end: bytes = b"<bye ") -> psutil.Process:
        """Asks for it and waits until the new client is there, the gate still shut."""
        self.guard.take()
        self.guard.events.clear()
        self.guard.restart(heir(name, *args))
        self.guard.expect("restarting")
        return self.begun(end, name)

    def begun(self, end: bytes, name: str) -> psutil.Process:
        self.outer.wait_for(end)
        self.outer.wait_for(READY + b"<" + name.encode())
        self.outer.wait_for(b">")
        return psutil.Process(int(self.guard.expect("restarted ").split()[1]))

    def key(self, key: bytes) -> None:
        self.outer.type(key)
        self.outer.wait_for(b"[" + key + b"]")

    def quit(self, status: int = 0) -> None:
        self.outer.type(b"q")
        assert self.outer.wait() == status
        assert self.outer.restored
        assert self.outer.unread() == b""


@pytest.fixture
def case(open_outer: Open, lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Case]:
    def open_(name: str = "one", *args: str, patch: str = "") -> Case:
        argv = lobby.client(HEIR, name, *args, patch=f"{QUICK}\n{patch}")
        return Case(open_outer(argv), lobby, name)

    return open_


def test_another_client_in_the_same_terminal(case: Callable[..., Case]) -> None:
    one = case()
    assert one.guard.argv[3:] == [b"one"]
    guard, relay = one.outer.guards(), one.outer.relay()
    client = one.restart()
    assert client.pid == one.outer.client().pid != one.first.pid
    assert gone(one.first)
    assert one.guard.admit(True) == "admitted 0"
    one.key(b"x")
    one.guard.quiet()
    assert one.guard.output == one.outer.output, "the model of both is one"
    assert one.guard.argv[3:] == [b"two"]
    assert one.outer.guards() == guard
    assert one.outer.relay() == relay
    assert one.outer.shim() == client.parent()
    one.quit()
    one.guard.expect("exit 0")


def test_the_status_is_that_of_the_last_client(case: Callable[..., Case]) -> None:
    one = case("one", "3")
    one.restart("two", "7")
    one.guard.admit(True)
    one.quit(7)


def test_the_last_client_is_killed(case: Callable[..., Case]) -> None:
    one = case()
    one.restart().kill()
    assert one.outer.wait() == -signal.SIGKILL
    assert one.outer.restored


def test_the_shell_never_has_the_terminal(case: Callable[..., Case]) -> None:
    one = case("one slow")
    relay = one.outer.relay()

    def looks() -> tuple[bool, int]:
        stat = Path(f"/proc/{relay.pid}/stat").read_text()
        return one.outer.raw, int(stat.rpartition(")")[2].split()[5])  # tpgid: proc(5)

    before = looks()
    assert before[0]
    one.guard.restart(heir("two late"))
    seen = set()
    while b"<two late" not in one.outer.output:
        one.outer.read(0.001)
        seen.add(looks())
    assert seen == {before}


def test_environment_of_the_next_one(case: Callable[..., Case]) -> None:
    one = case()
    one.guard.restart(heir("two"), "NEXT=a=b c", "HOME", "NOT_THERE")
    one.outer.wait_for(b"<two a=b c 40 120>")
    one.guard.expect("restarted")
    environ = one.outer.client().environ()
    assert "HOME" not in environ
    assert environ["PATH"] == one.outer.relay().environ()["PATH"]
    assert environ["CC_GUARD"] == "1"
    one.guard.admit(True)
    one.outer.pump(0.4)
    one.guard.quiet()
    one.restart("three")
    assert b"<three - 40 120>" in one.outer.output, "each change is for one client"


def test_a_client_that_takes_its_time(case: Callable[..., Case]) -> None:
    one = case("one slow")
    one.restart()
    assert gone(one.first)


def test_a_client_that_does_not_end(case: Callable[..., Case]) -> None:
    one = case("one deaf", patch=NO_PATIENCE)
    since = time.monotonic()
    one.restart(end=PAGE)
    assert time.monotonic() - since > 0.7
    assert gone(one.first)
    one.guard.admit(True)
    one.key(b"x")
    one.outer.pump(1.0)
    one.key(b"y")
    one.quit()


def test_a_client_that_stops_instead_of_ending(open_outer: Open, lobby: Lobby) -> None:
    code = HEIR.replace("def end(*_):\n", "def end(*_):\n    os.kill(os.getpid(), signal.SIGSTOP)\n")
    one = Case(open_outer(lobby.client(code, "one")), lobby)
    one.restart()
    one.guard.take()
    assert not [event for event in one.guard.events if event in ("suspended", "resumed")]


def test_modes_of_a_client_that_could_not_reset_them(case: Callable[..., Case]) -> None:
    """Written once, known to the guard, and not again at the end."""
    one = case("one dies")
    one.guard.send(link.MODES, b"<RESET>")
    one.restart(end=b"<RESET>" + PAGE)
    one.guard.quiet()
    assert one.guard.output == one.outer.output
    one.guard.admit(True)
    one.outer.client().kill()
    assert one.outer.wait() == -signal.SIGKILL
    assert one.outer.output.count(b"<RESET>") == 1


def test_all_output_of_the_old_one_comes_first(open_outer: Open, lobby: Lobby) -> None:
    code = HEIR.replace('put(b"<bye', 'put(b"x" * 500_000 + b"<bye')
    one = Case(open_outer(lobby.client(code, "one")), lobby)
    one.restart()
    assert one.outer.output.count(b"x") == 500_000
    assert one.outer.output.index(b"<bye one>") < one.outer.output.index(b"<two")


def test_a_terminal_that_takes_nothing_for_long(open_outer: Open, lobby: Lobby) -> None:
    """The old client is gone, and its last words wait for the terminal longer than it may take to end."""
    code = HEIR.replace('put(b"<bye', 'put(b"x" * 100_000 + b"<bye')
    one = Case(open_outer(lobby.client(code, "one", patch=NO_PATIENCE)), lobby)
    one.guard.restart(heir("two"))
    time.sleep(1.5)
    one.begun(b"<bye one>", "two")


def test_the_size_is_that_of_now(case: Callable[..., Case]) -> None:
    one = case("one slow")
    one.guard.restart(heir("two"))
    one.guard.expect("restarting")
    one.outer.resize(30, 100)
    one.outer.wait_for(b"<two - 30 100>")
    one.guard.expect("restarted")
    one.outer.resize(31, 99)
    one.outer.until(lambda: one.guard.taken().sizes[-1][:2] == (31, 99), "no size")


def test_a_restart_after_a_restart(case: Callable[..., Case]) -> None:
    one = case()
    for n in range(4):
        one.restart(f"next{n}")
        assert one.guard.admit(True) == "admitted 0"
        one.key(b"x")
        one.outer.pump(0.35)
        one.guard.quiet()
    assert len(one.outer.processes()) == 4, "relay, shim, client and guard"
    relay = one.outer.relay()
    assert len(relay.children()) == 2, "zombies"
    assert relay.num_fds() < 20
    one.quit()


def test_hold_and_release_after_a_restart(case: Callable[..., Case]) -> None:
    one = case()
    client = one.restart()
    one.guard.ask_hold(one.guard.taken().offset)
    assert one.guard.expect("") == "refused", "before the gate is open nobody could release it by a key"
    one.guard.admit(True)
    one.guard.hold()
    one.outer.until(lambda: stopped(client), "not stopped")
    one.outer.type(b"\x1d")
    one.guard.expect("released key")
    one.key(b"x")
    one.guard.quiet()
    assert one.guard.typed(link.TEXT, b"z") == "typed text"
    one.outer.wait_for(b"[z]")
    one.quit()


# Keys meanwhile


def test_keys_wait_for_the_guard(case: Callable[..., Case]) -> None:
    """In order, in pieces that a client can tell apart, and before what is typed afterwards."""
    one = case("one slow")
    one.guard.restart(heir("two late"))
    one.guard.expect("restarting")
    for key in (b"a", b"b", b"c\r", b"\x1b[A", b"d"):
        one.outer.type(key)
        one.outer.pump(0.05)
    one.begun(b"<bye one slow>", "two late")
    one.outer.type(b"e")
    one.outer.pump(0.3)
    assert one.outer.output.endswith(b">"), "nothing is shown yet"
    assert one.guard.admit(True) == "admitted 9"
    one.outer.type(b"f")
    one.outer.wait_for(b"[a][b][c][0d][1b][[][A][d][e][f]")


def test_keys_are_not_for_a_question(case: Callable[..., Case]) -> None:
    one = case("one slow")
    one.guard.restart(heir("two"))
    one.guard.expect("restarting")
    one.outer.type(b"1\r")
    one.begun(b"<bye one slow>", "two")
    assert one.guard.admit(False) == "dropped 2"
    one.key(b"x")
    assert b"[1]" not in one.outer.output


def test_without_a_word_of_the_guard_keys_are_dropped(case: Callable[..., Case]) -> None:
    one = case()
    one.restart()
    since = time.monotonic()
    one.outer.type(b"lost")
    assert one.guard.expect("dropped") == "dropped 4"
    assert 0.8 < time.monotonic() - since < 1.6
    one.key(b"x")
    assert b"[o]" not in one.outer.output
    one.guard.take()
    one.guard.send(link.ADMIT, link.OFFSET.pack(one.guard.offset) + b"\1")
    one.key(b"y")


def test_a_client_that_never_rests_or_never_draws(open_outer: Open, lobby: Lobby) -> None:
    restless = python("import os, time\nwhile True:\n    os.write(1, b'.')\n    time.sleep(0.05)")
    silent = python("import os, time\nwhile True:\n    os.write(1, b'(' + os.read(0, 9) + b')')")
    one = Case(open_outer(lobby.client(HEIR, "one", patch=f"{QUICK}; gate._AFTER_START_S = 1.0")), lobby)
    one.guard.restart(restless)
    one.guard.expect("restarted")
    since = time.monotonic()
    one.guard.expect("dropped 0")
    assert 2.5 < time.monotonic() - since < 4.0
    one.guard.restart(silent)
    one.guard.expect("restarted")
    one.guard.expect("dropped 0", 2.0)
    one.outer.type(b"x\n")
    one.outer.wait_for(b"(x\n)".replace(b"\n", b"\r\n"))


def test_ctrl_c_is_heard_at_once(case: Callable[..., Case]) -> None:
    """What was typed before it is dropped, as by the client; what follows is no secret either."""
    one = case()
    one.restart()
    one.outer.type(b"abc")
    one.outer.pump(0.1)
    one.outer.type(b"d\x03e")
    assert one.guard.expect("dropped") == "dropped 4"
    one.outer.wait_for(b"[03][e]")
    one.key(b"x")


def test_ctrl_c_while_the_old_one_ends(case: Callable[..., Case]) -> None:
    """The guard, which heard of it before there was a new client, is told again when it asks."""
    one = case("one slow")
    one.guard.restart(heir("two"))
    one.guard.expect("restarting")
    one.outer.type(b"ab\x03")
    assert one.guard.expect("dropped") == "dropped 2"
    one.begun(b"<bye one slow>", "two")
    assert one.guard.admit(True) == "dropped 0"
    one.key(b"x")


def test_ctrl_c_before_the_new_client_reads(case: Callable[..., Case]) -> None:
    """Its terminal is not raw yet: it ends as any program, this one by the signal or a KeyboardInterrupt."""
    one = case()
    one.guard.restart(heir("two late"))
    one.guard.expect("restarted")
    one.outer.pump(0.1)
    one.outer.type(b"\x03")
    assert one.outer.wait() in (-signal.SIGINT, 1)
    assert one.outer.restored


def test_the_guard_is_too_early(case: Callable[..., Case]) -> None:
    """It may take the old client's input box for the new one's."""
    one = case()
    code = HEIR.replace("time.sleep(0.3", 'time.sleep(0.4)\nput(b"<asks>")\ntime.sleep(0.4')
    one.guard.restart(python(code, "two late"))
    one.guard.expect("restarted")
    one.outer.type(b"k")
    assert one.guard.admit(True) == "untyped background", "it has shown nothing"
    one.outer.wait_for(b"<asks>")
    one.guard.take()
    assert one.guard.admit(True) == "untyped background", "its terminal still takes lines"
    one.outer.wait_for(READY)
    one.guard.quiet()
    assert one.guard.admit(True) == "admitted 1"
    one.outer.wait_for(b"[k]")


def test_the_old_picture_is_history(case: Callable[..., Case]) -> None:
    one = case()
    one.restart()
    one.guard.quiet()
    assert bytes(one.outer.output).count(b"<bye one>" + PAGE + READY) == 1
    assert one.guard.output == one.outer.output


def test_reports_reach_the_client_that_asked(case: Callable[..., Case]) -> None:
    """Answers to the old client's questions do not; those to the new one's do, also when cut in two."""
    one = case("one slow")
    one.guard.restart(heir("two late"))
    one.guard.expect("restarting")
    one.outer.type(b"\x1b[?1;2c")
    one.outer.pump(0.2)
    one.guard.expect("restarted")
    one.outer.type(b"\x1b[?1;2c")
    one.outer.wait_for(READY + b"<two late - 40 120>")
    assert b"1;2c" not in one.outer.output, "no echo of it"
    one.outer.type(b"k\x1b[?62;4c\x1b[<0;1;1M\x1b[<0;1;1m")
    one.outer.wait_for(b"[1b][[][?][6][2][;][4][c]")
    one.outer.type(b"\x1bP>|xte")
    one.outer.pump(0.1)
    one.outer.type(b"rm\x1b\\")
    one.outer.wait_for(b"[1b][P][>][|][x][t][e][r][m][1b][\\]")
    assert one.guard.admit(True) == "admitted 1"
    one.outer.wait_for(b"[k]")


def test_more_keys_than_can_wait(case: Callable[..., Case]) -> None:
    """None of them is lost: they wait in the terminal."""
    one = case()
    one.restart()
    typed = bytes(0x61 + n % 16 for n in range(gate._LIMIT + 9000))
    pid = os.fork()
    if pid == 0:
        with os.fdopen(os.dup(one.outer.master), "wb", 0) as terminal:
            os.set_blocking(terminal.fileno(), True)
            terminal.write(typed)
        os._exit(0)
    one.outer.pump(0.5)
    admitted = int(one.guard.admit(True).split()[1])
    assert gate._LIMIT <= admitted < gate._LIMIT + 4096
    expected = b"".join(b"[%c]" % byte for byte in typed)
    one.outer.until(lambda: len(one.outer.output) > len(expected), "too few")
    one.outer.pump(0.3)
    os.waitpid(pid, 0)
    assert expected in one.outer.output


# When there is none


def refused(one: Case, reason: str) -> None:
    one.guard.take()
    one.guard.events.clear()
    one.guard.restart(heir("two"))
    assert one.guard.expect("") == f"unrestarted {reason}"
    assert one.first.is_running()


def test_not_while_held(case: Callable[..., Case]) -> None:
    one = case()
    one.guard.hold()
    one.guard.restart(heir("two"))
    assert one.guard.expect("") == "unrestarted held"
    one.guard.release()
    one.guard.expect("released")
    one.restart()


def test_not_while_the_user_types(case: Callable[..., Case]) -> None:
    one = case()
    one.key(b"x")
    refused(one, "key")
    one.outer.pump(0.4)
    one.restart()


def test_not_while_our_words_stand(case: Callable[..., Case]) -> None:
    one = case()
    assert one.guard.typed(link.TEXT, b"words") == "typed text"
    refused(one, "standing")


def test_not_behind_what_the_client_does_not_read(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(SLEEP, patch=QUICK))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    outer.type(bytes(60_000))
    outer.pump(0.4)
    guard.take()
    guard.events.clear()
    guard.restart(heir("two"))
    assert guard.expect("") == "unrestarted queued"


@pytest.mark.parametrize(
    "payload",
    [b"", b"\0", b"\0\1", b"\0\0a\0", b"\0\2a\0", b"\0\1a", b"\0\1\0", b"\0\1a\0=b\0", b"\xff\xffa\0"],
)
def test_not_without_a_command(payload: bytes, case: Callable[..., Case]) -> None:
    one = case()
    one.guard.events.clear()
    one.guard.send(link.RESTART, payload)
    assert one.guard.expect("") == "unrestarted argv"
    one.key(b"x")


def test_not_with_what_the_shell_handed_down(open_outer: Open, lobby: Lobby) -> None:
    """A pipe that the old client has read can't be given to the next one."""
    reading, writing = os.pipe()
    one = Case(open_outer(lobby.client(HEIR, "one"), pass_fds=[reading]), lobby)
    os.close(reading)
    os.close(writing)
    refused(one, "descriptors")


def test_not_while_another_program_has_the_terminal(open_outer: Open, lobby: Lobby) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    os.write(1, b"<READY>")
    time.sleep(60)
time.sleep(60)
"""
    outer = open_outer(lobby.client(code))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.quiet()
    guard.events.clear()
    guard.restart(heir("two"))
    assert guard.expect("") == "unrestarted background"


def test_not_twice_at_once(case: Callable[..., Case]) -> None:
    one = case("one slow")
    one.guard.restart(heir("two"))
    one.guard.restart(heir("three"))
    one.guard.expect("restarting")
    assert one.guard.expect("unrestarted") == "unrestarted restarting"
    one.begun(b"<bye one slow>", "two")


def test_not_when_the_client_is_gone(case: Callable[..., Case]) -> None:
    one = case()
    relay = one.outer.relay()
    relay.suspend()
    one.first.kill()
    one.outer.until(lambda: gone(one.first), "not dead")
    one.outer.pump(0.1)
    one.guard.restart(heir("two"))
    relay.resume()
    assert one.outer.wait() == -signal.SIGKILL
    assert b"<two" not in one.outer.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_relay_is_told_to_end_meanwhile(number: signal.Signals, case: Callable[..., Case]) -> None:
    one = case("one slow")
    one.guard.restart(heir("two"))
    one.guard.expect("restarting")
    os.kill(one.outer.pid, number)
    one.outer.wait()
    assert one.outer.restored
    assert b"<two" not in one.outer.output


def test_the_relay_is_told_to_end_while_the_next_one_starts(case: Callable[..., Case]) -> None:
    one = case()
    one.guard.restart(heir("two late"))
    one.outer.wait_for(b"<bye one>")
    os.kill(one.outer.pid, signal.SIGTERM)
    one.outer.wait()
    assert one.outer.restored


@pytest.mark.parametrize("how", ["away", "no program"])
def test_the_program_is_gone(how: str, open_outer: Open, lobby: Lobby, tmp_path: Path) -> None:
    """An update removed it: one line says how to go on."""
    program = tmp_path / "claude"
    program.write_text(f"#!{sys.executable} -IS\n{HEIR}")
    program.chmod(0o755)
    one = Case(open_outer(lobby.program(["./claude", "one"])), lobby)
    if how == "away":
        program.unlink()
    else:
        program.chmod(0o644)
    one.guard.restart(["./claude", "two", "--resume", "0b5c9a34"])
    status, reason = (127, "No such file or directory") if how == "away" else (126, "Permission denied")
    assert one.outer.wait() == status
    assert one.outer.restored
    text = f"cc-guard: claude can't be started again: {reason}. To go on: claude --resume 0b5c9a34\r\n"
    assert one.outer.output.endswith(text.encode())


# Deaths


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("victim", ["relay", "shim", "client"])
def test_killed_at_a_random_moment(victim: str, seed: int, case: Callable[..., Case]) -> None:
    """While the old client ends, between the two, while the next one starts: in the end nothing is left, and
    the terminal is right."""
    one = case("one slow" if seed % 2 else "one")
    at = time.monotonic() + random.Random(f"{victim}{seed}").uniform(0.0, 0.75)
    one.guard.restart(heir("two late"))
    while time.monotonic() < at:
        one.outer.read(0.001)
    found: list[psutil.Process] = []
    while not found and one.outer.process.poll() is None:
        try:
            found = [one.outer.relay() if victim == "relay" else getattr(one.outer, victim)()]
        except psutil.Error:
            continue
    for process in found:
        process.kill()
    one.outer.pump(0.5)
    one.outer.pump(0.7)
    if one.outer.process.poll() is None:  # it was the old client, or the old shim with nothing left to do
        assert victim != "relay"
        one.outer.until(
            lambda: b"<two" in one.outer.output or one.outer.process.poll() is not None, "nothing"
        )
        os.kill(one.outer.pid, signal.SIGTERM)
    one.outer.wait()
    one.outer.until(lambda: one.guard.taken().closed, "the guard does not see it")
    one.guard.close()
    one.outer.nothing_remains(10)
    assert one.outer.restored


@pytest.mark.parametrize("client", ["two", "two deaf"])
def test_the_relay_is_killed_after_a_restart(client: str, case: Callable[..., Case]) -> None:
    one = case()
    one.restart(client)
    os.kill(one.outer.pid, signal.SIGKILL)
    assert one.outer.wait() == -signal.SIGKILL
    one.outer.until(lambda: one.guard.taken().closed, "the guard does not see it")
    one.guard.close()
    one.outer.nothing_remains(10)
    assert one.outer.restored


@pytest.mark.parametrize("client", ["two", "two deaf"])
def test_the_shim_is_killed_after_a_restart(client: str, case: Callable[..., Case]) -> None:
    one = case()
    one.restart(client)
    one.outer.shim().kill()
    assert one.outer.wait() == -signal.SIGHUP
    one.guard.close()
    one.outer.nothing_remains(10)


def test_the_shim_of_a_stubborn_client_is_killed(case: Callable[..., Case]) -> None:
    """One that ignores what the kernel tells it, and has no terminal any more."""
    one = case()
    one.guard.restart(python(STUBBORN))
    one.outer.wait_for(b"<bye one>")
    one.outer.wait_for(READY)
    one.outer.shim().kill()
    assert one.outer.wait() == -signal.SIGHUP
    one.guard.close()
    one.outer.nothing_remains(1)


def test_the_shim_is_killed_while_the_old_client_ends(case: Callable[..., Case]) -> None:
    """Nobody can tell whether that one still writes to the session: there is no second one."""
    one = case("one slow")
    one.guard.restart(heir("two"))
    one.guard.expect("restarting")
    one.outer.shim().kill()
    assert one.outer.wait() == -signal.SIGHUP
    assert one.outer.restored
    assert b"<two" not in one.outer.output


@pytest.mark.parametrize("at_s", [0.0, 0.2, 0.6])
def test_the_guard_is_killed_meanwhile(at_s: float, case: Callable[..., Case], lobby: Lobby) -> None:
    """The restart goes on, and the next guard knows where it is."""
    one = case("one slow")
    one.guard.restart(heir("two"))
    one.guard.expect("restarting")
    one.outer.pump(at_s)
    os.kill(one.guard.pid, signal.SIGKILL)
    one.outer.wait_for(READY + b"<two")
    one.outer.pump(1.3)
    one.key(b"x")
    second = lobby.guard(one.outer)
    one.outer.pump(0.3)
    second.take()
    words = [event for event in second.events if event.startswith(("pid ", "restarted "))]
    assert words[-1].split()[1] == str(one.outer.client().pid)
    assert second.argv[3:] == [b"two"]
    assert second.taken().offset == len(one.outer.output)


@pytest.mark.parametrize("at_s", [0.0, 0.3, 0.6, 0.9])
def test_the_window_is_closed_meanwhile(at_s: float, case: Callable[..., Case]) -> None:
    one = case("one slow")
    one.guard.restart(heir("two late"))
    one.outer.pump(at_s)
    one.outer.hang_up()
    one.outer.wait()
    one.guard.close()
    one.outer.nothing_remains(15)


# Under a shell


def test_ctrl_z_and_fg_after_a_restart(open_outer: Open, lobby: Lobby, tmp_path: Path) -> None:
    argv: Sequence[Word] = lobby.client(HEIR, "one", "7", patch=QUICK)
    outer = open_outer(["bash", "--norc", "--noprofile", "-i"])
    outer.type(f"PS1='{PROMPT.decode()}'\r".encode())
    outer.wait_for(PROMPT + b"'")
    outer.wait_for(PROMPT)
    outer.pump(0.1)
    at_prompt = outer.attributes()
    script = tmp_path / "go"
    script.write_text("exec " + " ".join("'" + str(word).replace("'", "'\\''") + "'" for word in argv) + "\n")
    outer.type(b"bash ./go\r")
    one = Case(outer, lobby)
    one.restart("two", "7")
    one.guard.admit(True)
    for _ in range(2):
        outer.type(b"\x1a")
        outer.wait_for(b"<SUSPENDED>")
        outer.wait_for(PROMPT)
        outer.until(lambda: outer.attributes() == at_prompt, "not as before")
        outer.type(b"fg\r")
        outer.wait_for(b"<BACK>")
        one.key(b"x")
        one.guard.quiet()
        one.guard.events.clear()
    outer.pump(0.4)
    one.restart("three", "5")
    one.guard.admit(True)
    outer.type(b"q")
    outer.wait_for(PROMPT)
    outer.type(b"echo st$((0))=$?\r")
    outer.wait_for(b"st0=5")
    outer.until(lambda: outer.attributes() == at_prompt, "not as before")
