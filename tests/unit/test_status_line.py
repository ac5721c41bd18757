"""hooks/cc-guard-segment and the command around the user's own status line: their output is theirs."""

import json
import os
import shutil
import stat
import statistics
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard import paths
from cc_guard.guard.segment import OwnLine, Segment, words
from cc_guard.incident.record import Symptom
from cc_guard.incident.state import Care, Past, Question, Report, State
from cc_guard.launch import hooks, statusline
from cc_guard.launch.arguments import prepare
from cc_guard.launch.session import prepare_session

SCRIPT = os.path.join(paths.shipped("hooks"), "cc-guard-segment")
SHELLS = [["sh"], ["dash"], ["bash"], ["bash", "--posix"], ["busybox", "ash"], ["ksh"], ["zsh"]]
PAYLOAD = b'{"session_id": "x", "model": {"display_name": "Opus"}}'
VERSION = (2, 1, 330)
OWN_TIME_S = 0.02
"""Besides the user's command; the issue's budget."""

shells = pytest.mark.parametrize("shell", [s for s in SHELLS if shutil.which(s[0])], ids=" ".join)


def run(command: str, shell: list[str] | None = None) -> tuple[bytes, bytes, int]:
    said = subprocess.run([*(shell or ["sh"]), "-c", command], input=PAYLOAD, capture_output=True)
    return said.stdout, said.stderr, said.returncode


@pytest.fixture
def folder(tmp_path: Path) -> str:
    path = tmp_path / 'ses sion\'s "$x"'
    path.mkdir()
    return str(path)


def wrapped(command: str, folder: str) -> str:
    return statusline.wrapped(command, SCRIPT, folder)


# -- the command


THEIRS = [
    "cat",
    "printf 'no newline'",
    r"printf '\033[31mred\033[0m\n\ntwo  \n\n'",
    r"printf 'a\000b\377c'",
    "echo 'it'\"'\"'s' \"$HOME\" $0 $#",
    "echo one; exit 0",
    "exec echo gone",
    "echo x # and a comment",
    "cat <<'.'\nhere\n.\n",
    "echo out; echo err >&2",
    "echo bad; exit 3",
    "echo bad; false",
    "no-such-command-here",
    "if broken",
    "kill -9 $$",
    'read -r line; echo "$line" | tr a-z A-Z',
    "set -e; false; echo never",
    "trap 'echo bye' EXIT; echo hello",
    "cd /; pwd",
    ":",
]


@shells
@pytest.mark.parametrize("command", [c for c in THEIRS if "$$" not in c and "broken" not in c])
def test_their_output_errors_and_status_are_as_without_us(
    command: str, shell: list[str], folder: str
) -> None:
    stock = run(command, shell)
    assert run(wrapped(command, folder), shell)[::2] == stock[::2]
    if "no-such" not in command:  # shells name themselves and a line there
        assert run(wrapped(command, folder), shell) == stock
    if shell == ["zsh"] and "$0" in command:
        return  # which is a sourced file's name there
    statusline.write(folder, command)
    assert run(wrapped("echo old", folder), shell)[::2] == stock[::2]


@shells
@pytest.mark.parametrize("command", ["if broken", "echo (", "echo 'open"])
def test_nonsense_fails_as_without_us(command: str, shell: list[str], folder: str) -> None:
    Segment(folder).show("ours")
    out, err, status = run(wrapped(command, folder), shell)
    assert (out, bool(err), bool(status)) == (b"", True, True)


@shells
def test_a_row_of_ours_follows(shell: list[str], folder: str) -> None:
    Segment(folder).show("⏳ cc-guard: `waits` $HOME \\n 'it' 100%s")
    row = "\n⏳ cc-guard: `waits` $HOME \\n 'it' 100%s\n".encode()
    for command in ("printf theirs", "echo theirs", "exec echo theirs", "echo theirs; exit 0"):
        theirs = run(command, shell)[0]
        assert run(wrapped(command, folder), shell) == (theirs + row, b"", 0)


def test_a_failing_one_of_theirs_is_not_made_to_succeed(folder: str) -> None:
    Segment(folder).show("ours")
    assert run(wrapped("echo bad; exit 3", folder)) == (b"bad\n", b"", 3)


def test_without_the_folder_or_the_script_theirs_still_runs(folder: str, tmp_path: Path) -> None:
    """As in a background session that outlives this one, or after cc-guard was uninstalled."""
    statusline.write(folder, "echo now")
    command = wrapped("echo then", folder)
    assert run(command) == (b"now\n", b"", 0)
    Segment(folder).show("ours")
    assert run(statusline.wrapped("echo then", str(tmp_path / "none"), folder))[::2] == (b"now\n", 0)
    shutil.rmtree(folder)
    assert run(command) == (b"then\n", b"", 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"99999999999\n",
        b"99999999999\nno line end",
        b"soon\nours\n",
        b"-5\nours\n",
        b"1\nours\n",
        b"\xff\xfe\n\n",
        b"99999999999999999999999999999\nours\n",
        b"$(echo 99999999999)\nours\n",
    ],
)
@shells
def test_a_file_that_is_wrong_or_old_says_nothing(content: bytes, shell: list[str], folder: str) -> None:
    Path(folder, statusline.SEGMENT).write_bytes(content)
    out, err, status = run(wrapped("echo theirs", folder), shell)
    assert (out.rstrip(b"\n"), err, status) == (b"theirs", b"", 0)


