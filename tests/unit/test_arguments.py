"""What the client is started with. The user's words come first in everything."""

import json
import os
import shlex
import stat
import subprocess
import sys
import uuid
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.launch import hooks, settings_file
from cc_guard.launch.arguments import Launch, new_session_id, prepare
from cc_guard.launch.options import scan

ID = "0b5c9a34-9d2e-4c3e-8f57-3a1f0d5c1a11"
HOOK = "/opt/it's here/cc-guard-hook"
SPOOL = "/run/user/1000/cc guard/spool"
FILE = "/run/user/1000/cc guard/settings,cc-guard.json"
OLD, MIDDLE, NEW = (1, 0, 120), (2, 0, 60), (2, 1, 330)
VERSIONS = (OLD, MIDDLE, NEW)

Version = tuple[int, int, int]


def launch(args: Sequence[str], version: Version | None = OLD) -> Launch:
    return prepare(args, version, ID, HOOK, SPOOL, FILE, settings_file.read)


def front(version: Version = OLD) -> list[str]:
    """What stands before the user's words when they chose nothing."""
    plain = launch([], version)
    assert plain.settings is not None
    return ["--session-id", ID, "--settings", FILE if version < NEW else plain.settings]


# -- what is added, and when


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "args",
    [
        [],
        ["fix the bug"],
        ["--model", "opus", "fix the bug"],
        ["--model=opus"],
        ["--model", "update"],  # a value, not the command
        ["--add-dir", "../a", "mcp", "--verbose"],
        ["--debug", "doctor"],
        ["-d", "doctor"],
        ["-dc"],  # the debug filter `c`
        ["-n", "install", "hello"],
        ["--append-system-prompt", "-p"],
        ["--", "-p", "--help"],
        ["", ""],
        ["-"],
        ["hello", "mcp"],
        ["gr\udcfcn", "\udcff"],
    ],
)
def test_a_session_gets_an_id_and_hooks_in_front(args: list[str], version: Version) -> None:
    made = launch(args, version)
    assert made.args == [*front(version), *args]
    assert made.session_id == ID
    assert made.settings is not None


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["-h"],
        ["--version"],
        ["-v"],
        ["-V"],
        ["-p", "hello"],
        ["hello", "--print"],
        ["-cp", "hello"],
        ["-pc"],
        ["--model", "opus", "-p"],
        ["--bg", "fix the bug"],
        ["--update"],
        ["mcp", "list"],
        ["--model", "opus", "mcp", "list"],
        ["--debug", "--verbose", "config", "set", "-g", "theme", "dark"],
        ["--", "mcp", "list"],  # commander takes it for the command all the same
        ["--add-dir=../a", "mcp"],
        ["update"],
        ["doctor"],
        ["auth", "login"],
        ["plugin", "list"],
        ["remote-control"],
    ],
)
def test_no_session_no_change(args: list[str]) -> None:
    made = launch(args)
    assert (made.args, made.session_id, made.settings) == (args, None, None)


@pytest.mark.parametrize("version", [None, (1, 0, 84), (0, 2, 126)])
def test_an_unknown_program_gets_its_words_verbatim(version: Version | None) -> None:
    made = launch(["--settings", "x.json", "hello"], version)
    assert (made.args, made.session_id, made.settings) == (["--settings", "x.json", "hello"], None, None)


@pytest.mark.parametrize(
    "args",
    [
        ["-c"],
        ["--continue"],
        ["-r"],
        ["-r", "some name"],
        ["-rname"],
        ["--resume"],
        ["--resume=name"],
        ["--resume", ID, "--fork-session"],
        ["--verbose", "-c", "hello"],
        ["--from-pr", "17"],
        ["--teleport"],
        ["--cloud", "a task"],
    ],
)
def test_a_session_the_user_chose_gets_hooks_only(args: list[str]) -> None:
    made = launch(args)
    assert made.args == ["--settings", FILE, *args]
    assert made.session_id is None


@pytest.mark.parametrize("args", [["--session-id", "abc"], ["--session-id=abc"]])
def test_an_id_the_user_gave_is_known(args: list[str]) -> None:
    assert launch(args).args == ["--settings", FILE, *args]
    assert launch(args).session_id == "abc"
    assert launch([*args, "--resume", "x", "--fork-session"]).session_id is None


def test_a_session_id_is_a_uuid_of_version_4() -> None:
    for random in (bytes(16), b"\xff" * 16, os.urandom(16)):
        made = uuid.UUID(new_session_id(random))
        assert (made.version, made.variant, str(made)) == (4, uuid.RFC_4122, new_session_id(random))
    assert new_session_id(bytes(15) + b"\x01") != new_session_id(bytes(16))


# -- the hooks


