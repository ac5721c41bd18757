"""`--record`: from the command line to a file that `cc-guard replay` reads as the guard saw the session."""

import asyncio
import heapq
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard import cli, settings_cache
from cc_guard.channels import excerpt, facts, spool
from cc_guard.channels.spool import HookEvent
from cc_guard.channels.transcript import transcript_path
from cc_guard.detect.signatures import shipped
from cc_guard.guard.arguments import Arguments, parse
from cc_guard.guard.masking import drawn
from cc_guard.guard.recording import Recording
from cc_guard.guard.session import GuardSession
from cc_guard.incident.record import Symptom
from cc_guard.launch import record_file
from cc_guard.relay import link
from cc_guard.replay.cast import Cast, read
from cc_guard.replay.player import play

KEY = "sk-ant-api03-Zm9vYmFyYmF6-qX7_tR2kLw9PzN4vB8sHc3JdE5uGyA"
ENVIRON = {"TERM": "xterm-256color", "SHELL": "/bin/zsh", "ANTHROPIC_API_KEY": KEY, "HOME": "/home/me"}
STARTED = 1_800_000_000.75
SESSION = "8f23cbea-0f3e-47ee-9d83-0814c897ebf0"


class Timer:
    def cancel(self) -> None:
        raise AssertionError("nobody needs this")


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        heapq.heappush(self._due, (self.now + delay, len(self._due), callback))
        return Timer()

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, callback = heapq.heappop(self._due)
            callback()
        self.now = until


class Taped:
    """A recording, what it is told, and what is in its file."""

    def __init__(self, path: Path, **more: Any) -> None:
        self.path = path
        self.clock = Clock()
        given: dict[str, Any] = {
            "command": "claude",
            "version": (2, 1, 330),
            "environ": ENVIRON,
            "wall": lambda: STARTED,
        } | more
        self.recording = Recording(str(path), self.clock, **given)
        self.offset = 0

    def size(self, columns: int, rows: int) -> None:
        self.recording.frame(link.SIZE, link.WINSIZE.pack(rows, columns, 0, 0))

    def output(self, data: str | bytes) -> None:
        data = data.encode() if isinstance(data, str) else data
        self.offset += len(data)
        self.recording.frame(link.OUTPUT, data)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.path.read_text().split("\n")[:-1]]

    def events(self) -> list[Any]:
        return self.lines()[1:]

    def shown(self) -> str:
        return "".join(data for _, code, data in self.events() if code == "o")


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


# Secrets


def test_secrets_are_masked_wherever_they_are(file: Path) -> None:
    tape = Taped(file, command=f"claude 'my key is {KEY}' TOKEN=abc")
    tape.size(80, 24)
    tape.output(f"API key: sk-ant-...{KEY[-20:]}\r\n")
    row = {"type": "assistant", "isApiErrorMessage": True, "error": f"key {KEY}"}
    message = {"model": "<synthetic>", "content": [{"type": "text", "text": f"bad key {KEY}"}]}
    tape.recording.row(row | {"message": message})
    tape.recording.hook(HookEvent("StopFailure", 1.0, {"last_assistant_message": f"bad {KEY}", "error": KEY}))
    tape.recording.close()
    written = file.read_text()
    assert KEY[-20:] not in written
    assert KEY[:13] not in written
    assert tape.lines()[0]["command"] == "claude 'my key is sk-ant-***' TOKEN=***"
    assert tape.events()[0][2] == f"API key: sk-ant-...{'*' * 20}\r\n"
    assert json.loads(tape.events()[1][2].removeprefix("transcript "))["error"] == f"key {'*' * len(KEY)}"


@given(st.lists(st.tuples(st.integers(1, 25), st.sampled_from([0.0, 0.02, 0.06, 0.2])), min_size=1))
def test_a_secret_in_pieces(tmp_path_factory: Any, cuts: list[tuple[int, float]]) -> None:
    path = tmp_path_factory.mktemp("cast") / "a.cast"
    path.touch()
    tape = Taped(path)
    tape.size(80, 24)
    data = f"before {KEY} between \x1b[1m{KEY[:30]}\r\n  {KEY[30:]}\x1b[m after".encode()
    while data:
        for size, seconds in cuts:
            tape.output(data[:size])
            data = data[size:]
            tape.clock.passes(seconds)
    tape.recording.close()
    seen = drawn(tape.shown().encode()).decode()
    assert [KEY[at : at + 8] for at in range(len(KEY) - 7) if KEY[at : at + 8] in seen] == []
    assert len(tape.shown()) == len(f"before {KEY} between \x1b[1m{KEY}\r\n  \x1b[m after")
    quick = all(seconds < 0.05 for _, seconds in cuts)
    if quick:
        assert tape.shown().count("*") == 2 * len(KEY)


