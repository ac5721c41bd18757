"""Recordings as they come: whole, cut, packed, of other versions, and not recordings at all."""

import gzip
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard.detect.signatures import shipped
from cc_guard.replay import cast as cast_module
from cc_guard.replay.cast import Cast, CastError, read
from cc_guard.replay.player import play

HEADER: dict[str, Any] = {"version": 2, "width": 80, "height": 24, "timestamp": 1_800_000_000}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.cast"


def write(file: Path, *lines: object, header: object = None) -> str:
    """Each line as JSON, or as it is when it is bytes."""
    told = [header if header is not None else HEADER, *lines]
    parts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in told]
    file.write_bytes(b"".join(part + b"\n" for part in parts))
    return str(file)


def one_line(error: CastError) -> str:
    text = str(error)
    assert "\n" not in text
    return text


def error(path: str) -> str:
    with pytest.raises(CastError) as caught:
        read(path)
    text = one_line(caught.value)
    assert len(text) < len(path) + 200
    return text


# Whole


def test_a_recording(file: Path) -> None:
    notes = {"version": "2.1.330", "expect": []}
    cast = read(
        write(file, [0.5, "o", "x"], [1, "i", "y"], [2.5, "r", "100x30"], header=HEADER | {"cc-guard": notes})
    )
    assert cast == Cast(
        str(file),
        80,
        24,
        1_800_000_000.0,
        ((0.5, "o", "x"), (1.0, "i", "y"), (2.5, "r", "100x30")),
        notes,
    )
    assert cast.seconds == 2.5


def test_an_empty_one(file: Path) -> None:
    assert read(write(file)).seconds == 0.0


def test_packed_by_gzip_whatever_its_name(file: Path) -> None:
    write(file, [0.5, "o", "x"])
    file.write_bytes(gzip.compress(file.read_bytes()))
    assert read(str(file)).events == ((0.5, "o", "x"),)


def test_through_a_pipe(file: Path) -> None:
    """`cc-guard replay <(zstdcat some.cast.zst)`."""
    write(file, [0.5, "o", "x"])
    out, into = os.pipe()

    def feed() -> None:
        with open(into, "wb") as pipe:
            pipe.write(file.read_bytes())

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        assert read(f"/dev/fd/{out}").events == ((0.5, "o", "x"),)
    finally:
        thread.join()
        os.close(out)


def test_a_recording_that_was_cut_off_counts_as_far_as_it_is_whole(file: Path) -> None:
    """The machine went down, or the disk was full."""
    for rest in (
        b'[1.0, "o", "caf',
        b'[1.0, "o"',
        b"[",
        b"\x00\x00\x00",
        b'[1.0, "o", "\xf0\x9f',
        b"",
        b"\n\n  \n",
    ):
        write(file, [0.5, "o", "x"], rest)
        file.write_bytes(file.read_bytes().removesuffix(b"\n"))
        assert read(str(file)).events == ((0.5, "o", "x"),), rest


def test_lines_of_windows_and_blank_ones(file: Path) -> None:
    lines = [json.dumps(HEADER), "", '[0.5, "o", "x"]', "  ", '[0.7, "o", "y"]', ""]
    file.write_bytes("\r\n".join(lines).encode())
    assert read(str(file)).events == ((0.5, "o", "x"), (0.7, "o", "y"))


def test_times_never_go_back(file: Path) -> None:
    cast = read(write(file, [2.0, "o", "a"], [1.0, "o", "b"], [3.0, "o", "c"]))
    assert [t for t, _, _ in cast.events] == [2.0, 2.0, 3.0]


@pytest.mark.parametrize("timestamp", [None, -1, "yesterday", True, 1e300, float("nan"), [], 10**30])
def test_a_start_that_is_none(file: Path, timestamp: object) -> None:
    assert read(write(file, header=HEADER | {"timestamp": timestamp})).started == 0.0


@pytest.mark.parametrize("notes", [None, [], "x", 5])
def test_notes_of_somebody_else(file: Path, notes: object) -> None:
    assert read(write(file, header=HEADER | {"cc-guard": notes})).notes == {}


# Not a recording


def test_no_file(tmp_path: Path) -> None:
    assert "No such file" in error(str(tmp_path / "none.cast"))
    assert "directory" in error(str(tmp_path))
    assert "null byte" in error("a\0b")


