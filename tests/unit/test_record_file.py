"""The file that `--record` writes: its format, and what may happen to it."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.guard.recording import Recording
from cc_guard.relay import link
from cc_guard.replay.cast import read
from tests.unit.taped import KEY, STARTED, Clock, Taped


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.cast"
    path.touch()
    return path


@pytest.fixture
def tape(file: Path) -> Taped:
    taped = Taped(file)
    taped.size(120, 40)
    return taped


# The format


def test_a_session(tape: Taped) -> None:
    tape.output("hello")
    tape.clock.passes(1.5)
    tape.size(90, 50)
    tape.clock.passes(0.25)
    tape.output("wörld ● \x1b[1m\u2028\x85\x7f\0")
    tape.recording.close()
    header, *events = tape.lines()
    assert header == {
        "version": 2,
        "width": 120,
        "height": 40,
        "timestamp": int(STARTED),
        "command": "claude",
        "env": {"TERM": "xterm-256color", "SHELL": "/bin/zsh"},
        "cc-guard": {"version": "2.1.330", "started": STARTED},
    }
    assert events == [
        [0.0, "o", "hello"],
        [1.5, "r", "90x50"],
        [1.75, "o", "wörld ● \x1b[1m\u2028\x85\x7f\0"],
    ]
    assert tape.path.read_bytes().count(b"\n") == 4
    cast = read(str(tape.path))
    assert (cast.columns, cast.rows, cast.started) == (120, 40, STARTED)
    assert cast.notes["version"] == "2.1.330"
    assert tape.recording.error == ""


def test_a_terminal_without_a_size(file: Path) -> None:
    tape = Taped(file, version=None)
    tape.size(0, 0)
    tape.size(0, 30)
    tape.output("x")
    tape.recording.close()
    header, *events = tape.lines()
    assert (header["width"], header["height"], header["cc-guard"]["version"]) == (80, 24, None)
    assert events[0] == [0.0, "r", "80x30"]


def test_nothing_happens(file: Path) -> None:
    tape = Taped(file)
    tape.recording.close()
    tape.clock.passes(5)
    assert [line["version"] for line in tape.lines()] == [2]
    assert tape.recording.error == ""


def test_characters_cut_in_two_and_nonsense(tape: Taped) -> None:
    text = "é●😀".encode()
    for at in range(len(text)):
        tape.output(text[at : at + 1])
        tape.clock.passes(0.3)
    tape.output(b"\xff|")
    tape.output(b"\xe2\x97")
    tape.recording.close()
    assert tape.shown() == "é●😀\ufffd|\ufffd"


@given(st.lists(st.tuples(st.binary(max_size=20), st.sampled_from([0.0, 0.01, 0.06, 0.3])), max_size=30))
def test_all_output_is_there_at_its_time(tmp_path_factory: Any, pieces: list[tuple[bytes, float]]) -> None:
    path = tmp_path_factory.mktemp("cast") / "a.cast"
    path.touch()
    tape = Taped(path)
    tape.size(80, 24)
    expected = []
    for data, seconds in pieces:
        expected.append((round(tape.clock.now - 100.0, 6), data))
        tape.output(data)
        tape.clock.passes(seconds)
    tape.recording.close()
    assert tape.shown() == b"".join(data for _, data in expected).decode(errors="replace")
    times = [t for t, _, _ in tape.events()]
    assert times == sorted(times)
    ascii_only = [[t, "o", data.decode()] for t, data in expected if data and data.isascii()]
    if len(ascii_only) == sum(bool(data) for _, data in expected):
        assert tape.events() == ascii_only


def test_it_is_written_while_the_session_runs(tape: Taped) -> None:
    """A guard that is killed costs a fifth of a second."""
    tape.output("one")
    tape.clock.passes(0.2)
    assert tape.shown() == "one"
    for n in range(100):
        tape.output(f"{n};" * 10)
        tape.clock.passes(0.01)
        assert n < 20 or f";{n - 20};" in tape.shown()
    for n in range(100):
        tape.output("\x1b[m" * 100)
        tape.clock.passes(0.01)
        assert tape.recording._waiting < 20_000, n


def test_a_clock_that_goes_back(tape: Taped) -> None:
    tape.clock.passes(2)
    tape.output("a" * 99)
    tape.clock.now -= 1.5
    tape.output("b" * 99)
    tape.recording.close()
    assert [t for t, _, _ in tape.events()] == [2.0, 2.0]


# What goes wrong


def test_the_next_guard_goes_on(tape: Taped) -> None:
    tape.output("one " * 20)
    tape.clock.passes(1)
    with tape.path.open("ab") as file:
        file.write(b'[7.0, "o", "half')  # the first one was killed
    again = Taped(tape.path, wall=lambda: STARTED + 10.5)
    again.size(120, 40)
    again.recording.frame(link.STALE, link.OFFSET.pack(5000))
    again.output("two")
    again.clock.passes(1)
    again.recording.frame(link.STALE, link.OFFSET.pack(5103))
    again.recording.close()
    assert [line[1:] for line in again.events()] == [
        ["o", "one " * 20],
        ["m", "guard restarted"],
        ["r", "120x40"],
        ["m", 'lost {"bytes":null}'],
        ["o", "two"],
        ["m", 'lost {"bytes":100}'],
    ]
    assert [line[0] for line in again.events()] == [0.0, 10.5, 10.5, 10.5, 10.5, 11.5]
    assert read(str(tape.path)).started == STARTED


def test_the_next_guard_after_the_wall_clock_was_set_back(tape: Taped) -> None:
    tape.clock.passes(5)
    tape.output("one")
    tape.clock.passes(1)
    again = Taped(tape.path, wall=lambda: STARTED - 3600)
    again.output("two")
    again.recording.close()
    assert [line[0] for line in again.events()] == [5.0, 5.0, 5.0]


@pytest.mark.parametrize("content", [b"not a header\n", b'{"version":2}\n', b"[]\n"])
def test_a_file_that_is_something_else_now(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    tape = Taped(file)
    tape.output("x")
    tape.recording.close()
    assert str(file) in tape.recording.error
    assert file.read_bytes() == content


def test_a_cut_header_is_written_anew(file: Path) -> None:
    file.write_bytes(b'{"version":2, "wid')
    tape = Taped(file)
    tape.size(80, 24)
    tape.output("x")
    tape.recording.close()
    assert tape.events() == [[0.0, "o", "x"]]


def test_lost_output(tape: Taped) -> None:
    """A secret and a character that were cut by it do not go on behind it."""
    tape.output(KEY[:12])
    tape.recording.frame(link.STALE, link.OFFSET.pack(tape.offset + 4711))
    tape.output(KEY[12:16].encode() + b"\xe2\x97")
    tape.recording.frame(link.STALE, link.OFFSET.pack(tape.offset + 4711 + 1))
    tape.output("abc")
    tape.recording.close()
    assert [line[1:] for line in tape.events()] == [
        ["o", "*" * 12],
        ["m", 'lost {"bytes":4711}'],
        ["o", KEY[12:16]],
        ["m", 'lost {"bytes":1}'],
        ["o", "abc"],
    ]


def test_a_full_disk(tape: Taped, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with a whole line, and nobody hears of it but `error`."""
    tape.output("one" * 20)
    tape.clock.passes(1)
    real = os.write

    def full(fd: int, data: Any) -> int:
        if len(data) > 10:
            return real(fd, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    tape.output("two" * 20)
    tape.clock.passes(1)
    monkeypatch.undo()
    assert "No space left" in tape.recording.error
    assert tape.path.read_bytes().endswith(b"\n")
    tape.output("three")
    tape.size(1, 1)
    tape.clock.passes(1)
    tape.recording.close()
    assert tape.events() == [[0.0, "o", "one" * 20]]


def test_the_file_is_deleted(tape: Taped) -> None:
    tape.path.unlink()
    tape.output("one")
    tape.clock.passes(1)
    assert "deleted" in tape.recording.error
    tape.recording.close()


def test_the_file_is_gone_before_the_guard_starts(tmp_path: Path) -> None:
    recording = Recording(str(tmp_path / "gone"), Clock(), "claude", None)
    assert "No such file" in recording.error
    recording.frame(link.OUTPUT, b"x")
    recording.close()
    assert not (tmp_path / "gone").exists()


def test_it_never_raises(tape: Taped) -> None:
    tape.recording.frame(link.SIZE, b"short")
    assert tape.recording.error
    tape.recording.frame(link.STALE, b"")
    tape.recording.row({"type": []})
    tape.recording.close()
