"""Answers to what a client asked in its last moment: no shell must take them for a command."""

import os
import threading
import time
import tty
from collections.abc import Iterator

import pytest

from cc_guard.relay.terminal import Terminal
from tests.relay.clients import ASKS, READY
from tests.relay.conftest import Open
from tests.relay.harness import patched, python

# The wait is made longer, so that it does not depend on how busy this machine is.
PATIENT = "from cc_guard.relay import terminal; terminal._LATE_REPLY_S = 1.0"
QUERIES = {
    "DA1": (b"\x1b[c", b"\x1b[?62;22c"),
    "XTVERSION": (b"\x1b[>0q", b"\x1bP>|ghostty 1.2\x1b\\"),
    "DECRQM": (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    "cursor": (b"\x1b[6n", b"\x1b[12;40R"),
    "kitty keyboard": (b"\x1b[?u", b"\x1b[?0u"),
    "background": (b"\x1b]11;?\x07", b"\x1b]11;rgb:0000/0000/0000\x07"),
    "colour scheme": (b"\x1b[?996n", b"\x1b[?997;1n"),
}


def test_the_answer_comes_after_the_clients_end(open_outer: Open) -> None:
    query, answer = QUERIES["DA1"]
    outer = open_outer(patched(PATIENT, python(ASKS, repr(query))))
    outer.wait_for(READY + query)
    outer.pump(0.1)
    os.write(outer.master, answer)
    assert outer.wait() == 0
    assert outer.restored
    assert outer.unread() == b""


def test_without_a_question_nothing_is_taken(open_outer: Open) -> None:
    """What is typed at the very end belongs to the shell."""
    outer = open_outer(patched(PATIENT, python(ASKS, "b'bye'")))
    outer.wait_for(b"bye")
    since = time.monotonic()
    assert outer.wait() == 0
    assert time.monotonic() - since < 0.9


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Terminal, int]]:
    """A raw terminal, and the side of its screen and keyboard."""
    monkeypatch.setattr("cc_guard.relay.terminal._LATE_REPLY_S", 0.2)
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(slave, False)
    found = Terminal.__new__(Terminal)
    found.stdin = slave
    yield found, master
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("name", [*QUERIES])
def test_every_question_is_known(name: str, terminal: tuple[Terminal, int]) -> None:
    query, answer = QUERIES[name]
    late = threading.Timer(0.05, os.write, (terminal[1], answer))
    late.start()
    terminal[0].drop_late_replies(b"\x1b[2J" + query + b"bye\r\n")
    late.join()
    with pytest.raises(BlockingIOError):
        os.read(terminal[0].stdin, 100)


def test_where_no_question_was_asked_typing_is_left_alone(terminal: tuple[Terminal, int]) -> None:
    os.write(terminal[1], b"typed")
    since = time.monotonic()
    terminal[0].drop_late_replies(b"an answer\x1b[0m\r\n")
    assert time.monotonic() - since < 0.15
    assert os.read(terminal[0].stdin, 100) == b"typed"
