"""A held client whose picture had become lower before: a menu or a question was closed.

From 2.1.30 on clients draw cell by cell and erase lines only then; up to 2.0 every picture begins with that.
"""

import re

import pytest

from cc_guard.guard.repaint import before_continue
from tests.support.replay import FOLDER, events

_ERASURE = re.compile(rb"(?:\x1b\[2K\x1b\[1A)+\x1b\[2K\x1b\[G")
_TAIL = 32 * 1024
_A_FRAME = 2048
ROW = 12
EVERYTHING = b"\x1b[%dA\r\x1b[J" % ROW


def tails(name: str) -> list[bytes]:
    """What the guard remembers of the output, a little after each erasure."""
    said = b"".join(data for _, data in events(FOLDER / f"{name}.cast.gz")[2])
    ends = [at.end() + _A_FRAME for at in _ERASURE.finditer(said)]
    return [said[max(0, end - _TAIL) : end] for end in ends]


@pytest.mark.parametrize(
    "name",
    [
        "2.1.30-retry-503-120x40",
        "2.1.132-quote-bash-120x40",
        "2.1.197-interrupt-120x40",
        "2.1.273-quote-bash-120x40",
        "2.1.330-quote-bash-250x60",
        "2.1.330-help-120x40",
    ],
)
def test_a_picture_that_became_lower_is_drawn_anew_as_any_other(name: str) -> None:
    found = tails(name)
    assert found, "nothing is erased in this recording"
    assert {before_continue(tail, ROW, False) for tail in found} == {EVERYTHING}


@pytest.mark.parametrize("name", ["0.2.126-outage-120x40", "1.0.120-outage-120x40", "2.0.60-outage-120x40"])
def test_clients_that_erase_every_picture_are_still_told_apart(name: str) -> None:
    assert all(before_continue(tail, ROW, False) != EVERYTHING for tail in tails(name))
