"""The client's window has the terminal's size, in cells and in pixels, from its first moment on."""

import re
import time

from tests.relay.clients import READY, SIZES
from tests.relay.conftest import Open
from tests.relay.harness import guarded, patched, python
from tests.relay.scripted import Lobby


def test_the_size_is_there_before_the_client(open_outer: Open) -> None:
    outer = open_outer(guarded(python(SIZES)), size=(33, 77, 770, 660))
    assert outer.wait_for(b">") == b"<33 77 770 660>"
    never_changed = "from cc_guard.relay.loop import Relay; Relay.resize = lambda self: None"
    outer = open_outer(patched(never_changed, python(SIZES)), size=(33, 77, 770, 660))
    assert outer.wait_for(b">") == b"<33 77 770 660>"


def test_a_terminal_without_a_size(open_outer: Open) -> None:
    outer = open_outer(guarded(python(SIZES)), size=(0, 0, 0, 0))
    assert outer.wait_for(b">") == b"<0 0 0 0>"


def test_a_change_reaches_the_client(open_outer: Open) -> None:
    outer = open_outer(guarded(python(SIZES)))
    outer.wait_for(READY)
    outer.resize(50, 90, 900, 1000)
    outer.wait_for(b"<50 90 900 1000>")
    outer.resize(50, 90, 1800, 2000)  # another font
    outer.wait_for(b"<50 90 1800 2000>")


def test_a_storm_of_200_changes_ends_with_the_right_size(open_outer: Open) -> None:
    outer = open_outer(guarded(python(SIZES)))
    outer.wait_for(READY)
    for n in range(199):
        outer.resize(20 + n % 30, 60 + n % 90, n, n)
        time.sleep(0.001 * (n % 3))
    outer.resize(51, 151, 1510, 1020)
    outer.wait_for(b"<51 151 1510 1020>")
    outer.pump(0.3)
    sizes = re.findall(rb"<\d+ \d+ \d+ \d+>", outer.output)
    assert sizes[-1] == b"<51 151 1510 1020>"


def test_a_change_before_the_client_is_there(open_outer: Open) -> None:
    for n in range(5):
        outer = open_outer(guarded(python(SIZES)))
        time.sleep(0.015 * n)
        outer.resize(51, 151, 1510, 1020)
        outer.wait_for(b"<51 151 1510 1020>")
        outer.pump(0.05)
        assert b"<40 120" not in outer.output[outer.output.index(b"<51") :]


def test_a_change_while_the_client_is_held(open_outer: Open, lobby: Lobby) -> None:
    outer = open_outer(lobby.client(SIZES))
    outer.wait_for(READY)
    guard = lobby.guard(outer)
    guard.hold()
    outer.resize(51, 151, 1510, 1020)
    guard.release()
    guard.expect("released guard")
    outer.wait_for(b"<51 151 1510 1020>")
    outer.until(lambda: guard.taken().sizes[-1] == (51, 151, 1510, 1020), "the guard was not told")
    assert guard.sizes[0] == (40, 120, 960, 800)