# What detection is told


def test_rows_hold_no_conversation() -> None:
    said = {"type": "text", "text": "my plan"}
    for row in (
        {"type": "user", "message": {"role": "user", "content": "my plan"}, "cwd": "/secret"},
        {"type": "user", "message": {"role": "user", "content": [said]}},
        {
            "type": "user",
            "toolUseResult": "my plan",
            "message": {"content": [{"type": "tool_result", "content": "my plan"}]},
        },
        {
            "type": "assistant",
            "message": {"model": "m", "content": [said, {"type": "tool_use", "input": "my plan"}]},
        },
        {"type": "api-request", "id": "1", "querySource": "repl_main_thread", "prompt": "my plan"},
        {"type": "system", "subtype": "api_error", "error": {"status": 529, "headers": {"x": "my plan"}}},
    ):
        kept = json.dumps(excerpt.of_row(row))
        assert "plan" not in kept
        assert "secret" not in kept
    for event in ("UserPromptSubmit", "Stop", "SessionStart"):
        payload = {"prompt": "my plan", "last_assistant_message": "my plan", "transcript_path": "/t.jsonl"}
        assert "plan" not in json.dumps(excerpt.of_hook(HookEvent(event, 1.0, payload)))


@pytest.mark.parametrize(
    "row",
    [
        {"type": "summary", "summary": "my plan"},
        {"type": "file-history-snapshot"},
        {"type": "system", "subtype": "local_command"},
        {"type": "assistant", "isSidechain": True, "message": {"model": "m", "content": []}},
    ],
)
def test_rows_that_tell_nothing_are_left_out(row: dict[str, Any]) -> None:
    assert excerpt.of_row(row) is None


TEXTS = st.sampled_from(["", "hello", "[Request interrupted by user]", "API Error: 529 Overloaded"])
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_use", "tool_result", 1])},
    optional={"text": TEXTS, "id": st.sampled_from(["t1", None]), "tool_use_id": st.sampled_from(["t1", 5])},
)
ROWS = st.fixed_dictionaries(
    {"type": st.sampled_from(["user", "assistant", "system", "api-request", "summary", None])},
    optional={
        "subtype": st.sampled_from(["api_error", "other"]),
        "isSidechain": st.sampled_from([True, False, None]),
        "isApiErrorMessage": st.booleans(),
        "isMeta": st.booleans(),
        "isCompactSummary": st.booleans(),
        "retryAttempt": st.sampled_from([1, "1", None]),
        "maxRetries": st.sampled_from([10, 1.5]),
        "retryInMs": st.sampled_from([500, 1.5, -1, "x"]),
        "error": st.sampled_from([None, "server_error", {"status": 529}, {"status": "x"}, []]),
        "id": st.sampled_from(["r1", 7]),
        "querySource": st.sampled_from(["repl_main_thread", "title"]),
        "message": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "model": st.sampled_from(["<synthetic>", "opus", 3]),
                    "content": st.one_of(TEXTS, st.lists(st.one_of(BLOCKS, st.none()), max_size=3)),
                },
            ),
        ),
    },
)


@given(ROWS)
def test_an_excerpt_says_what_the_row_says(row: dict[str, Any]) -> None:
    kept = excerpt.of_row(row)
    if kept is None:
        assert facts.is_sidechain(row) or not (
            facts.is_api_error(row) or facts.retry(row) or facts.is_progress(row) or facts.request_id(row)
        )
        assert facts.is_sidechain(row) or not (facts.is_interrupted(row) or facts.is_request(row))
        return
    for question in (
        *(facts.is_sidechain, facts.is_api_error, facts.retry, facts.request_id, facts.is_progress),
        *(facts.is_interrupted, facts.is_request, facts.is_prompt, facts.tools_called, facts.tools_finished),
    ):
        assert question(kept) == question(row)
    if facts.is_api_error(row):
        assert facts.error_text(kept) == facts.error_text(row)


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


# The option


