"""Words typed for the guard: in the box when nobody is in the way, and gone again before anybody can be."""

import math
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cc_guard.relay import link, typist
from tests.relay.clients import BOX, READY, SLEEP, SUSPENDS
from tests.relay.conftest import Open
from tests.relay.harness import Outer
from tests.relay.scripted import Lobby, ScriptedGuard

WORDS = b"continue"


class Case:
    """A session whose guard knows all that the client has shown."""

    def __init__(self, outer: Outer, guard: ScriptedGuard) -> None:
        self.outer, self.guard = outer, guard

    def stand(self) -> None:
        """Our words are in the box, and nothing moves."""
        assert self.guard.typed(link.TEXT, WORDS) == "typed text"
        self.outer.wait_for(b"<continue>")
        self.outer.pump(0.15)
        self.guard.quiet()

    def race(self, word: bytes, submit_in_s: float, type_in_s: float) -> list[bytes]:
        """Our words, and the user's word and Enter; what was submitted."""
        start = len(self.outer.output)

        def shown(token: bytes) -> None:
            self.outer.until(lambda: self.outer.output.find(token, start) >= 0, f"no {token!r}")

        now = time.monotonic()
        acts: list[tuple[float, Callable[[], None]]] = [
            (now, lambda: self.guard.type(link.TEXT, WORDS, 0.3)),
            (now + submit_in_s, lambda: self.guard.type(link.SUBMIT)),
            (now + type_in_s, lambda: self.outer.type(word)),
        ]
        for at, act in sorted(acts, key=lambda act: act[0]):
            while time.monotonic() < at:
                self.outer.read(0.001)
                self.guard.take()
            act()
        shown(word + b">")
        self.outer.pump(0.4)
        self.outer.type(b"\r")
        shown(word + b"}")
        self.outer.pump(0.4)
        self.guard.quiet()
        self.guard.events.clear()
        return [part.partition(b"}")[0] for part in bytes(self.outer.output[start:]).split(b"{")[1:]]

    def shows(self, *tokens: bytes) -> None:
        for token in tokens:
            self.outer.wait_for(token)


@pytest.fixture
def case(open_outer: Open, lobby: Lobby) -> Callable[..., Case]:
    def open_(client: str = BOX, *args: str) -> Case:
        outer = open_outer(lobby.client(client, *(args or ("0",))))
        outer.wait_for(READY)
        guard = lobby.guard(outer)
        guard.expect("pid ")
        guard.quiet()
        return Case(outer, guard)

    return open_


