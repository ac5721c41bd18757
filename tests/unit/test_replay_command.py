"""`cc-guard replay`, as a person and as a program sees it."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard.commands import replay
from cc_guard.commands.replay import main
from cc_guard.detect.signatures import shipped
from cc_guard.incident.record import Symptom
from cc_guard.replay.cast import Cast, read
from cc_guard.replay.player import Told, play
from tests.support.replay import FOLDER
from tests.unit.pictures import DARK, idle, working_2_1
from tests.unit.test_watch import Watched

# DESIGN §6.
SYMPTOM_KEYS = "t kind phase code http_status attempt max_attempts retry_in_s text confirmed"
COMMAND = [sys.executable, "-m", "cc_guard", "replay"]
OUTAGE = str(FOLDER / "2.1.330-retry-503-120x40.cast.gz")
LABEL = {"phase": "retrying", "since": 1.0, "until": 5.0, "kinds": ["connection"]}


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))


def drawn(picture: str) -> str:
    rows = picture.format_map(DARK).replace("\n", "\r\n")
    return f"\x1b[?2026h\x1b[2J\x1b[H{rows}\x1b[?2026l"


def a_retry(path: Path, since: float = 1.0, **notes: Any) -> str:
    """Attempt 5 from `since` to 5 seconds, then an answer."""
    header = {"version": 2, "width": 100, "height": 30, "timestamp": 1_800_000_000, "cc-guard": notes}
    row = "{E}✻ API error{G} · retrying in 9s · attempt 5/10{P}"
    events = [
        (0.1, "o", drawn(working_2_1("❯ x"))),
        (since, "o", drawn(working_2_1("❯ x", spinner=row))),
        (5.0, "o", drawn(idle("❯ x", "", "● hello"))),
        (6.0, "o", "\x1b[?25l"),
    ]
    path.write_text("\n".join(map(json.dumps, (header, *events))) + "\n")
    return str(path)


def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, **more)


# One recording


def test_one_symptom_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([a_retry(tmp_path / "a.cast")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.sub(r"^1\.[01]\d", "1.00", " ".join(first.split())) == (
        "1.00 s retrying connection attempt 5/10, next in 9 s screen"
        " API error · retrying in 9s · attempt 5/10"
    )
    assert second.split()[2:5] == ["cleared", "connection", "screen"]


def test_json_has_one_document_a_line_with_the_keys_of_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", a_retry(tmp_path / "a.cast")]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    for document in (first, second):
        assert set(SYMPTOM_KEYS.split()) <= set(document)
        assert re.fullmatch(r"2027-01-15T08:00:0\d\.\d{3}Z", document["t"])
    assert {key: first[key] for key in SYMPTOM_KEYS.split()[1:]} == {
        "kind": "connection",
        "phase": "retrying",
        "code": None,
        "http_status": None,
        "attempt": 5,
        "max_attempts": 10,
        "retry_in_s": 9.0,
        "text": "API error · retrying in 9s · attempt 5/10",
        "confirmed": False,
    }
    assert first["source"] == "screen"
    assert 1.0 <= first["at_s"] <= 1.15


def test_a_recording_in_which_nothing_happens(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(FOLDER / "2.1.330-idle-120x40.cast.gz")
    assert main([path]) == 0
    assert re.fullmatch(r"No symptoms in \d+ s of recording\.\n", capsys.readouterr().out)
    assert main(["--json", path]) == 0
    assert capsys.readouterr().out == ""


def test_twice_the_same_to_the_byte() -> None:
    first, second = (run("--json", OUTAGE, env=os.environ | {"PYTHONHASHSEED": seed}) for seed in "12")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout
    assert first.stdout == second.stdout


def test_what_was_on_a_screen_does_not_steer_this_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences never reach the model's rows; what the transcript says is anything."""
    text = "API Error: 503 \x1b[2J\x07\u202e\nsecond line\ud800"
    message = {"model": "<synthetic>", "content": [{"type": "text", "text": text}]}
    row = {"type": "assistant", "isApiErrorMessage": True, "message": message}
    header = {"version": 2, "width": 80, "height": 24}
    path = tmp_path / "a.cast"
    path.write_text(
        json.dumps(header) + "\n" + json.dumps([1.0, "m", f"transcript {json.dumps(row)}"]) + "\n"
    )
    assert main([str(path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    assert main(["--json", str(path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "second line" in json.loads(line)["text"]


# Several


def test_a_folder_gives_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_retry(tmp_path / "a.cast", version="2.1.330", expect=[LABEL])
    a_retry(tmp_path / "b.cast", version="2.0.60", expect=[LABEL])
    (tmp_path / "notes.txt").write_text("not a recording")
    plain = Path(a_retry(tmp_path / "c.cast", version="2.0.60", expect=[LABEL]))
    (tmp_path / "d.cast.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert main([str(tmp_path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:5] for line in lines[1:]] == [
        ["2.0.60", "3", "3", "100", "%"],
        ["2.1.330", "1", "1", "100", "%"],
        ["all", "4", "4", "100", "%"],
    ]


def test_versions_in_their_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for version in ("2.1.9", "2.1.10", "1.0.120", "nobody knows", "9" * 5000, "2.1.²"):
        a_retry(tmp_path / f"{hash(version)}.cast", version=version, expect=[LABEL])
    assert main([str(tmp_path)]) == 0
    versions = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert [v for v in versions if v[1:2] == "."] == ["1.0.120", "2.1.²", "2.1.9", "2.1.10"]


def test_one_that_is_read_wrong_makes_the_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = a_retry(tmp_path / "good.cast", version="2.1.330", expect=[LABEL])
    trap = a_retry(tmp_path / "trap.cast", version="2.1.330", expect=[])
    assert main([good, good]) == 0
    capsys.readouterr()
    assert main([good, trap]) == 1
    out = capsys.readouterr().out
    assert "False retrying: trap.cast: at 1.0 s: API error · retrying in 9s · attempt 5/10" in out
    other = LABEL | {"kinds": ["auth"]}
    assert main([good, a_retry(tmp_path / "kind.cast", expect=[other])]) == 1
    assert "Wrong kind: kind.cast: connection at 1.0 s" in capsys.readouterr().out
    late = LABEL | {"since": 30, "until": 40}
    assert main([good, a_retry(tmp_path / "late.cast", expect=[late])]) == 1
    assert "Missed: late.cast: retrying from 30.0 s" in capsys.readouterr().out


def test_one_without_a_label_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([a_retry(tmp_path / "a.cast"), a_retry(tmp_path / "b.cast", version="2.1.330")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:4] for line in lines[1:]] == [
        ["unknown", "1", "0", "-"],
        ["2.1.330", "1", "0", "-"],
        ["all", "2", "0", "-"],
    ]


def test_json_of_several_says_what_was_wrong_in_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = a_retry(tmp_path / "good.cast", version="2.1.330", expect=[LABEL])
    trap = a_retry(tmp_path / "trap.cast", version="2.1.330", expect=[])
    assert main(["--json", good, trap]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["file"], first["version"], first["found"], first["false_retrying"]) == (
        good,
        "2.1.330",
        1,
        [],
    )
    assert len(second["false_retrying"]) == 1


def test_names_and_versions_do_not_steer_this_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trap = a_retry(tmp_path / "a\x1b[2J\nb.cast", version="2.1\x1b[31m\n.330", expect=[])
    assert main([trap, trap]) == 1
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert len(out.splitlines()) == 5


# What goes wrong


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"hello",
            b'{"version": 1}',
            b'{"version": 3, "term": {}}',
            b"\xff" * 100,
            b"[" * 100_000,
            b"\x1f\x8b\x08\x00",
        ),
        *(b'{"version": 2}', b'{"version": 2, "width": 1e9, "height": 5}', b'{"version": "\x1b[2J\\n"}'),
        b'{"version": 2, "width": 80, "height": 24}\n[NaN, "o", "x"]\n[1, "o", "x"]',
        b'{"version": 2, "width": 80, "height": 24}\nhello\n[1, "o", "x"]',
        b'{"version": 2, "width": 80, "height": 24, "cc-guard": {"expect": 5}}',
        b'{"version": 2, "width": 80, "height": 24, "cc-guard": {"expect": [{"phase": "\\u001b\\n"}]}}',
    ],
)
def test_one_line_and_status_2_for_what_is_no_recording(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.cast"
    path.write_bytes(content)
    good = a_retry(tmp_path / "good.cast")
    for arguments in ([str(path), good], ["--json", good, str(path)], [str(tmp_path)]):
        assert main(arguments) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("cc-guard: ")
        assert len(said.err.splitlines()) == 1
        assert said.err.removesuffix("\n").isprintable()


def test_files_and_folders_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.cast").mkdir()
    for path, word in (
        ("none.cast", "No such file"),
        ("none\n.cast", "No such file"),
        ("empty", "holds no recordings"),
        (".", "Is a directory"),
    ):
        assert main([str(tmp_path / path)]) == 2
        said = capsys.readouterr()
        assert word in said.err
        assert len(said.err.splitlines()) == 1


def test_wrong_usage() -> None:
    for arguments in ([], ["--no-such-option", "x"], ["--json"]):
        found = run(*arguments)
        assert found.returncode == 2
        assert "Traceback" not in found.stderr
        assert "usage: cc-guard replay" in found.stderr
    assert run("--help").returncode == 0


def test_the_users_own_signatures_are_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "config" / "cc-guard"
    folder.mkdir(parents=True)
    (folder / "signatures.toml").write_text("[[retry]]\nid = 5\n")
    assert main([a_retry(tmp_path / "a.cast")]) == 2
    said = capsys.readouterr().err
    assert "signatures.toml" in said
    assert len(said.splitlines()) == 1


def test_no_screen_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object) -> list[Told]:
        raise OSError("no screen model on this platform")

    monkeypatch.setattr(replay, "play", none)
    assert main([a_retry(tmp_path / "a.cast")]) == 2
    assert "builds for Linux and macOS" in capsys.readouterr().err


def test_a_reader_that_has_gone(tmp_path: Path) -> None:
    path = a_retry(tmp_path / "a.cast", version="2.1.330")
    for arguments in ([path], [path, path]):
        with subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait() == 141


def test_a_full_disk_and_no_stdout_at_all(tmp_path: Path) -> None:
    path = a_retry(tmp_path / "a.cast")
    if Path("/dev/full").exists():
        with open("/dev/full", "w") as full:
            found = subprocess.run([*COMMAND, path], stdout=full, stderr=subprocess.PIPE, text=True)
        assert found.returncode == 1
        assert len(found.stderr.splitlines()) == 1
        assert "No space left" in found.stderr
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, path], stderr=subprocess.PIPE, text=True
    )
    assert "Traceback" not in closed.stderr


def test_a_terminal_that_knows_only_ascii(tmp_path: Path) -> None:
    found = run(a_retry(tmp_path / "a.cast"), env={"PYTHONIOENCODING": "ascii", "HOME": str(tmp_path)})
    assert found.returncode == 0
    assert "API error ? retrying in 9s ? attempt 5/10" in found.stdout


# Live and replayed


def live(cast: Cast, version: tuple[int, ...], sizes: list[int]) -> list[tuple[str, int | None, str]]:
    """The same bytes as the guard gets them: in pieces that know nothing of frames, a little later each."""
    client = Watched(version)
    client.watch.frames.resize(cast.columns, cast.rows)
    began, piece = client.clock.now, 0
    for t, code, data in cast.events:
        if code != "o":
            continue
        client.clock.advance(max(began + t - client.clock.now, 0.0))
        rest = data.encode("utf-8", "surrogateescape")
        while rest:
            size = sizes[piece % len(sizes)]
            piece += 1
            client.watch.frames.output(rest[:size])
            rest = rest[size:]
            client.clock.advance(0.0004)
    client.clock.advance(3.0)
    return story(client.symptoms)


def story(symptoms: list[Symptom]) -> list[tuple[str, int | None, str]]:
    """Without the seconds of a countdown, which may fall between two looks."""
    told = [(symptom.phase, symptom.attempt, symptom.kind) for symptom in symptoms]
    return [one for one, before in zip(told, [None, *told], strict=False) if one != before]


@settings(max_examples=4, deadline=None)
@given(sizes=st.lists(st.integers(1, 4000), min_size=1, max_size=20))
@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("1.0.120-retry-503-120x40", (1, 0, 120)),
        ("1.0.120-outage-60x24", (1, 0, 120)),
        ("2.0.60-status-529-120x40", (2, 0, 60)),
        ("2.1.330-status-401-120x40", (2, 1, 330)),
        ("2.1.330-quote-new-120x40", (2, 1, 330)),
    ],
)
def test_live_and_replayed_say_the_same(name: str, version: tuple[int, ...], sizes: list[int]) -> None:
    """However the output is cut. (Hooks and transcript left out: they come by other ways.)"""
    cast = read(str(FOLDER / f"{name}.cast.gz"))
    cast = Cast(
        cast.path,
        cast.columns,
        cast.rows,
        cast.started,
        tuple(e for e in cast.events if e[1] == "o"),
        cast.notes,
    )
    replayed = [one.symptom for one in play(cast, shipped())]
    assert live(cast, version, sizes) == story(replayed)