def test_a_file_that_may_not_be_read(file: Path) -> None:
    write(file)
    file.chmod(0)
    if os.geteuid() != 0:
        assert "Permission denied" in error(str(file))


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"\n",
            b"hello\n",
            b"[]\n",
            b"{}\n",
            b"5\n",
            b"null\n",
            b'"version"\n',
            b"{" * 5000,
            b"[" * 200_000,
        ),
        *(b"\xff\xfe\x00", b"\x7fELF\x02\x01\x01", bytes(range(256)) * 10),
    ],
)
def test_not_a_recording(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert error(str(file)).endswith("is no asciicast: its first line is not a header.")


@pytest.mark.parametrize("version", [1, 3, 0, "2", None, True, [2], "\x1b[2J" * 100, 10**300])
def test_another_version(file: Path, version: object) -> None:
    text = error(write(file, header=HEADER | {"version": version}))
    assert "version 2 is needed" in text
    assert "\x1b" not in text


def test_version_1_is_one_document(file: Path) -> None:
    file.write_text(json.dumps({"version": 1, "width": 80, "height": 24, "stdout": [[0.1, "x"]]}, indent=1))
    assert "asciicast" in error(str(file))


@pytest.mark.parametrize(
    "size",
    [(None, 24), ("80", "24"), (80.0, 24.0), (True, True), (0, 24), (80, -1), (10_001, 24), (10**400, 24)],
)
def test_a_terminal_that_is_none(file: Path, size: tuple[object, object]) -> None:
    error(write(file, header=HEADER | {"width": size[0], "height": size[1]}))


@pytest.mark.parametrize(
    "event",
    [
        *(
            [],
            [1.0],
            [1.0, "o"],
            ["1", "o", "x"],
            [1.0, 5, "x"],
            [1.0, "o", 5],
            [1.0, "o", "x", "y"],
            {},
            5,
            None,
        ),
        *([True, "o", "x"], [-1.0, "o", "x"], [1e10, "o", "x"], [10**400, "o", "x"], [None, "o", "x"]),
        *(b'[NaN, "o", "x"]', b'[Infinity, "o", "x"]', b'[1e999, "o", "x"]', b'[-0.5, "o", "x"]'),
    ],
)
def test_events_that_are_none(file: Path, event: object) -> None:
    text = error(write(file, [0.5, "o", "x"], event, [2.0, "o", "y"]))
    assert "line 3: not an event of the form [time, code, data]" in text


def test_a_line_that_is_not_json(file: Path) -> None:
    for line in (b"hello", b"[1.0, 'o', 'x']", b"[" * 100_000, b"[1" + b"0" * 5000 + b', "o", "x"]'):
        assert "line 3: not valid JSON" in error(write(file, [0.5, "o", "x"], line, [2.0, "o", "y"]))


def test_a_packed_one_that_is_damaged(file: Path) -> None:
    write(file, *([n / 10, "o", f"line {n * 7919}"] for n in range(2000)))
    packed = gzip.compress(file.read_bytes(), mtime=0)
    for at in (3, 20, 60, 500, len(packed) - 6):
        damaged = bytearray(packed)
        damaged[at] ^= 0xFF
        file.write_bytes(damaged)
        try:
            read(str(file))
        except CastError as caught:
            one_line(caught)
    for size in (1, 2, 5, 15, 200, len(packed) - 1):
        file.write_bytes(packed[:size])
        error(str(file))


def test_one_that_would_fill_the_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kilobyte of gzip can hold megabytes, and /dev/zero never ends."""
    monkeypatch.setattr(cast_module, "_MOST_BYTES", 5 << 20)
    file.write_bytes(gzip.compress(b"\0" * (6 << 20), 1))
    assert error(str(file)).endswith("is too large: more than 5 MB.")
    assert error("/dev/zero").endswith("is too large: more than 5 MB.")


# Played, whatever it says


def test_letters_that_are_halves(file: Path) -> None:
    """Lone surrogates: JSON can say them, UTF-8 can't."""
    events = [
        [0.1, "o", "a\ud800b\udcffc\udfffd"],
        [0.2, "m", "\ud800"],
        [0.3, "r", "\udcff"],
        [0.4, "\ud800", "x"],
    ]
    assert play(read(write(file, *events)), shipped()) == []


@pytest.mark.parametrize(
    "size",
    [
        "",
        "x",
        "80",
        "80x",
        "x24",
        "-1x24",
        "80x24x5",
        "9" * 5000 + "x24",
        "70000x10",
        "٣x٤",
        "0x0",
        "10000x10000",
    ],
)
def test_sizes_that_are_none(file: Path, size: str) -> None:
    assert play(read(write(file, [0.1, "r", size], [0.2, "o", "x"])), shipped()) == []


@pytest.mark.parametrize(
    "marker",
    [
        *(
            "",
            "transcript",
            "transcript ",
            "transcript {",
            "transcript []",
            "transcript 5",
            "transcript null",
        ),
        *(
            "transcript {}",
            'transcript {"type": "system"}',
            "hook ",
            "hook {}",
            "hook []",
            'hook {"event": 5}',
        ),
        'hook {"event": "Stop", "t": NaN, "payload": {}}',
        'hook {"event": "Stop", "t": 1' + "0" * 400 + ', "payload": {"transcript_path": "/x"}}',
        'hook {"event": "Stop", "t": -1e308, "payload": {"transcript_path": "/x"}}',
        'hook {"event": "Stop", "t": true, "payload": {"transcript_path": "\\ud800"}}',
        'hook {"event": "StopFailure", "payload": {"last_assistant_message": [1]}, "t": "x"}',
        'transcript {"type": "system", "subtype": "api_error", "timestamp": "9999-12-31T23:59:59-23:59"}',
        'transcript {"type": "system", "subtype": "api_error", "timestamp": 1' + "0" * 400 + "}",
        "transcript " + "[" * 100_000,
        "transcript {" + '"a": {' * 100_000,
    ],
)
def test_markers_of_somebody_else(file: Path, marker: str) -> None:
    told = play(read(write(file, [0.1, "m", marker], [0.2, "o", "x"])), shipped())
    for one in told:
        json.dumps(one.symptom.to_json(), allow_nan=False)


def test_codes_that_nobody_knows(file: Path) -> None:
    events = [[0.1, code, "x"] for code in ("", "q", "O", "oo", "input", "\x00")]
    assert play(read(write(file, *events)), shipped()) == []


@pytest.mark.parametrize("version", ["", ".", "2..1", "2.1.x", "²", "9" * 5000, 5, None, [2, 1], "2.1.330\n"])
def test_a_version_that_is_none(file: Path, version: object) -> None:
    notes = {"cc-guard": {"version": version}}
    assert play(read(write(file, [0.1, "o", "x"], header=HEADER | notes)), shipped()) == []


def test_a_start_in_the_last_year_there_is(file: Path) -> None:
    row = json.dumps(
        {"type": "system", "subtype": "api_error", "retryAttempt": 1, "maxRetries": 10, "retryInMs": 5}
    )
    for timestamp in (0, 1e9, 252_000_000_000, 253_402_300_799):
        events = [0.1, "m", f"transcript {row}"], [3e8, "m", f"transcript {row}"]
        for one in play(read(write(file, *events, header=HEADER | {"timestamp": timestamp})), shipped()):
            one.symptom.to_json()


@pytest.mark.timeout(20)
def test_a_pause_of_years_takes_no_time(file: Path) -> None:
    """Whatever stands on the screen meanwhile."""
    rule = "─" * 80
    for row in (
        "⎿  API Error (x) · Retrying in 4 seconds… (attempt 4/10)",
        "⎿  \x1b[31mRetrying in 1s · attempt 1/10",
    ):
        picture = f"> look:\r\n  {row}\r\n\r\n✻ Brewing…\r\n\r\n{rule}\r\n>\xa0\r\n{rule}\r\n"
        play(read(write(file, [0.1, "o", picture], [3e8, "o", "x"])), shipped())


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
headers = st.fixed_dictionaries(
    {"version": st.just(2), "width": st.integers(-1, 300), "height": st.integers(-1, 100)},
    optional={"timestamp": anything, "cc-guard": anything | st.fixed_dictionaries({"version": anything})},
)
events = st.tuples(
    st.floats(0, 100) | st.integers(0, 100),
    st.sampled_from(["o", "r", "m", "i", "x"]),
    st.text() | st.sampled_from(["80x24", "transcript {}", "hook {}"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=headers, lines=st.lists(events | anything, max_size=8))
def test_whatever_is_in_the_file(file: Path, header: dict[str, Any], lines: list[object]) -> None:
    """A named error in one line, or a recording that can be played."""
    try:
        cast = read(write(file, *lines, header=header))
    except CastError as caught:
        one_line(caught)
        return
    for one in play(cast, shipped()):
        json.dumps(one.symptom.to_json(), allow_nan=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_whatever_bytes_are_in_the_file(file: Path, content: bytes) -> None:
    for prefix in (b"", b"\x1f\x8b", json.dumps(HEADER).encode() + b"\n"):
        file.write_bytes(prefix + content)
        try:
            read(str(file))
        except CastError as caught:
            one_line(caught)
