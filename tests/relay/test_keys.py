"""What the relay knows of the keyboard: a person or a report, the release key, an interrupt."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cc_guard.relay.keys import CTRL_C, ESCAPE, find_key, is_interrupt, is_typing, only_reports, split

BRACKET = 0x1D


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\x1d", (0, 1)),
        (b"ab\x1dcd", (2, 3)),
        ("ü€😀\x1d".encode(), (9, 10)),
        (b"\x1b[93;5u", (0, 7)),
        (b"x\x1b[93;5uy", (1, 8)),
        (b"\x1b[A\x1b[93;5u", (3, 10)),
        (b"\x1b[93;69u", (0, 8)),  # caps lock
        (b"\x1b[93;197u", (0, 9)),  # caps lock and num lock
        (b"\x1b[93:125;5u", (0, 11)),  # with the shifted key
        (b"\x1b[93;5:1u", (0, 9)),  # pressed
        (b"\x1b[93;5:2u", (0, 9)),  # repeated
        (b"\x1b[27;5;93~", (0, 10)),
        (b"\x1b[93;5:3u", None),  # let go
        (b"\x1b[93u", None),  # without Ctrl
        (b"\x1b[93;6u", None),  # with Shift
        (b"\x1b[93;13u", None),  # with Super
        (b"\x1b[92;5u", None),  # another key
        (b"\x1b[27;5;92~", None),
        (b"\x1b[27;93;5~", None),
        (b"\x1b[93;5", None),
        (b"\x1b[", None),
        (b"\x1b", None),
        (b"]", None),
        (b"", None),
    ],
)
def test_find_ctrl_bracket(data: bytes, place: tuple[int, int] | None) -> None:
    assert find_key(data, BRACKET) == place


@pytest.mark.parametrize("letter", range(0x61, 0x7B))
def test_every_letter_with_ctrl(letter: int) -> None:
    key = letter & 0x1F
    for press in (b"%c" % key, b"\x1b[%d;5u" % letter, b"\x1b[27;5;%d~" % letter):
        assert find_key(press, key) == (0, len(press))


@pytest.mark.parametrize(
    ("data", "interrupts"),
    [
        (b"\x03", True),
        (b"abc\x03", True),
        (b"\x1b[99;5u", True),
        (b"\x1b[27;5;99~", True),
        (b"\x1b", True),
        (b"\x1b[27u", True),
        (b"\x1b[27;65u", True),  # caps lock
        (b"\x1b[27;5u", False),  # Ctrl-Escape
        (b"\x1bx", False),  # Alt-x
        (b"\x1b[A", False),
        (b"\x1bOA", False),
        (b"\x1b[200~text\x1b[201~", False),
        (b"\x1b[99u", False),
        (b"c", False),
        (b"", False),
    ],
)
def test_interrupts(data: bytes, interrupts: bool) -> None:
    assert is_interrupt(data) is interrupts


@pytest.mark.parametrize(
    "report",
    [b"[I", b"[O", b"[<35;1;1M", b"[M !!", b"[?62c", b"P>|x\x1b\\", b"]11;rgb:0\x07", b"_Gi=1;OK\x1b\\"],
)
def test_reports_of_the_terminal_are_no_typing(report: bytes) -> None:
    assert not is_typing(b"\x1b" + report)


@pytest.mark.parametrize(
    "typed", [b"a", b"\r", b"\x1b", b"\x1b[A", b"\x1bOP", b"\x1b[27u", b"\x1b[200~x\x1b[201~", b"\xc3\xbc"]
)
def test_typing(typed: bytes) -> None:
    assert is_typing(typed)


@given(st.binary(), st.integers(0, 0x1F))
@example(b"\x1b[\x1b[;;;u", BRACKET)
@example(b"\x1b[" + b"9" * 5000 + b";5u", BRACKET)
@example(b"\x1b[93;5" * 1000, BRACKET)
def test_any_bytes(data: bytes, key: int) -> None:
    place = find_key(data, key)
    is_interrupt(data)
    is_typing(data)
    if place is not None:
        start, end = place
        assert 0 <= start < end <= len(data)
        assert find_key(data[start:end], key) == (0, end - start)


@given(st.text(), st.sampled_from([b"\x1d", b"\x1b[93;5u", b"\x1b[27;5;93~"]), st.text())
def test_the_key_is_found_in_any_text(before: str, press: bytes, after: str) -> None:
    text = (before + after).replace("\x1d", "").replace("\x1b", "")
    at = len(text) // 2
    data = text[:at].encode(errors="replace") + press + text[at:].encode(errors="replace")
    place = find_key(data, BRACKET)
    assert place is not None
    assert data[place[0] : place[1]] == press


@given(st.text())
def test_no_key_is_found_in_text_without_one(text: str) -> None:
    data = "".join(c for c in text if c.isprintable()).encode(errors="replace")
    assert find_key(data, BRACKET) is None
    assert find_key(data, CTRL_C) is None
    assert find_key(data, ESCAPE) is None


# Keys and reports in one piece


@pytest.mark.parametrize(
    ("data", "pieces"),
    [
        (b"", []),
        (b"abc", [("keys", b"abc")]),
        (b"\x1b", [("keys", b"\x1b")]),
        (b"\x1b[A\x1bOP\x1b[27u", [("keys", b"\x1b[A\x1bOP\x1b[27u")]),
        (b"\x1b[I", [("report", b"\x1b[I")]),
        (b"a\x1b[Ib", [("keys", b"a"), ("report", b"\x1b[I"), ("keys", b"b")]),
        (b"\x1b[?62;4c\x1b[?2026;2$y", [("report", b"\x1b[?62;4c"), ("report", b"\x1b[?2026;2$y")]),
        (b"\x1b[>0;276;0cx", [("report", b"\x1b[>0;276;0c"), ("keys", b"x")]),
        (b"\x1bP>|xterm(370)\x1b\\\x1b[A", [("report", b"\x1bP>|xterm(370)\x1b\\"), ("keys", b"\x1b[A")]),
        (b"\x1b]11;rgb:0/0/0\x07x", [("report", b"\x1b]11;rgb:0/0/0\x07"), ("keys", b"x")]),
        (b"\x1b[<35;10;10M", [("report", b"\x1b[<35;10;10M")]),  # moved
        (b"\x1b[<0;10;10M", [("mouse", b"\x1b[<0;10;10M")]),  # pressed
        (b"\x1b[<0;10;10m", [("mouse", b"\x1b[<0;10;10m")]),  # let go
        (b"\x1b[<32;10;10M", [("mouse", b"\x1b[<32;10;10M")]),  # dragged
        (b"\x1b[<64;10;10M", [("mouse", b"\x1b[<64;10;10M")]),  # the wheel
        (b"\x1b[<99;10;10M", [("mouse", b"\x1b[<99;10;10M")]),
        (b"a\x1b[?62;", [("keys", b"a"), ("cut", b"\x1b[?62;")]),
        (b"\x1b]11;rgb", [("cut", b"\x1b]11;rgb")]),
        (b"\x1b[?" + b"1" * 50 + b"c", [("keys", b"\x1b[?" + b"1" * 50 + b"c")]),
        (b"\x1bP" + b"x" * 5000, [("keys", b"\x1bP" + b"x" * 5000)]),
        (b"\x1b[200~a\x1b[201~", [("keys", b"\x1b[200~a\x1b[201~")]),
    ],
)
def test_split(data: bytes, pieces: list[tuple[str, bytes]]) -> None:
    assert split(data) == pieces
    assert only_reports(data) == all(kind == "report" for kind, _ in pieces)


_PARTS = st.sampled_from(
    [b"a", b"\r", b"1", b";", b"c", b"\x07", b"\x1b", b"\x1b[", b"\x1b\\", b"\x1b[A", b"\x1b[I",
     b"\x1b[?1;2c",
     b"\x1b[<35;1;1M", b"\x1b[<0;1;1M", b"\x1bP>|x", b"\x1b]0;x\x07"]
)  # fmt: skip


@given(st.one_of(st.binary(), st.lists(_PARTS).map(b"".join)))
def test_split_loses_nothing(data: bytes) -> None:
    pieces = split(data)
    assert b"".join(piece for _, piece in pieces) == data
    assert all(piece for _, piece in pieces)
    assert all(kind != "cut" for kind, _ in pieces[:-1])
    if only_reports(data) and data:
        assert not is_typing(data) or data.startswith(b"\x1b[>")


@given(st.lists(_PARTS, max_size=8).map(b"".join), st.data())
def test_a_cut_report_is_found_with_its_end(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data)))
    first = split(data[:at])
    rest = first.pop()[1] if first and first[-1][0] == "cut" else b""
    found = [piece for kind, piece in (*first, *split(rest + data[at:])) if kind == "report"]
    whole = [piece for kind, piece in split(data) if kind == "report"]
    if not data[:at].endswith((b"\x1b", b"\x1b[")):
        assert found == whole