def test_the_option_is_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It reaches the guard as a word of its own, with an absolute path."""
    seen: list[Any] = []

    def note(*given: Any) -> int:
        seen.append(given)
        return 0

    monkeypatch.setattr(cli, "_session", note)
    monkeypatch.setattr(cli, "_is_terminal", lambda fd: True)
    monkeypatch.delenv("CC_GUARD", raising=False)
    monkeypatch.setattr(settings_cache, "needs_check", note)
    monkeypatch.setattr(cli, "_wrong_signatures", lambda: "")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--record", "a.cast", "--observe", "--", "/bin/echo", "it's me"]) == 0
    assert seen[0] == ({"observe": "true"},)
    words = [*seen[1][4], "link=0,1"]
    arguments = parse(words)
    assert arguments.record == str(tmp_path / "a.cast")
    assert arguments.command == """/bin/echo 'it'"'"'s me'"""
    assert arguments.options == {"observe": "true"}
    assert (tmp_path / "a.cast").stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_made_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    path.touch(0o644)
    assert record_file.create(str(path)) == str(path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("what", ["full", "folder", "fifo", "link", "no folder", "no permission"])
def test_a_file_that_can_not_be_recorded_to(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line: what, why, and what to do; nothing has been started."""
    path = tmp_path / "a.cast"
    if what == "full":
        path.write_text("x")
    elif what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "link":
        (tmp_path / "other").touch()
        path.symlink_to(tmp_path / "other")
    elif what == "no folder":
        path = tmp_path / "no" / "a.cast"
    else:
        path = Path("/proc/a.cast")
    monkeypatch.setattr(cli, "_session", lambda *given: pytest.fail("started"))
    monkeypatch.setattr(cli, "_is_terminal", lambda fd: True)
    monkeypatch.delenv("CC_GUARD", raising=False)
    before = path.read_text() if what == "full" else ""
    assert cli.main(["--record", str(path), "--", "/bin/echo"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"cc-guard: {path} can't be ")
    assert said.count("\n") == 1
    assert said.count(". ") == 1
    assert (path.read_text() if what == "full" else "") == before


# Replayed


RULE = "─" * 80
RED, GREY, PLAIN = "\x1b[38;2;255;107;128m", "\x1b[38;2;153;153;153m", "\x1b[m"
FAILED = (
    "API Error: Connection dropped (ECONNRESET). Check the gateway set in ANTHROPIC_BASE_URL, then try again."
)


def picture(*rows: str) -> bytes:
    text = "\r\n".join(["❯ say back again", "", *rows, "", RULE, "❯\xa0", RULE, "  ? for shortcuts"])
    return f"\x1b[?2026h\x1b[2J\x1b[H{text}\x1b[?2026l".encode()


def retry(attempt: int) -> bytes:
    row = f" · retrying in 9s · attempt {attempt}/10"
    return picture(f"{RED}✻ Connection dropped (ECONNRESET){GREY}{row}{PLAIN}")


class Live:
    """A whole guard that records, and the symptoms that it saw."""

    def __init__(self, folder: Path, to_guard: int, guard: GuardSession) -> None:
        self.to_guard = to_guard
        self.guard = guard
        self.spool = folder / "spool"
        self.transcript = Path(transcript_path(os.environ, os.getcwd(), SESSION))
        self.symptoms: list[tuple[Symptom, str]] = []
        tell = guard.on_symptom

        def on_symptom(symptom: Symptom, source: str) -> None:
            self.symptoms.append((symptom, source))
            tell(symptom, source)

        guard.on_symptom = on_symptom  # type: ignore[method-assign]

    def draw(self, data: bytes) -> None:
        os.write(self.to_guard, link.frame(link.OUTPUT, data))

    def hook(self, event: str, **payload: str) -> None:
        text = json.dumps({"transcript_path": str(self.transcript)} | payload)
        made = self.spool / "tmp" / event
        made.write_text(text)
        made.rename(self.spool / "new" / f"{event}.{os.getpid()}")

    def row(self, **row: Any) -> None:
        self.transcript.parent.mkdir(parents=True, exist_ok=True)
        stamp = datetime.fromtimestamp(time.time(), UTC).isoformat()
        with self.transcript.open("a") as file:
            file.write(json.dumps({"timestamp": stamp} | row) + "\n")

    def failed_row(self) -> None:
        message = {"model": "<synthetic>", "content": [{"type": "text", "text": FAILED}]}
        self.row(type="assistant", isApiErrorMessage=True, error="server_error", message=message)


def recorded(
    folder: Path, scenario: Callable[[Live], Any], monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]
) -> tuple[list[tuple[Symptom, str]], Cast]:
    """What the guard saw live, and its recording."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "CLAUDE_CONFIG_DIR"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    settings = SimpleNamespace(
        profile="auto",
        observe=True,
        panel="off",
        panel_when="incident",
        screen=SimpleNamespace(enabled=False),
        notify=SimpleNamespace(osc="off", title=False, bell=False),
        history=SimpleNamespace(keep_days=365, keep_incidents=2000),
        hold=SimpleNamespace(enabled=False, after_attempt=2, release_byte=0x1D),
        probe=SimpleNamespace(interval_s=0.1, timeout_s=2.0),
        title=SimpleNamespace(enabled=True),
    )
    monkeypatch.setattr(settings_cache, "load", lambda options: settings)
    path = record_file.create(str(folder / "a.cast"))
    spool.create(str(folder / "spool"))

    async def run() -> Live:
        guard_reads, to_guard = os.pipe()
        from_guard, guard_writes = os.pipe()
        arguments = Arguments(
            (guard_reads, guard_writes),
            session=SESSION,
            folder=str(folder / "spool"),
            version=version,
            record=path,
        )
        live = Live(folder, to_guard, GuardSession(arguments))
        running = asyncio.create_task(live.guard.run())
        os.write(to_guard, link.frame(link.SIZE, link.WINSIZE.pack(30, 80, 0, 0)))
        await scenario(live)
        os.close(to_guard)
        await asyncio.wait_for(running, 20)
        os.close(from_guard)
        return live

    live = asyncio.run(run())
    return live.symptoms, read(path)


def compare(live: list[tuple[Symptom, str]], cast: Cast) -> None:
    replayed = [(one.symptom, one.source) for one in play(cast, shipped())]
    assert [(replace(s, t=0.0), source) for s, source in replayed] == [
        (replace(s, t=0.0), source) for s, source in live
    ]
    for (one, _), (other, _) in zip(replayed, live, strict=True):
        assert abs(one.t - other.t) < 1.0


def test_replay_says_what_the_guard_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.1: the screen tells of the retries, the hook and the transcript of the end."""

    async def scenario(live: Live) -> None:
        live.hook("SessionStart", source="startup")
        live.draw(picture())
        await asyncio.sleep(0.4)
        live.hook("UserPromptSubmit", prompt="my plan")
        live.row(type="user", message={"role": "user", "content": "my plan"})
        for attempt in (1, 2, 3):
            live.draw(retry(attempt))
            await asyncio.sleep(0.25)
        live.draw(picture(f"{RED}● {FAILED}{PLAIN}"))
        live.failed_row()
        live.hook("StopFailure", error="server_error", last_assistant_message=FAILED)
        await asyncio.sleep(0.6)

    live, cast = recorded(tmp_path, scenario, monkeypatch, (2, 1, 330))
    assert [s.phase for s, _ in live if s.phase != "retrying"] == ["failed"]
    assert [(s.confirmed, s.code) for s, _ in live if s.phase == "failed"] == [(True, "ECONNRESET")]
    compare(live, cast)
    assert "my plan" not in "".join(data for _, code, data in cast.events if code == "m")