def test_own_time(folder: str) -> None:
    """The median against the user's command alone, with something to say and without."""

    def median_s(command: str) -> float:
        times = []
        for _ in range(21):
            start = time.perf_counter()
            run(command)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    stock = median_s("cat")
    quiet = median_s(wrapped("cat", folder))
    Segment(folder).show("ours")
    said = median_s(wrapped("cat", folder))
    print(f"stock {stock * 1e3:.1f} ms, quiet +{(quiet - stock) * 1e3:.1f}, said +{(said - stock) * 1e3:.1f}")
    assert max(quiet, said) - stock < OWN_TIME_S


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30))
def test_any_words_of_theirs_reach_the_shell_unchanged(folder: str, text: str) -> None:
    command = f"printf %s {hooks.shell_quote(text)}"
    statusline.write(folder, command)
    assert run(wrapped(command, folder))[0] == text.encode()
    os.unlink(os.path.join(folder, statusline.OWN))
    assert run(wrapped(command, folder))[0] == text.encode()


# -- whose command


def line(command: object, **more: object) -> dict[str, Any]:
    return {"statusLine": {"type": "command", "command": command, **more}}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CLAUDE_CONFIG_DIR", "CC_GUARD_STATUSLINE__ENABLED"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home" / ".run").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "home" / ".run"))
    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
    project = tmp_path / "home" / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return tmp_path / "home"


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def found(cwd: Path, version: tuple[int, int, int] = VERSION, given: object = None) -> str:
    return statusline.own(statusline.files(os.environ, str(cwd), version), given)


def test_the_strongest_file_wins(home: Path) -> None:
    project = home / "project"
    assert found(project) == ""
    put(home / ".claude/settings.json", line("user", padding=1))
    assert found(project) == "user"
    put(project / ".claude/settings.json", line("project"))
    assert found(project) == "project"
    put(project / ".claude/settings.local.json", line("local"))
    assert found(project) == "local"
    assert found(project, given={"padding": 0}) == "local"
    assert found(project, given=line("flag")["statusLine"]) == "flag"


def test_another_configuration_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / ".claude/settings.json", line("user"))
    put(home / "other/settings.json", line("other"))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "other"))
    assert found(home / "project") == "other"


def test_the_local_file_of_a_repository(home: Path) -> None:
    inside = home / "project" / "src"
    put(inside / ".claude/settings.local.json", line("inside"))
    put(home / "project/.claude/settings.local.json", line("top"))
    assert found(inside) == "inside"
    (home / "project/.git").mkdir()
    assert found(inside) == "top"
    assert found(inside, (2, 1, 197)) == "inside"


@pytest.mark.parametrize(
    "content",
    [
        "{not json",
        "[]",
        '"statusLine"',
        {"statusLine": None},
        {"statusLine": "echo x"},
        {"statusLine": {"type": "command"}},
        {"statusLine": {"type": "other", "command": "x"}},
        line(""),
        line("  \n"),
        line(7),
        line("a\0b"),
        line("\ud800"),
        line("x" * 20_000),
        '{"statusLine":' + "[" * 100_000,
    ],
)
def test_what_is_no_command_is_left_alone(home: Path, content: object) -> None:
    put(home / ".claude/settings.json", content)
    assert found(home / "project") == ""


def test_a_pipe_or_a_folder_is_no_settings_file(home: Path) -> None:
    (home / ".claude/settings.json").mkdir(parents=True)
    (home / "project/.claude").mkdir()
    os.mkfifo(home / "project/.claude/settings.json")
    assert found(home / "project") == ""


# -- in the settings that the client gets


def launch(args: list[str], version: tuple[int, int, int] = VERSION) -> Any:
    def ours(given: object) -> str:
        return f"ours {json.dumps(given)}"

    made = prepare(args, version, "id", "/h", "/s", "/f", lambda value: value, ours)
    return None if made.settings is None else json.loads(made.settings)


def test_beside_the_hooks(home: Path) -> None:
    assert launch([])["statusLine"] == {"type": "command", "command": "ours null"}
    assert set(launch([])) == {"hooks", "statusLine"}


def test_in_their_own_settings(home: Path) -> None:
    theirs = json.dumps({"model": "opus", **line("theirs", padding=2)})
    given = json.dumps(line("theirs", padding=2)["statusLine"])
    assert launch(["--settings", theirs])["statusLine"] == {
        "type": "command",
        "command": f"ours {given}",
        "padding": 2,
    }
    assert launch(["--settings", '{"statusLine": "nonsense"}'])["statusLine"] == "nonsense"


@pytest.mark.parametrize("option", ["--bare", "--safe-mode", "--restricted", "--setting-sources=user"])
def test_not_where_the_client_leaves_files_out(option: str) -> None:
    made = launch([option])
    assert "hooks" in made
    assert "statusLine" not in made


