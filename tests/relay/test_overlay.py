"""A screen of our own in place of a held client's: up when there is something to show, gone at once."""

import os
import signal
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from cc_guard.relay import link, overlay
from cc_guard.relay.overlay import MARK, PICTURE_LIMIT, SHOW_HEAD
from tests.relay.clients import BEAT, KEYS, READY, SIZES
from tests.relay.conftest import Open
from tests.relay.harness import Outer, gone, stopped
from tests.relay.scripted import Lobby, ScriptedGuard
from tests.relay.test_hold import RELEASE_KEY

ENTER, LEAVE, PAINT = b"<ENTER>", b"<LEAVE>", b"<PAINT>"
SHOWN = ENTER + b"<APP picture>"

_APP = """\
import fcntl, os, signal, struct, sys, termios, time, tty
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
tty.setraw(0)
def size(*_):
    rows, columns = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))[:2]
    os.write(1, b"<APP %d %d>" % (rows, columns))
signal.signal(signal.SIGWINCH, size)
os.write(1, b"<TOO EARLY>")
pipe, picture = int(sys.argv[-1]), b""
while piece := os.read(pipe, 65536):
    picture += piece
if not picture:
    sys.exit(0)
"""
_DRAWS = f"os.write(1, {MARK!r} + b'<APP %s>' % picture[:20])\n"
# Shows what is typed; q ends it.
APP = (
    f"{_APP}{_DRAWS}" + 'while (key := os.read(0, 4096)) != b"q": os.write(1, b"(%s)" % key.hex().encode())\n'
)
FLOOD = f"{_APP}{_DRAWS}while True: os.write(1, b'x' * 1000)\n"
HANGS = f"{_APP}{_DRAWS}os.kill(os.getpid(), signal.SIGSTOP)\n"
SILENT = f"{_APP}time.sleep(1000)\n"
DIES = f"{_APP}os.kill(os.getpid(), signal.SIGSEGV)\n"


class Held:
    """A client that is held, and a program that waits to be shown in its place."""

    def __init__(self, outer: Outer, guard: ScriptedGuard, client: psutil.Process) -> None:
        self.outer, self.guard, self.client = outer, guard, client

    def prepare(self, app: str = APP, *, program: str = sys.executable) -> None:
        words = [program, "-ISc", app]
        data = b"".join(os.fsencode(word) + b"\0" for word in words)
        self.guard.send(link.SCREEN, link.COUNT.pack(len(words)) + data)

    def show(
        self,
        delay_s: float = 0.0,
        *,
        paint: bytes = b"",
        picture: bytes = b"picture",
        offset: int | None = None,
    ) -> None:
        at = self.guard.offset if offset is None else offset
        head = SHOW_HEAD.pack(at, delay_s, len(ENTER), len(LEAVE), len(paint))
        self.guard.send(link.SHOW, head + ENTER + LEAVE + paint + picture)

    def up(self, app: str = APP, paint: bytes = b"") -> None:
        self.prepare(app)
        self.show(paint=paint)
        self.outer.wait_for(SHOWN)
        self.guard.expect("screen shown")

    def read_it(self) -> None:
        """As long as it takes until keys are for the screen."""
        self.outer.pump(overlay._UNREAD_S + 0.1)

    def runs(self) -> None:
        self.outer.until(lambda: not stopped(self.client), "the client is still stopped")

    def app(self) -> psutil.Process:
        return next(p for p in self.outer.processes() if "TOO EARLY" in " ".join(p.cmdline()))

    def only_once(self, *tokens: bytes) -> None:
        for token in tokens:
            assert self.outer.output.count(token) == 1, (token, bytes(self.outer.output))


@pytest.fixture
def hold(open_outer: Open, lobby: Lobby) -> Callable[..., Held]:
    def hold_(client: str = KEYS, patch: str = "") -> Held:
        outer = open_outer(lobby.client(client, patch=patch))
        outer.wait_for(READY)
        guard = lobby.guard(outer)
        guard.expect("pid ")
        guard.hold()
        process = outer.client()
        outer.until(lambda: stopped(process), "not stopped")
        return Held(outer, guard, process)

    return hold_


