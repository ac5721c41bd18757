"""Words of the guard to the user's terminal: only where the client's output stands still."""

import pytest

from cc_guard.relay import link
from tests.relay.clients import BEAT, KEYS, READY
from tests.relay.conftest import Open
from tests.relay.scripted import Lobby, ScriptedGuard

WORDS = b"\x1b]9;words\x1b\\"


def say(guard: ScriptedGuard, data: bytes = WORDS, offset: int | None = None) -> None:
    guard.send(link.SAY, link.OFFSET.pack(guard.offset if offset is None else offset) + data)


@pytest.mark.parametrize("by", [-1, 1, 1 << 40])
def test_not_at_another_place(by: int, open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.quiet()
    guard.events.clear()
    say(guard, offset=guard.offset + by)
    assert guard.expect("") == "unsaid"
    say(guard)
    assert guard.expect("") == "said"
    outer.wait_for(WORDS)
    assert outer.output == READY + WORDS
    outer.type(b"q")
    assert outer.wait() == 0
    assert outer.output == READY + WORDS


def test_the_clients_bytes_stay_whole_while_it_writes(open_outer: Open, lobby: Lobby) -> None:
    """Each time it lands exactly where the guard has seen the output end, or nowhere."""
    outer = open_outer(lobby.client(BEAT))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.expect("pid ")
    places, answers = [], []
    for number in range(60):
        outer.read(0.001)
        guard.take(0.003)
        word = b"\x1b]9;%d\x1b\\" % number
        at = guard.offset
        say(guard, word, at)
        answers.append(guard.expect(""))
        if answers[-1] == "said":
            places.append((at, word))
    assert "said" in answers
    guard.quiet(0.0)
    outer.until(lambda: places[-1][1] in outer.output, "the last words are missing")
    guard.take(0.1)
    expected = bytearray(guard.output)
    for at, word in reversed(places):
        expected[at:at] = word
    size = min(len(expected), len(outer.output))
    assert size > places[-1][0]
    assert expected[:size] == outer.output[:size]


def test_also_while_the_client_is_held(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.expect("pid ")
    guard.hold()
    say(guard)
    guard.expect("said")
    outer.wait_for(WORDS)
    guard.release()
    guard.expect("released guard")
    outer.type(b"q")
    assert outer.wait() == 0


def test_too_much_or_nothing_is_not_said(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(KEYS))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.quiet()
    guard.events.clear()
    say(guard, b"x" * (link.SAY_LIMIT + 1))
    say(guard, b"")
    guard.send(link.SAY, b"short")
    say(guard, b"y" * link.SAY_LIMIT)
    assert guard.expect("") == "said"
    outer.wait_for(b"y" * link.SAY_LIMIT)
    assert outer.output == READY + b"y" * link.SAY_LIMIT
