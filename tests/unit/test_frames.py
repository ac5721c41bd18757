"""When the guard looks at the screen, and when it had better not."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard.screen import frames as frames_module
from cc_guard.screen.frames import QUIET_S, Frames
from cc_guard.screen.model import Screen
from tests.support.replay import FOLDER, events
from tests.support.ticking import Clock

BEGIN, END = b"\x1b[?2026h", b"\x1b[?2026l"
CLEAR = b"\x1b[2J\x1b[H"


class Looks:
    """Frames on a clock turned by hand, and every look with what it saw."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.seen: list[tuple[float, bool, str]] = []
        self.frames = Frames(self.clock, self._look)
        self.size(24, 80)

    def _look(self, settled: bool) -> None:
        screen = self.frames.screen
        assert screen is not None
        assert self.frames.complete, "only whole pictures are shown"
        self.seen.append((self.clock.now, settled, "\n".join(screen.rows())))

    def size(self, rows: int, columns: int) -> None:
        self.frames.resize(columns, rows)

    def output(self, data: bytes, then: float = 0.0) -> None:
        self.frames.output(data)
        self.clock.advance(then)

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.seen]

    @property
    def settled(self) -> list[bool]:
        return [settled for _, settled, _ in self.seen]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


# The end of a frame


def test_the_end_of_a_synchronized_update_is_the_end_of_a_frame(looks: Looks) -> None:
    looks.output(BEGIN + b"whole" + END)
    assert looks.texts == ["whole"]
    assert looks.settled == [False], "more may come at once"


def test_silence_ends_a_frame_as_well(looks: Looks) -> None:
    """In tmux the client sends no synchronized updates."""
    looks.output(b"one ", then=QUIET_S / 2)
    looks.output(b"two", then=QUIET_S * 0.9)
    assert looks.texts == [], "the writes of one frame are less than 30 ms apart"
    looks.clock.advance(QUIET_S)
    assert looks.texts == ["one two"]
    assert looks.settled == [True]


def test_a_frame_is_looked_at_again_when_it_is_quiet(looks: Looks) -> None:
    looks.output(BEGIN + b"whole" + END, then=1.0)
    assert looks.settled == [False, True]
    assert looks.seen[1][0] == pytest.approx(1000.0 + QUIET_S)


def test_output_without_an_end_is_looked_at_now_and_then(looks: Looks) -> None:
    for _ in range(200):
        looks.output(b"x", then=0.01)
    gaps = [b - a for (a, *_), (b, *_) in zip(looks.seen, looks.seen[1:], strict=False)]
    assert gaps
    assert max(gaps) < 0.3
    assert min(gaps) > 0.2


def test_a_storm_of_frames_is_not_looked_at_frame_by_frame(looks: Looks) -> None:
    """200 frames a second would cost a core."""
    for number in range(200):
        looks.output(BEGIN + CLEAR + str(number).encode() + END, then=0.005)
    assert 20 <= len(looks.seen) <= 40
    looks.clock.advance(QUIET_S)
    assert looks.texts[-1] == "199", "but the last one is"


# Not a whole picture


def test_never_inside_a_synchronized_update(looks: Looks) -> None:
    looks.output(BEGIN + b"half", then=0.5)
    for _ in range(20):
        looks.output(b".", then=0.01)
    assert looks.seen == []
    looks.output(END)
    assert looks.texts == ["half" + "." * 20]


def test_an_update_without_an_end_is_not_waited_for(looks: Looks) -> None:
    """Terminals give up after a second as well."""
    looks.output(BEGIN + b"half", then=2.0)
    assert looks.seen == []
    looks.output(b".", then=1.0)
    assert looks.texts[-1] == "half."


@pytest.mark.parametrize(
    "sequence",
    [b"\x1b[31m", b"\x1b]0;title\x07", b"\x1bP+q544e\x1b\\", b"\x1b_Ga=q\x1b\\", "é".encode(), b"\x1b(B"],
    ids=["CSI", "OSC", "DCS", "APC", "UTF-8", "ESC"],
)
def test_never_inside_an_escape_sequence(looks: Looks, sequence: bytes) -> None:
    for cut in range(1, len(sequence)):
        looks.seen.clear()
        looks.output(CLEAR + b"text" + sequence[:cut], then=0.3)
        if looks.frames.complete:
            continue  # the model does not call this half (a byte of a character)
        assert looks.seen == []
        looks.output(sequence[cut:] + b"!", then=0.3)
        assert looks.seen[-1][2].rstrip("!").rstrip("é") == "text"


def test_a_sync_end_that_comes_in_two_pieces_is_seen_by_its_silence(looks: Looks) -> None:
    data = BEGIN + b"whole" + END
    for cut in range(len(BEGIN) + 1, len(data)):
        looks.seen.clear()
        looks.output(CLEAR)
        looks.output(data[:cut], then=0.001)
        looks.output(data[cut:], then=1.0)
        assert looks.texts[-1] == "whole"


def test_a_second_look_finds_a_frame_under_way(looks: Looks) -> None:
    looks.output(BEGIN + b"whole" + END)
    looks.frames.look_again(0.1)
    looks.output(BEGIN + b"half", then=1.0)
    assert looks.texts == ["whole"]


