"""The cursor is moved just before the first output that draws where it stands, and never otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.relay.mend import _WINDOW_S, Mend, draws_at_cursor
from tests.relay.test_bytes import recorded

MOVE = b"\x1b[4A\r\x1b[J"


@pytest.mark.parametrize(
    "data",
    [
        b"text",
        b"\r\n text",
        b"\ntext",
        b"\x1b[38;2;1;2;3mtext",
        b"\x1b[?2026h\x1b[?25l  text",  # 2.0.60 after a hold
        b"\x1b[?2026h\r\n\x1b[38;2;215;119;87m\x1b[2mtext",  # 1.0.120
        b"\x1b[38;2;215;119;87m \xe2\x96\x90\x1b[48;2;0;0;0m",  # 2.1.330
        b"\x1b]0;title\x07text",
        b"\x1b]8;;http://x\x1b\\text",
        b"\x1b(Btext",
        b"\x1b7text",
        b"\x0f\xe2\x94\x80",
    ],
)
def test_draws_where_the_cursor_stands(data: bytes) -> None:
    assert draws_at_cursor(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x1b[Htext",
        b"\x1b[2J",
        b"\x1b[2K\x1b[1A\x1b[2K\x1b[Gtext",  # 2.0.60: takes its last picture away first
        b"\x1b[2D\x1b[3B\r\x1b[48Ctext",  # 2.1.330: a change of one cell
        b"\x1b[?2026h\x1b[5;1Htext",
        b"\x1b[rtext",
        b"\x1b[?2026h\x1b[?2026l",
        b"\x1b[?2004h\x1b[>1u\x1b[c",
        b"\x1b]0;title\x07",
        b"\x1b]0;the title goes on",
        b"\x1b[38;2;1",
        b"\x1b",
        b"\r",
    ],
)
def test_moves_first_or_draws_nothing(data: bytes) -> None:
    assert not draws_at_cursor(data)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    draws_at_cursor(data)
    assert Mend(MOVE).before(data) in (None, MOVE)


@given(
    st.lists(
        st.sampled_from(
            [b"\x1b[", b"\x1b]", b"\x1b", b";", b"5", b"A", b"m", b"\x07", b"\x1b\\", b"x", b"\r"]
        )
    )
)
def test_any_fragments(parts: list[bytes]) -> None:
    draws_at_cursor(b"".join(parts))


def test_the_move_waits_for_the_first_drawing() -> None:
    waiting = Mend(MOVE)
    assert waiting.before(b"\x1b[?2026h") is None
    assert waiting.before(b"\x1b]0;title\x07") is None
    assert waiting.before(b"text") == MOVE


def test_after_a_while_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("cc_guard.relay.mend.time.monotonic", lambda: now)
    waiting = Mend(MOVE)
    now += _WINDOW_S - 0.1
    assert waiting.before(b"\x1b[?25l") is None
    now += 0.2
    assert waiting.before(b"text") == b""


def test_recorded_output_is_read_without_harm() -> None:
    output = recorded()
    for at in range(0, len(output), 97):
        draws_at_cursor(output[at : at + 200])