def test_text_and_then_enter(case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    assert one.guard.typed(link.SUBMIT) == "typed submit"
    one.shows(b"{continue}<>")
    one.outer.type(b"abc")
    one.shows(b"<abc>")
    one.outer.pump(typist.STANDS_S + 0.3)
    one.guard.take()
    assert not [event for event in one.guard.events if event.startswith("erased")]
    assert one.outer.output.endswith(b"<abc>")


def test_the_user_is_heard_between_text_and_enter(case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    one.outer.type(b"abc")
    assert one.guard.expect("erased") == "erased key"
    one.shows(b"<>", b"<abc>")
    one.outer.type(b"\r")
    one.shows(b"{abc}")
    assert b"!" not in one.outer.output


def test_keys_in_quick_succession_come_in_order(case: Callable[..., Case]) -> None:
    """Each as a piece of its own, while our words are still being taken away."""
    one = case(BOX, "0.03")
    one.stand()
    for key in b"abcdef":
        one.outer.type(bytes([key]))
        one.outer.pump(0.01)
    one.shows(b"abcdef>")
    assert one.outer.output.endswith(b"<abcdef>")
    assert b"!" not in one.outer.output


@pytest.mark.parametrize(
    "lag", ["0.02", *(pytest.param(lag, marks=pytest.mark.long) for lag in ("0", "0.1"))]
)
def test_a_key_at_any_moment(lag: str, case: Callable[..., Case]) -> None:
    """Before the text, with it, before it is read, before Enter, with it, after it; the client quick or slow.
    Either our words were submitted alone, or they were never there."""
    one = case(BOX, lag)
    rng = random.Random(lag)
    tries = 10 if lag == "0.1" else 18
    alone = 0
    for n in range(tries):
        word = b"word%d" % n
        found = one.race(word, rng.uniform(0.0, 0.3), rng.uniform(-0.02, 0.35))
        assert found in ([word], [WORDS, word]), found
        alone += found == [word]
    assert b"!" not in one.outer.output
    assert 0 < alone < tries, "not every case was tried"


def test_not_submitted_in_time(case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    since = time.monotonic()
    assert one.guard.expect("erased") == "erased late"
    assert time.monotonic() - since < typist.STANDS_S
    one.shows(b"<>")
    assert one.guard.typed(link.SUBMIT) == "untyped nothing"
    one.outer.pump(0.3)
    one.stand()


def test_taken_back_when_asked(case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    one.guard.type(link.ERASE)
    assert one.guard.expect("erased") == "erased asked"
    one.shows(b"<>")
    one.guard.type(link.ERASE)
    one.outer.type(b"x")
    one.shows(b"<x>")
    assert one.guard.typed(link.TEXT, WORDS, 0.5) == "untyped key"


def test_taken_back_before_it_was_read(case: Callable[..., Case]) -> None:
    one = case(BOX, "0.8")
    one.guard.type(link.TEXT, WORDS)
    one.guard.expect("typed text")
    one.outer.type(b"abc")
    one.guard.expect("erased key")
    one.shows(b"<continue>", b"<>", b"<abc>")
    assert b"!" not in one.outer.output


@pytest.mark.parametrize("how", ["killed", "hangs up"])
def test_the_guard_is_gone_between_text_and_enter(how: str, case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    if how == "killed":
        os.kill(one.guard.pid, signal.SIGKILL)
    else:
        one.guard.hang_up()
    one.outer.wait_for(b"<>", typist.STANDS_S - 1.0)
    one.outer.type(b"abc")
    one.shows(b"<abc>")


def test_the_guard_talks_nonsense_between_text_and_enter(case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    os.write(one.guard._write_fd, link.HEADER.pack(link.TYPE, link.FRAME_LIMIT + 1))
    one.outer.wait_for(b"<>", typist.STANDS_S - 1.0)


def test_the_relay_is_killed_between_text_and_enter(case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    os.kill(one.outer.pid, signal.SIGKILL)
    one.outer.wait()
    one.outer.until(lambda: one.guard.taken().closed, "the guard does not see it")
    one.guard.close()
    one.outer.nothing_remains(10)
    assert one.outer.restored
    assert b"{" not in one.outer.output


def test_the_client_ends_between_text_and_enter(case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    one.outer.client().kill()
    assert one.outer.wait() == -signal.SIGKILL
    assert one.outer.restored


# When nothing is typed


def test_no_text_when_the_guard_has_not_seen_all(case: Callable[..., Case]) -> None:
    one = case()
    for by in (-1, 1, 1 << 40):
        one.guard.type(link.TEXT, WORDS, offset=one.guard.offset + by)
        assert one.guard.expect("") == "untyped output"
    one.stand()
    one.guard.type(link.SUBMIT, offset=one.guard.offset - 1)
    assert one.guard.expect("") == "untyped output"
    assert one.guard.typed(link.SUBMIT) == "typed submit"


@pytest.mark.parametrize("quiet_s", [0.5, 3.0, math.inf, math.nan])
def test_no_text_while_the_user_types(quiet_s: float, case: Callable[..., Case]) -> None:
    one = case()
    one.outer.type(b"a")
    one.shows(b"<a>")
    one.guard.quiet()
    one.guard.type(link.TEXT, WORDS, quiet_s)
    assert one.guard.expect("") == "untyped key"
    if quiet_s == 0.5:
        one.outer.pump(0.6)
        assert one.guard.typed(link.TEXT, WORDS, quiet_s) == "typed text"


def test_a_report_of_the_terminal_is_no_key(case: Callable[..., Case]) -> None:
    """Neither before our words nor while they stand; it reaches the client at once."""
    one = case()
    one.outer.type(b"\x1b[I")
    one.shows(b"([I)<>")
    assert one.guard.typed(link.TEXT, WORDS, 3.0) == "typed text"
    one.shows(b"<continue>")
    for report in (b"[O", b"[<35;10;10M", b"[?62;c"):
        one.outer.type(b"\x1b" + report)
        one.shows(b"(" + report + b")<continue>")
    one.outer.type(b"\x1b[<0;10;10M")
    assert one.guard.expect("erased") == "erased key"
    one.shows(b"<>", b"([<0;10;10M)<>")


KEYS_UNREAD = """
import os
from cc_guard.relay import passage
serve = passage.Passage.serve
def late(self, readable, writable):
    unread = {self.terminal.stdin} if os.path.exists("unread") else set()
    serve(self, [fd for fd in readable if fd not in unread], writable)
passage.Passage.serve = late
passage.Passage.plain = property(lambda self: False)
"""


def test_no_text_before_a_key_that_nobody_has_read(open_outer: Open, lobby: Lobby, tmp_path: Path) -> None:
    outer = open_outer(lobby.client(BOX, "0", patch=KEYS_UNREAD))
    outer.wait_for(READY)
    one = Case(outer, lobby.guard(outer))
    one.guard.expect("pid ")
    one.stand()
    (tmp_path / "unread").touch()
    outer.type(b"a")
    outer.pump(0.1)
    one.guard.events.clear()
    one.guard.type(link.SUBMIT)
    assert one.guard.expect("") == "untyped key"
    (tmp_path / "unread").unlink()
    one.shows(b"<>", b"<a>")
    one.outer.pump(0.4)
    (tmp_path / "unread").touch()
    outer.type(b"b")
    outer.pump(0.1)
    one.guard.take()
    one.guard.events.clear()
    one.guard.type(link.TEXT, WORDS)
    assert one.guard.expect("") == "untyped key"


def test_no_text_while_a_key_waits(case: Callable[..., Case]) -> None:
    """The relay is stopped meanwhile, so that both have come when it looks."""
    one = case()
    relay = psutil.Process(one.outer.pid)
    relay.suspend()
    one.guard.type(link.TEXT, WORDS, 0.5)
    one.outer.type(b"a")
    relay.resume()
    answer = one.guard.expect("")
    one.shows(b"<a>")
    assert answer in ("untyped key", "untyped output")
    assert b"continue" not in one.outer.output


def test_no_text_while_held(case: Callable[..., Case]) -> None:
    one = case()
    one.guard.hold()
    one.guard.type(link.TEXT, WORDS)
    assert one.guard.expect("") == "untyped held"
    one.guard.release()
    one.guard.expect("released")
    one.stand()
    one.guard.ask_hold(one.guard.offset)
    assert one.guard.expect("") == "refused"


def test_no_text_for_a_client_that_somebody_stopped(case: Callable[..., Case]) -> None:
    one = case()
    os.kill(one.outer.client().pid, signal.SIGSTOP)
    one.guard.expect("resumed")  # there is no shell here, so the stop is undone
    one.guard.quiet()
    one.guard.type(link.TEXT, WORDS, 3.0)
    assert one.guard.expect("") == "untyped key"


def test_no_text_behind_what_the_client_does_not_read(case: Callable[..., Case]) -> None:
    one = case(SLEEP)
    one.outer.type(bytes(100_000))
    one.guard.quiet()
    one.guard.type(link.TEXT, WORDS)
    assert one.guard.expect("") == "untyped queued"


EDITOR = """
import os, signal, sys, time, tty
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
tty.setraw(0)
os.write(1, b"<READY>")
while os.read(0, 1) != b"e":
    pass
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    os.write(1, b"<EDITOR>")
    while (key := os.read(0, 1)) != b"x":
        os.write(1, b"[" + key + b"]")
    os._exit(0)
os.wait()
os.tcsetpgrp(0, os.getpid())
os.write(1, b"<MINE>")
while True:
    os.write(1, b"(" + os.read(0, 100) + b")")
"""


def test_no_text_into_the_clients_editor(case: Callable[..., Case]) -> None:
    one = case(EDITOR)
    one.outer.type(b"e")
    one.outer.wait_for(b"<EDITOR>")
    one.guard.quiet()
    one.guard.type(link.TEXT, WORDS)
    assert one.guard.expect("") == "untyped background"
    one.outer.type(b"ax")
    one.shows(b"[a]", b"<MINE>")
    assert one.guard.typed(link.TEXT, WORDS) == "typed text"
    one.shows(b"(continue)")


def test_output_that_never_rests(case: Callable[..., Case]) -> None:
    one = case(
        "import os, tty, time\ntty.setraw(0)\nos.write(1, b'<READY>')\ntime.sleep(0.5)\n"
        "while True: os.write(1, b'.' * 200)"
    )
    one.outer.pump(1.0)
    for _ in range(20):
        one.guard.take()
        one.guard.type(link.TEXT, WORDS)
        one.outer.pump(0.02)
    one.guard.take()
    assert set(one.guard.events) <= {"untyped output"}


def test_ctrl_z_between_text_and_enter(case: Callable[..., Case]) -> None:
    """The key comes when our words are gone; nothing is typed right behind `fg`."""
    one = case(SUSPENDS, str(int(signal.SIGSTOP)), "0")
    assert one.guard.typed(link.TEXT, WORDS) == "typed text"
    one.outer.pump(0.2)
    one.outer.type(b"\x1a")
    assert one.guard.expect("erased") == "erased key"
    one.shows(b"[\x7f]" * 8, b"<SUSPENDED><BACK>")
    one.guard.expect("resumed")
    one.guard.quiet()
    one.guard.type(link.TEXT, WORDS, 3.0)
    assert one.guard.expect("") == "untyped key"


def test_suspended_from_outside_between_text_and_enter(case: Callable[..., Case]) -> None:
    one = case(SUSPENDS, str(int(signal.SIGSTOP)), "0")
    assert one.guard.typed(link.TEXT, WORDS) == "typed text"
    one.outer.wait_for(b"[e]")
    os.kill(one.outer.pid, signal.SIGTSTP)
    one.shows(b"[\x7f]" * 8)


# What is typed


@pytest.mark.parametrize(
    "words",
    [b"", b"a\rb", b"\x1b[A", b"a\x03", b"a\x7f", "a\u0085b".encode(), b"\xff", "\u202eabc".encode(),
     b"x" * (typist.TEXT_LIMIT + 1), b"a\nb", b"a\tb"],
)  # fmt: skip
def test_words_that_are_no_plain_text(words: bytes, case: Callable[..., Case]) -> None:
    one = case()
    assert one.guard.typed(link.TEXT, words) == "untyped content"
    if words != b"x" * (typist.TEXT_LIMIT + 1):
        assert one.guard.typed(link.DRAFT, words) == "untyped content"
    assert one.guard.typed(b"?", b"abc") == "untyped content"
    one.outer.type(b"k")
    one.shows(b"<k>")


def test_words_of_other_scripts(case: Callable[..., Case]) -> None:
    one = case()
    text = "größe 続けて"
    assert one.guard.typed(link.TEXT, text.encode()) == "typed text"
    one.shows(b"<" + text.encode() + b">")
    one.outer.pump(0.2)
    one.guard.type(link.ERASE)
    one.guard.expect("erased asked")
    # This client counts bytes; a real one, characters.
    one.shows(b"<" + text.encode()[: -len(text)] + b">")


def test_a_draft_stays_and_is_never_submitted(case: Callable[..., Case]) -> None:
    one = case()
    assert one.guard.typed(link.DRAFT, b"half a thought") == "typed draft"
    one.shows(b"<half a thought>")
    assert one.guard.typed(link.SUBMIT) in ("untyped nothing", "untyped standing")
    one.outer.pump(typist.STANDS_S + 0.3)
    assert one.guard.typed(link.SUBMIT) == "untyped nothing"
    one.outer.type(b"\r")
    one.shows(b"{half a thought}")


def test_a_draft_of_several_lines_is_pasted(case: Callable[..., Case]) -> None:
    one = case()
    assert one.guard.typed(link.PASTE, "über\n\teins\nzwei".encode()) == "typed draft"
    one.shows("([200~über\r\teins\rzwei^[201~)<>".encode())
    for bad in (b"a\x1b[201~\rb", b"a\rb", b"a\x00", b"", b"x" * (typist.DRAFT_LIMIT + 1)):
        one.outer.pump(0.5)
        assert one.guard.typed(link.PASTE, bad) == "untyped content"


def test_a_long_draft_and_the_users_keys_behind_it(case: Callable[..., Case]) -> None:
    """More than the client's terminal holds: what the user types comes behind it."""
    one = case(BOX, "0.01")
    draft = bytes(0x61 + n % 26 for n in range(typist.DRAFT_LIMIT - 20))
    one.guard.type(link.DRAFT, draft)
    one.guard.expect("typed draft")
    one.outer.type(b"12345")
    one.shows(draft[-20:] + b"12345>")
    assert one.outer.output.endswith(b"<" + draft + b"12345>")


def test_nothing_is_typed_over_what_is_under_way(case: Callable[..., Case]) -> None:
    one = case()
    one.stand()
    for kind in (link.TEXT, link.DRAFT, link.PASTE):
        assert one.guard.typed(kind, b"more") == "untyped standing"
    assert one.guard.typed(link.SUBMIT) == "typed submit"
    one.shows(b"{continue}")


def test_a_link_full_of_wishes(case: Callable[..., Case]) -> None:
    """A guard gone mad: at most one text stands, and the user is heard."""
    one = case(BOX, "0.01")
    os.set_blocking(one.guard._write_fd, False)
    for n in range(3000):
        kind = (link.TEXT, link.SUBMIT, link.ERASE, link.DRAFT)[n % 3]
        try:
            one.guard.type(kind, WORDS)
        except BlockingIOError:
            break
        if n % 50 == 0:
            one.outer.read(0.001)
            one.guard.take()
    one.outer.type(b"k")
    one.outer.until(lambda: b"k>" in one.outer.output, "the user is not heard")
    one.outer.pump(0.5)
    assert b"!" not in one.outer.output
    assert not [part for part in bytes(one.outer.output).split(b"{")[1:] if not part.startswith(b"continue}")]
