"""Where the cursor must stand when a held client goes on, over recordings of the real clients."""

import re

import pytest

from cc_guard.guard.repaint import before_continue
from cc_guard.screen.model import Screen
from tests.support.replay import FOLDER, around, events

_TAIL = 32 * 1024
_ERASURE = re.compile(rb"(?:\x1b\[2K\x1b\[1A)+\x1b\[2K\x1b\[G")
_SYNC = (b"\x1b[?2026h", b"\x1b[?2026l")
UP = b"\x1b[1A"


def mend_at_stop(name: str) -> tuple[Screen, bytes, bytes]:
    """The screen when the client was stopped, the bytes before it goes on, and what it drew then."""
    columns, rows, before, after = around(FOLDER / f"{name}.cast.gz", "SIGSTOP")
    screen = Screen(columns, rows)
    screen.feed(before)
    return screen, before_continue(before[-_TAIL:], screen.cursor_row, screen.alternate), after


@pytest.mark.parametrize(
    ("name", "height"),
    [
        ("1.0.120-hold-120x40", 7),
        ("1.0.120-hold-short-120x40", 7),
        ("2.0.60-hold-120x40", 9),
        ("2.0.60-hold-short-120x40", 9),
    ],
)
def test_clients_up_to_2_0_draw_the_changing_part_anew(name: str, height: int) -> None:
    """Spinner, box and footer; 2.0.60 redraws its retry row with them."""
    _, mend, _ = mend_at_stop(name)
    assert mend.count(UP) == height
    assert mend == b"\x1b[2K" + b"\x1b[1A\x1b[2K" * height + b"\x1b[G"


@pytest.mark.parametrize("name", ["2.1.330-hold-120x40", "2.1.330-hold-short-120x40"])
def test_later_clients_draw_everything_anew(name: str) -> None:
    screen, mend, _ = mend_at_stop(name)
    assert mend == b"\x1b[%dA\r\x1b[J" % screen.cursor_row
    screen.feed(mend)
    assert screen.rows() == [""], "the conversation goes, and is drawn again"


@pytest.mark.parametrize("version", ["1.0.120", "2.0.60", "2.1.330"])
@pytest.mark.parametrize("hold", ["hold", "hold-short"])
def test_with_it_the_picture_after_a_hold_is_whole(version: str, hold: str) -> None:
    """The recordings were made without it: fed before what the client drew when it went on, it leaves one
    picture instead of two."""
    screen, mend, after = mend_at_stop(f"{version}-{hold}-120x40")
    unaided, _, _ = mend_at_stop(f"{version}-{hold}-120x40")
    screen.feed(mend + after)
    unaided.feed(after)
    assert boxes(screen) == 1
    assert boxes(unaided) == 2
    text = "\n".join(screen.rows())
    assert text.count("● back again") == 1
    assert text.count("say back again") == 1
    assert not re.search(r"retrying in|Retrying in", text) or version == "1.0.120", "1.0.120 keeps the rows"


def boxes(screen: Screen) -> int:
    return sum(bool(re.match(r"[>❯]\xa0|[>❯]$", row)) for row in screen.rows())


@pytest.mark.parametrize("synchronized", [True, False], ids=["bare", "tmux"])
@pytest.mark.parametrize("name", sorted(p.name for p in FOLDER.glob("[12].0.[16]*-outage-[0-9]*.gz")))
def test_the_height_is_what_the_client_erases_next(name: str, synchronized: bool) -> None:
    """Whenever it is asked: the client's own next erasure is the answer. Without synchronized updates some
    answers are `I can't tell`; wrong ones may come only with the frames that put text there to stay."""
    _, _, output = events(FOLDER / name)
    data = b"".join(part for _, part in output)
    if not synchronized:
        for mark in _SYNC:
            data = data.replace(mark, b"")
    erasures = list(_ERASURE.finditer(data))[2:]
    wrong = unknown = 0
    for erasure in erasures:
        end = erasure.start() - (len(_SYNC[0]) if synchronized else 0)
        height = before_continue(data[max(0, end - _TAIL) : end], 0, False).count(UP)
        unknown += height == 0
        wrong += height not in (0, erasure[0].count(UP))
    assert len(erasures) > 200
    if synchronized:
        assert unknown == 0
    assert unknown <= 0.03 * len(erasures)
    assert wrong <= (0 if synchronized and name.startswith("1.0") else 0.02 * len(erasures))


def test_the_alternate_screen_needs_nothing() -> None:
    """Its renderer draws at absolute positions."""
    assert before_continue(b"anything", 7, alternate=True) == b""


def test_a_client_at_the_top_of_its_screen() -> None:
    assert before_continue(b"text", 0, alternate=False) == b"\r\x1b[J"


def test_a_client_whose_frames_cannot_be_counted() -> None:
    """One erasure, no synchronized update: better nothing than erasing the conversation."""
    assert before_continue(b"\x1b[2K\x1b[1A\x1b[2K\x1b[G" + b"row\r\n" * 5, 5, alternate=False) == b""