@pytest.mark.parametrize(
    ("version", "events"),
    [
        ((1, 0, 85), "SessionStart UserPromptSubmit Notification Stop SessionEnd"),
        (OLD, "SessionStart UserPromptSubmit Notification Stop SessionEnd"),
        ((2, 0, 44), "SessionStart UserPromptSubmit Notification Stop SessionEnd"),
        ((2, 0, 45), "SessionStart UserPromptSubmit Notification Stop SessionEnd PermissionRequest"),
        (NEW, "SessionStart UserPromptSubmit Notification Stop SessionEnd PermissionRequest StopFailure"),
    ],
)
def test_only_events_that_the_version_knows(version: Version, events: str) -> None:
    text = launch([], version).settings
    assert text is not None
    assert list(json.loads(text)["hooks"]) == events.split()


def test_a_hook_is_one_shell_command() -> None:
    text = launch([]).settings
    assert text is not None
    (entry,) = json.loads(text)["hooks"]["Stop"]
    assert entry == {"hooks": [{"type": "command", "command": entry["hooks"][0]["command"], "timeout": 5}]}
    assert shlex.split(entry["hooks"][0]["command"]) == ["sh", HOOK, SPOOL, "Stop"]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_quoting_for_the_shell_and_for_json(path: str) -> None:
    command = hooks.command(path, "/s", "Stop")
    assert shlex.split(command) == ["sh", path, "/s", "Stop"]
    assert json.loads(hooks.settings({"Stop": command}))["hooks"]["Stop"][0]["hooks"][0]["command"] == command


def test_a_real_shell_agrees() -> None:
    path = """ a'b"c\\d$(x)`y`\n*~ü"""
    said = subprocess.run(
        ["sh", "-c", f"printf %s {hooks.shell_quote(path)}"], capture_output=True, check=True, text=True
    )
    assert said.stdout == path


def test_a_path_that_is_not_utf_8_gets_no_hooks() -> None:
    made = prepare([], OLD, ID, HOOK, "/run/\udcff", FILE, settings_file.read)
    assert (made.args, made.settings) == (["--session-id", ID], None)


# -- the user's own --settings


def theirs(tmp_path: Path, **more: object) -> str:
    own = {
        "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "theirs"}]}]},
        "model": "opus",
        **more,
    }
    path = tmp_path / "their settings.json"
    path.write_text("\ufeff" + json.dumps(own), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("version", VERSIONS)
def test_their_file_is_merged(version: Version, tmp_path: Path) -> None:
    file = theirs(tmp_path)
    made = launch(["--allowedTools", "Bash", "--settings", file, "hello"], version)
    assert made.args == ["--session-id", ID, "--allowedTools", "Bash", "--settings", FILE, "hello"]
    assert made.settings is not None
    merged = json.loads(made.settings)
    assert merged["model"] == "opus"
    commands = [entry["hooks"][0]["command"] for entry in merged["hooks"]["Stop"]]
    assert (len(commands), commands[0]) == (2, "theirs")
    assert "SessionEnd" in merged["hooks"]
    assert made.keeps_file == (version == NEW)


def test_their_json_is_merged() -> None:
    text = ' {"env": {"A": "\\ud800"}, "big": 12345678901234567890} '
    for args in (["--settings", text], [f"--settings={text}"]):
        made = launch(args, OLD)
        assert made.args == ["--session-id", ID, "--settings", FILE]
        assert made.settings is not None
        assert json.loads(made.settings)["env"] == {"A": "\ud800"}
        assert json.loads(made.settings)["big"] == 12345678901234567890


def test_json_in_the_arguments_stays_there_for_a_client_with_background_sessions() -> None:
    """A background session made by /bg starts with the same words; the file of this session may be gone."""
    made = launch(["--settings", '{"model": "opus"}'], NEW)
    assert made.args == ["--session-id", ID, "--settings", made.settings]
    assert not made.keeps_file


def test_secrets_from_a_file_are_never_in_the_arguments(tmp_path: Path) -> None:
    file = theirs(tmp_path, env={"ANTHROPIC_API_KEY": "sk-secret"})
    for version in VERSIONS:
        made = launch(["--settings", file], version)
        assert "sk-secret" not in " ".join(made.args)
        assert "sk-secret" in str(made.settings)


@pytest.mark.parametrize(
    "text",
    [
        "{not json}",
        '{"hooks": []}',
        '{"hooks": {"Stop": {}}}',
        '{"hooks": {"Stop": null}}',
        '{"hooks": null}',
        '{"x": 1e999}',
        '{"x": NaN}',
        "{" + '"a":{' * 100_000 + "}" * 100_001,
        # The client reads these from the folder of the settings file.
        '{"permissions": {"deny": ["Read(/secrets/**)"]}}',
        '{"sandbox": {"filesystem": {"allowWrite": ["build"]}}}',
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_cannot_be_merged_stays_as_it_is(version: Version, text: str) -> None:
    made = launch(["--settings", text, "hello"], version)
    assert made.args == ["--session-id", ID, "--settings", text, "hello"]
    assert made.settings is None


def test_rules_with_absolute_or_relative_paths_can_move(tmp_path: Path) -> None:
    rules = {"allow": ["Read(//etc/**)", "Read(src/**)", "Bash(ls:*)"], "defaultMode": "plan"}
    assert launch(["--settings", theirs(tmp_path, permissions=rules)]).settings is not None


def test_what_cannot_be_read_stays_as_it_is(tmp_path: Path) -> None:
    listed, binary, large, pipe = (str(tmp_path / name) for name in ("list", "binary", "large", "pipe"))
    Path(listed).write_text("[]")
    Path(binary).write_bytes(b'{"a": "\xff"}')
    Path(large).write_text('{"a": "' + "x" * 2 * 1024 * 1024 + '"}')
    os.mkfifo(pipe)
    for value in (
        listed,
        binary,
        large,
        pipe,
        str(tmp_path),
        str(tmp_path / "none"),
        "/dev/zero",
        "",
        "a\0b",
    ):
        assert launch(["--settings", value]).args == ["--session-id", ID, "--settings", value]
    assert launch(["--settings"]).args == ["--session-id", ID, "--settings"]


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        ((1, 0, 88), 1),
        ((1, 0, 100), None),
        (OLD, 0),
        (MIDDLE, 0),
        ((2, 1, 160), 0),
        ((2, 1, 170), None),
        ((2, 1, 190), 1),
        (NEW, 1),
    ],
)
def test_of_several_the_one_that_the_client_takes(version: Version, taken: int | None) -> None:
    args = ["--settings", '{"model": "a"}', "--verbose", '--settings={"model": "b"}']
    made = launch(args, version)
    if taken is None:
        assert made.args == ["--session-id", ID, *args]
        assert made.settings is None
    else:
        assert json.loads(str(made.settings))["model"] == "ab"[taken]
        assert args[3] in made.args if taken == 0 else args[1] in made.args


def test_the_file_is_private_and_new(tmp_path: Path) -> None:
    path = tmp_path / settings_file.NAME
    settings_file.write(str(path), "{}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        settings_file.write(str(path), "{}")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        settings_file.write(str(tmp_path / "link"), "{}")


# -- for any words at all

WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("--", "-", "", "-c", "-cp", "-r", "-rx", "-d", "-d2e", "--resume", "--resume=x", "--model"),
                *(
                    "--model=x",
                    "--add-dir",
                    "--tools",
                    "--settings",
                    "--settings={}",
                    "mcp",
                    "update",
                    "hello",
                ),
                *("--unknown", "--session-id", "-p", "--help", "{}", '{"hooks": {"Stop": []}}', "\udcff"),
            ]
        ),
        st.text(st.characters(exclude_characters="\0"), max_size=5),
    ),
    max_size=8,
)