CLIENT = "claude-code-2.1.330/bin/claude"


@pytest.fixture
def program(home: Path) -> str:
    put(home / CLIENT, "#!/bin/sh\n")
    return str(home / CLIENT)


def status_line(program: str, options: dict[str, str] | None = None) -> tuple[Any, Path]:
    made = prepare_session(program, [], options)
    (file,) = (word.removeprefix("settings=") for word in made.words if word.startswith("settings="))
    return json.loads(Path(file).read_text()).get("statusLine"), Path(file).parent


def test_a_session_runs_theirs_from_its_folder(home: Path, program: str) -> None:
    put(home / ".claude/settings.json", line("echo theirs"))
    made, folder = status_line(program)
    own = folder / statusline.OWN
    assert own.read_text() == "echo theirs\n"
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    Segment(str(folder)).show("ours")
    assert run(made["command"]) == (b"theirs\n\nours\n", b"", 0)


def test_without_one_of_theirs_there_is_none(home: Path, program: str) -> None:
    made, folder = status_line(program)
    assert made is None
    assert not (folder / statusline.OWN).exists()


def test_it_can_be_switched_off(home: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / ".claude/settings.json", line("echo theirs"))
    put(home / "config/cc-guard/config.toml", "[statusline]\nenabled = false\n")
    assert status_line(program)[0] is None
    put(home / "config/cc-guard/config.toml", "[statusline]\nenabled = true\n")
    assert status_line(program)[0] is not None
    assert status_line(program, {"statusline.enabled": "false"})[0] is None
    put(home / "config/cc-guard/config.toml", "nonsense = 1\n")
    assert status_line(program)[0] is None


# -- the file


def test_words_come_and_go(folder: str) -> None:
    now = 1_000_000.0
    segment = Segment(folder, lambda: now)
    file = Path(folder, statusline.SEGMENT)
    segment.show("")
    assert not file.exists()
    segment.show("one")
    assert file.read_text() == "1000010\none\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    now += 1
    segment.show("one")
    assert file.read_text() == "1000010\none\n"
    now += 3
    segment.show("one")
    assert file.read_text() == "1000014\none\n"
    now -= 500  # the clock was set back
    segment.show("one")
    assert file.read_text() == "999514\none\n"
    segment.show("")
    assert os.listdir(folder) == []


def test_a_new_guard_takes_back_what_the_old_one_said(folder: str) -> None:
    Segment(folder).show("old")
    Segment(folder)
    assert os.listdir(folder) == []


def test_no_folder_no_harm(folder: str) -> None:
    Segment("").show("words")
    segment = Segment(folder)
    shutil.rmtree(folder)
    segment.show("words")
    segment.show("")


def test_their_choice_is_followed(home: Path, folder: str) -> None:
    now = 0.0
    user = home / ".claude/settings.json"
    put(user, line("one"))
    files = statusline.files(os.environ, str(home / "project"), VERSION)
    own = Path(folder, statusline.OWN)
    OwnLine(folder, files, lambda: now).follow()
    assert not own.exists(), "not wrapped by the launch"
    statusline.write(folder, "one")
    follower = OwnLine(folder, files, lambda: now)
    for at, content, expected in (
        (0.0, line("one"), "one\n"),
        (1.0, line("two"), "one\n"),
        (2.5, line("two"), "two\n"),
        (5.0, {}, "\n"),
    ):
        now = at
        put(user, content)
        follower.follow()
        assert own.read_text() == expected
    user.unlink()
    shutil.rmtree(folder)
    now = 8.0
    follower.follow()


# -- the words


SYMPTOM = Symptom(t=1.0, kind="connection", phase="failed")
BAD = State(phase="down", report=Report(0.0, "connection"), probing_since=0.0, unanswered=9.0)
ASKED = Question("1", "dns.flush", "Flush the\tresolver's cache", 2)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State(), ""),
        (BAD, "⏳ cc-guard: waiting for the API"),
        (replace(BAD, answered=9.5), ""),
        (replace(BAD, phase="going"), ""),
        (replace(BAD, phase="muted"), ""),
        (replace(BAD, phase="fading"), ""),
        (replace(BAD, phase="watching"), ""),
        (replace(BAD, phase="held"), "⏸ cc-guard: paused until the API answers"),
        (replace(BAD, care=Care(running="dns.flush")), "cc-guard: dns.flush is under way"),
        (
            replace(BAD, answered=9.5, care=Care(waits_for="there is a draft")),
            "cc-guard: the API answers; waits, because there is a draft",
        ),
        (replace(BAD, past=Past(tripped=True)), "cc-guard: hands off, it keeps coming back"),
        (
            replace(BAD, care=Care(question=ASKED)),
            "cc-guard asks: Flush the resolver's cache (cc-guard answer)",
        ),
    ],
)
def test_words_for_a_state(state: State, said: str) -> None:
    assert words(state, 10.0) == said


def test_words_fit_and_are_plain() -> None:
    nasty = "x\x1b]0;y\x07\n" * 40
    said = words(replace(BAD, care=Care(question=replace(ASKED, title=nasty))), 10.0)
    assert said.isprintable()
    assert len(said) <= 72