# Coming


def test_it_is_shown_and_then_the_terminal_is_the_clients(hold: Callable[..., Held]) -> None:
    held = hold(BEAT)
    held.prepare()
    held.guard.notice(b"<TITLE>", b"<OLD TITLE>")
    held.outer.wait_for(b"<TITLE>")
    before = len(held.outer.output)
    held.show()
    held.outer.wait_for(SHOWN)
    held.guard.expect("screen shown")
    held.guard.release()
    held.guard.expect("screen over released")
    held.guard.expect("released guard")
    held.outer.wait_for(b";")
    assert bytes(held.outer.output[before:]).startswith(SHOWN + LEAVE + b"<OLD TITLE>")
    held.only_once(ENTER, LEAVE)
    assert b"TOO EARLY" not in held.outer.output
    assert b"APP" not in bytes(held.guard.output), "the guard's copy is of the client alone"


def test_it_is_not_shown_before_its_time(hold: Callable[..., Held]) -> None:
    held = hold()
    held.prepare()
    began = time.monotonic()
    held.show(0.7)
    held.outer.wait_for(SHOWN)
    assert 0.7 <= time.monotonic() - began < 2


def test_a_hold_that_is_over_sooner_shows_nothing(hold: Callable[..., Held]) -> None:
    held = hold()
    held.prepare()
    held.show(0.5)
    held.outer.pump(0.2)
    held.guard.release()
    held.guard.expect("screen over released")
    held.runs()
    held.outer.pump(0.6)
    assert bytes(held.outer.output) == READY
    assert not any("TOO EARLY" in " ".join(p.cmdline()) for p in held.outer.processes())


def test_it_does_not_come_up_under_somebodys_fingers(hold: Callable[..., Held]) -> None:
    held = hold()
    held.prepare()
    held.outer.type(b"a")
    held.show()
    for _ in range(6):
        held.outer.pump(overlay._NO_KEY_S / 3)
        held.outer.type(b"a")
    assert bytes(held.outer.output) == READY
    last = time.monotonic()
    held.outer.wait_for(SHOWN)
    assert time.monotonic() - last > overlay._NO_KEY_S - 0.15
    held.guard.release()
    held.outer.wait_for(b"[a]" * 7)


@pytest.mark.parametrize(
    ("app", "program", "reason"),
    [(DIES, sys.executable, "closed"), (SILENT, sys.executable, "late"), ("", "/nonexistent", "refused")],
)
def test_what_draws_nothing_is_not_shown(
    app: str, program: str, reason: str, hold: Callable[..., Held]
) -> None:
    held = hold(patch="from cc_guard.relay import overlay; overlay._LATE_S = 0.4")
    held.prepare(app, program=program)
    held.outer.pump(0.2)
    held.show()
    held.guard.expect(f"screen over {reason}")
    assert stopped(held.client)
    held.outer.type(b"\x1d")
    held.guard.expect("released key")
    held.runs()
    assert bytes(held.outer.output) == READY


def test_nothing_is_shown_in_the_middle_of_something(hold: Callable[..., Held]) -> None:
    held = hold()
    held.prepare()
    held.show(offset=held.guard.offset - 1)
    held.guard.expect("screen over refused")
    held.prepare()
    held.show(picture=b"x" * (PICTURE_LIMIT + 1))
    held.guard.expect("screen over refused")
    held.prepare()
    held.show(picture=b"x" * PICTURE_LIMIT)
    held.outer.wait_for(ENTER + b"<APP xxx")