@given(WORDS, st.sampled_from(VERSIONS))
def test_nothing_of_theirs_is_lost_or_moved(args: list[str], version: Version) -> None:
    """Apart from one value of --settings, the user's words are the end of the line, in order."""

    def missing(value: str) -> str:
        if settings_file.is_json(value):
            return value
        raise FileNotFoundError(value)

    made = prepare(args, version, ID, HOOK, SPOOL, FILE, missing)
    ours = made.args[2:] if made.args[:2] == ["--session-id", ID] != args[:2] else made.args
    if made.settings is not None and not any(word.startswith("--settings") for word in args):
        assert ours[0] == "--settings"
        ours = ours[2:]
    assert without_settings(ours) == without_settings(args)


def without_settings(args: list[str]) -> list[str]:
    options, _ = scan(args)
    spans = [option for option in options if option.name == "--settings"]
    return [
        word for index, word in enumerate(args) if not any(span.start <= index < span.end for span in spans)
    ]


@given(WORDS)
def test_options_and_operand_cover_the_line_in_order(args: list[str]) -> None:
    options, operand = scan(args)
    for option, following in pairwise(options):
        assert option.end <= following.start or option.start == following.start  # -cp
    assert all(option.start < option.end <= len(args) for option in options)
    assert operand is None or operand in args


# -- the start-up path

ALLOWED = {"cc_guard", "cc_guard.launch", "cc_guard.paths", "cc_guard.channels", "cc_guard.channels.spool"}


def test_the_lean_part_imports_nothing_else() -> None:
    """PTY.md: json costs 7 ms, re 6, typing 10, pathlib 12, uuid and subprocess more."""
    code = (
        "import os, sys, stat, errno; before = set(sys.modules)\n"
        "from cc_guard.launch import arguments, find, hooks, options, settings_file, version\n"
        "from cc_guard.channels import spool\n"
        "find.find_program('sh', os.environ); version.known_version('/bin/sh')\n"
        "arguments.prepare([], (2, 1, 330), 'id', '/h', '/s', '/f', settings_file.read)\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    extra = {name for name in said.stdout.split() if not name.startswith("cc_guard.launch")} - ALLOWED
    assert extra == set()