def test_replay_of_rows_that_tell_of_retries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.0: the transcript has every attempt. Without its word a failure on the screen is unconfirmed."""

    async def scenario(live: Live) -> None:
        live.draw(picture())
        for attempt in (1, 2):
            live.row(
                type="system",
                subtype="api_error",
                error={"status": 529},
                retryAttempt=attempt,
                maxRetries=10,
                retryInMs=600.0,
            )
            await asyncio.sleep(0.4)
        live.failed_row()
        await asyncio.sleep(0.5)

    live, cast = recorded(tmp_path, scenario, monkeypatch, (2, 0, 60))
    assert [(s.phase, s.attempt) for s, _ in live] == [("retrying", 1), ("retrying", 2), ("failed", None)]
    compare(live, cast)


def test_replay_after_lost_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn on top of a picture that nobody knows is no symptom, live or later."""

    async def scenario(live: Live) -> None:
        live.draw(picture())
        await asyncio.sleep(0.2)
        os.write(live.to_guard, link.frame(link.STALE, link.OFFSET.pack(100_000)))
        row = f"{RED}✻ Connection dropped (ECONNRESET){GREY} · retrying in 9s · attempt 4/10{PLAIN}"
        live.draw(f"\x1b[?2026h\x1b[3;1H{row}\x1b[?2026l".encode())
        await asyncio.sleep(0.4)
        live.draw(retry(5))
        await asyncio.sleep(0.4)

    live, cast = recorded(tmp_path, scenario, monkeypatch, (2, 1, 330))
    assert {s.attempt for s, _ in live if s.phase == "retrying"} == {5}
    compare(live, cast)