def test_without_a_hold_nothing_is_shown(hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.release()
    held.guard.expect("released")
    held.prepare()
    held.show()
    held.outer.pump(0.5)
    held.guard.send(link.SCREEN, link.COUNT.pack(0))
    held.outer.type(b"a")
    held.outer.wait_for(b"[a]")
    assert bytes(held.outer.output) == READY + b"[a]"


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\2a\0", SHOW_HEAD.pack(1 << 40, float("nan"), 9, 9, 9)])
def test_nonsense_is_no_wish(payload: bytes, hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.send(link.SCREEN, payload)
    held.guard.send(link.SHOW, payload)
    held.up()
    held.guard.release()
    held.runs()


# Keys


@pytest.mark.parametrize("key", RELEASE_KEY.values(), ids=RELEASE_KEY.keys())
@pytest.mark.parametrize("app", [APP, HANGS, FLOOD], ids=["app", "hangs", "flood"])
def test_the_release_key_always_works(app: str, key: bytes, hold: Callable[..., Held]) -> None:
    held = hold()
    held.up(app)
    began = time.monotonic()
    held.outer.type(key)
    held.runs()
    assert time.monotonic() - began < 1.0
    held.guard.expect("screen over released")
    held.guard.expect("released key")
    held.outer.wait_for(LEAVE)
    held.outer.type(b"a")
    assert held.outer.wait_for(b"[a]") == b"[a]", (
        "the client got nothing but this key, the terminal nothing else"
    )


def test_ctrl_c_is_for_the_client_at_once(hold: Callable[..., Held]) -> None:
    held = hold()
    held.up()
    held.read_it()
    held.outer.type(b"\x03")
    held.guard.expect("released interrupt")
    assert held.outer.wait_for(b"[03]") == LEAVE + b"[03]"


def test_other_keys_are_for_the_screen_once_it_can_have_been_read(hold: Callable[..., Held]) -> None:
    held = hold()
    held.up()
    held.outer.type(b"w")
    held.outer.pump(overlay._UNREAD_S / 2)
    held.outer.type(b"ord")
    held.outer.pump(overlay._UNREAD_S / 2)
    held.outer.type(b"s")  # somebody types a word on
    held.read_it()
    held.outer.type(b"y")
    held.outer.wait_for(b"(79)")
    held.outer.type(b"\x1b")
    held.outer.wait_for(b"(1b)")
    assert stopped(held.client), "Escape closes what is shown, and nothing else"
    held.guard.release()
    held.outer.wait_for(b"".join(b"[%c]" % key for key in b"words"))
    assert b"[y]" not in held.outer.output


def test_the_mouse_is_the_screens_and_answers_are_the_clients(hold: Callable[..., Held]) -> None:
    held = hold()
    held.up()
    held.outer.type(b"\x1b[<0;3;4M")
    held.outer.wait_for(b"(%s)" % b"\x1b[<0;3;4M".hex().encode())
    held.outer.type(b"\x1b[?62")  # cut in two, as on a slow line
    held.outer.pump(0.1)
    held.outer.type(b";c")
    held.outer.pump(0.2)
    held.guard.release()
    held.outer.wait_for(b"[1b][[][?][6][2][;][c]")


# Going


def test_not_a_byte_more(hold: Callable[..., Held]) -> None:
    held = hold(BEAT)
    held.up(FLOOD)
    held.outer.pump(0.3)
    began = time.monotonic()
    held.guard.release()
    held.outer.wait_for(LEAVE)
    assert time.monotonic() - began < 1.0
    held.outer.wait_for(b";")
    held.outer.pump(0.2)
    assert b"x" not in bytes(held.outer.output).partition(LEAVE)[2]


@pytest.mark.parametrize("how", ["key", "killed"])
def test_a_screen_that_ends_leaves_the_client_waiting(how: str, hold: Callable[..., Held]) -> None:
    held = hold()
    held.up()
    held.read_it()
    if how == "key":
        held.outer.type(b"q")
    else:
        held.app().kill()
    held.guard.expect("screen over closed")
    held.outer.wait_for(LEAVE)
    assert stopped(held.client)
    held.outer.type(b"a")  # and now as without a screen
    held.outer.pump(0.1)
    held.outer.type(b"\x1b")
    held.guard.expect("released interrupt")
    held.outer.wait_for(b"[a][1b]")


def test_a_picture_that_the_terminal_does_not_keep(hold: Callable[..., Held]) -> None:
    held = hold(SIZES)
    held.up(paint=PAINT)
    held.guard.release()
    assert held.outer.wait_for(b"<40 120 960 800>") == LEAVE + PAINT + b"<40 119 960 800><40 120 960 800>"


def test_both_are_told_of_a_new_size(hold: Callable[..., Held]) -> None:
    held = hold(SIZES)
    held.up()
    held.outer.resize(30, 90, 700, 600)
    held.outer.wait_for(b"<APP 30 90>")
    held.outer.until(lambda: (30, 90, 700, 600) in held.guard.taken().sizes, "the guard was not told")
    held.guard.release()
    assert held.outer.wait_for(b"<30 90 700 600>") == LEAVE + b"<30 90 700 600>"


def test_words_between_two_of_its_pictures(hold: Callable[..., Held]) -> None:
    held = hold()
    held.up()
    held.outer.pump(0.2)
    held.guard.send(link.SAY, link.OFFSET.pack(held.guard.offset) + b"<SAID>")
    held.guard.expect("said")
    held.outer.wait_for(b"<SAID>")
    held.guard.release()
    held.runs()


def test_words_are_not_said_into_one_of_its_pictures(hold: Callable[..., Held]) -> None:
    held = hold()
    held.up(FLOOD)
    held.outer.pump(0.2)
    held.guard.send(link.SAY, link.OFFSET.pack(held.guard.offset) + b"<SAID>")
    held.guard.expect("unsaid")
    held.guard.release()
    held.runs()


# Others' ends


def test_the_guard_is_killed(hold: Callable[..., Held]) -> None:
    held = hold()
    held.up()
    app = held.app()
    os.kill(held.guard.pid, signal.SIGKILL)
    held.runs()
    assert held.outer.wait_for(LEAVE) == LEAVE
    held.outer.until(lambda: gone(app), "the screen's program still runs")
    held.outer.type(b"a")
    held.outer.wait_for(b"[a]")


@pytest.mark.parametrize("app", [APP, HANGS], ids=["app", "hangs"])
def test_the_relay_is_killed(app: str, hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.send(link.MODES, b"<RESET>")
    held.up(app)
    held.outer.relay().kill()
    held.outer.wait_for(LEAVE + b"<RESET>")
    held.outer.until(lambda: held.outer.restored, "the terminal is not as before")
    held.outer.wait()
    held.outer.nothing_remains()


def test_the_terminal_is_closed(hold: Callable[..., Held]) -> None:
    held = hold()
    held.up()
    held.outer.hang_up()
    held.outer.nothing_remains()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_session_is_told_to_end(number: signal.Signals, hold: Callable[..., Held]) -> None:
    held = hold()
    held.up()
    held.outer.relay().send_signal(number)
    assert held.outer.wait() == -number
    held.only_once(LEAVE)
    assert held.outer.restored
    held.outer.nothing_remains()


def test_the_client_is_killed(hold: Callable[..., Held]) -> None:
    held = hold()
    held.guard.send(link.MODES, b"<RESET>")
    held.up()
    held.client.kill()
    assert held.outer.wait() == -signal.SIGKILL
    assert bytes(held.outer.output).endswith(LEAVE + b"<RESET>")
    held.outer.nothing_remains()


def test_a_program_that_is_never_shown_ends_with_the_session(hold: Callable[..., Held]) -> None:
    held = hold()
    held.prepare()
    held.guard.release()
    held.guard.expect("released")
    held.outer.type(b"q")
    assert held.outer.wait() == 0
    held.outer.nothing_remains()