def test_one_second_look_at_a_time(looks: Looks) -> None:
    looks.output(b"x", then=1.0)
    looks.seen.clear()
    for _ in range(5):
        looks.frames.look_again(0.12)
    looks.clock.advance(1.0)
    assert looks.settled == [True]
    looks.frames.look_again(0.12)
    looks.clock.advance(1.0)
    assert len(looks.seen) == 2


# Output that was missed


def test_after_lost_output_nothing_is_believed(looks: Looks) -> None:
    looks.output(b"old", then=1.0)
    looks.seen.clear()
    looks.frames.lost(5000)
    looks.output(b"more", then=1.0)
    looks.output(BEGIN + b"a spinner" + END, then=1.0)
    assert looks.seen == []
    assert looks.frames.stale
    assert looks.frames.blind


@pytest.mark.parametrize(
    "repaint",
    [
        b"\x1b[2J\x1b[3J\x1b[H",
        b"\x1b[3J",
        b"\x1b[?1049h\x1b[H",
        b"\x1b[H" + b"\x1b[2K\x1b[1B" * 4,
        b"\x1b[H" + b"\x1b[2K" * 4,
    ],
)
def test_until_the_client_draws_everything_anew(looks: Looks, repaint: bytes) -> None:
    looks.output(b"\x1b[20Bold text", then=1.0)
    looks.frames.lost(5000)
    looks.output(b"rest of a lost frame" + repaint + b"\x1b[Hnew", then=1.0)
    assert looks.texts[-1].strip() == "new"
    assert not looks.frames.stale
    assert looks.frames.blind, "what modes were set in the lost part is still not known"


def test_a_repaint_may_come_in_two_pieces(looks: Looks) -> None:
    repaint = b"\x1b[H" + b"\x1b[2K\x1b[1B" * 4
    for cut in range(1, len(repaint)):
        looks.output(b"old", then=1.0)
        looks.frames.lost(5000)
        looks.output(b"lost" + repaint[:cut], then=1.0)
        looks.output(repaint[cut:] + b"\x1b[Hnew", then=1.0)
        assert not looks.frames.stale
        assert looks.texts[-1].strip() == "new"


def test_offsets_go_on_through_lost_output(looks: Looks) -> None:
    """A hold is granted only at the right offset."""
    looks.output(b"12345")
    looks.frames.lost(5000)
    looks.output(b"123")
    looks.output(CLEAR)
    assert looks.frames.offset == 5003 + len(CLEAR)
    assert looks.frames.tail == b"123" + CLEAR


# Sizes and platforms


def test_a_terminal_without_a_size_is_24_by_80(looks: Looks) -> None:
    looks.size(0, 0)
    looks.output(b"\x1b[24;1Hlast row", then=1.0)
    assert looks.texts[-1].split("\n")[23] == "last row"


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 200), (200, 1), (1000, 1000)])
def test_odd_sizes(looks: Looks, rows: int, columns: int) -> None:
    looks.size(rows, columns)
    looks.output(CLEAR + b"x" * 50 + b"\x1b[999;999Hy", then=1.0)
    assert len(looks.seen) == 1
    looks.size(24, 80)
    looks.output(CLEAR + b"normal", then=1.0)
    assert looks.texts[-1] == "normal"


def test_a_size_that_no_model_can_have(looks: Looks) -> None:
    """`stty rows 65535 cols 65535`: nothing is seen until the terminal is of this world again."""
    looks.size(65535, 65535)
    looks.output(b"x", then=1.0)
    assert looks.seen == []
    looks.size(24, 80)
    looks.output(CLEAR + b"back", then=1.0)
    assert looks.texts == ["back"]


def test_without_a_screen_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> Screen:
        raise ImportError("no wheel for this platform")

    monkeypatch.setattr(frames_module, "Screen", none)
    frames = Frames(Clock(), lambda settled: pytest.fail("there is nothing to look at"))
    frames.output(BEGIN + b"x" + END)
    frames.resize(80, 24)
    assert "no wheel" in frames.missing
    assert frames.offset == len(BEGIN + b"x" + END)
    assert not frames.complete, "so nothing is ever held"


def test_the_tail_is_bounded(looks: Looks) -> None:
    for size in (10, 40_000, 100, 32_768, 70_000):
        looks.output(b"x" * size)
    assert len(looks.frames.tail) == 32 * 1024


# Real recordings


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("name", ["1.0.120-quote-new", "2.0.60-status-400", "2.1.330-permission"])
def test_however_the_output_is_cut(monkeypatch: pytest.MonkeyPatch, name: str, seed: int) -> None:
    """The last picture is the same, and no look finds half a frame (asserted in `_look`)."""
    columns, rows, output = events(Path(FOLDER) / f"{name}-120x40.cast.gz")
    data = b"".join(part for _, part in output)
    whole = Screen(columns, rows)
    whole.feed(data)
    looks = Looks(monkeypatch)
    looks.size(rows, columns)
    chance = random.Random(seed)
    at = 0
    while at < len(data):
        size = chance.choice((1, 7, 100, 1000, 5000))
        looks.output(data[at : at + size], then=chance.choice((0.0, 0.001, 0.02, 0.1)))
        at += size
    looks.clock.advance(1.0)
    assert looks.seen
    assert looks.texts[-1] == "\n".join(whole.rows())
