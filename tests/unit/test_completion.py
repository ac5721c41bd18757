"""`cc-guard completion`: the table says what there is, and real shells complete it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_guard import cli
from cc_guard.commands import completion
from cc_guard.commands.words import COMMANDS, OPTIONS, Command
from tests.support.client import clean_environment
from tests.support.terminal import Terminal

SHELLS = [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)]
CC_GUARD = str(Path(sys.executable).parent / "cc-guard")


# -- the table


def test_every_command_is_in_it() -> None:
    known = {*cli.COMMANDS, "claude", "completion"}
    assert {command.name for command in COMMANDS} == known


def test_our_own_options_are_in_it() -> None:
    shown = set(re.findall(r"^ +(--[\w-]+)", cli.USAGE.partition("options:")[2], re.MULTILINE))
    assert shown
    assert shown <= {option.name for option in OPTIONS}


HELPED = [command for command in COMMANDS if command.name in cli.COMMANDS]


@pytest.mark.parametrize("command", HELPED, ids=lambda command: command.name)
def test_the_options_of_a_command_are_in_it(command: Command) -> None:
    run = subprocess.run([CC_GUARD, command.name, "--help"], capture_output=True, text=True, check=True)
    shown = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", run.stdout, re.MULTILINE)) - {"--help"}
    assert shown == {option.name for option in command.options}
    for verb in command.verbs:
        assert re.search(rf"\b{verb.name}\b", run.stdout), verb.name


def test_no_words_need_quoting() -> None:
    for command in COMMANDS:
        names = [command.name, *(option.name for option in (*OPTIONS, *command.options))]
        assert all(re.fullmatch(r"-{0,2}[a-z0-9-]+", name) for name in names)


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ([], ["tcsh"], ["bash", "zsh"]):
        assert completion.main(argv) == 2
        assert "bash, zsh or fish" in capsys.readouterr().err
    assert completion.main(["--help"]) == 0
    assert "compinit" in capsys.readouterr().out


# -- real shells


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    profiles = tmp_path / "config/cc-guard/profiles"
    profiles.mkdir(parents=True)
    (profiles / "my-laptop.toml").touch()
    (profiles / "$(touch bad).toml").touch()
    home = tmp_path / "home"
    home.mkdir()
    for name in ("run.cast", "a file.toml"):
        (home / name).touch()
    (home / "bin").mkdir()
    for name in ("cc-guard", "claude"):
        (home / "bin" / name).write_text("#!/bin/sh\necho was run >&2\n")
        (home / "bin" / name).chmod(0o755)
    for shell in SHELLS:
        (home / f"cc-guard.{shell}").write_text(completion._SCRIPTS[shell]())
    return home


def environment(home: Path) -> dict[str, str]:
    path = f"{home}/bin:{os.environ['PATH']}"
    return clean_environment(home) | {"PATH": path, "TERM": "xterm", "PS1": "> ", "HISTFILE": "/dev/null"}


def bash(home: Path, line: str, before: str = "") -> set[str]:
    """What the function offers for a line, split into words as readline does (at `=`, too)."""
    words = [word for word in re.split(r"(=)|\s+", line) if word]
    if line.endswith((" ", "=")) or not words:
        words.append("")
    quoted = " ".join("'" + word + "'" for word in words)
    script = (
        f"{before}\nsource ./cc-guard.bash\nCOMP_WORDS=({quoted})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "compopt() { printf '<files>\\n'; }\n_cc_guard\nprintf '%s\\n' \"${COMPREPLY[@]}\""
    )
    run = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=home, env=environment(home), capture_output=True, text=True
    )
    assert run.stderr == ""
    return {word for word in run.stdout.split("\n") if word}


def fish(home: Path, line: str) -> set[str]:
    script = f"source ./cc-guard.fish; complete -C '{line}'"
    run = subprocess.run(
        ["fish", "--no-config", "-c", script],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
    )
    assert run.stderr == ""
    return {row.partition("\t")[0] for row in run.stdout.split("\n") if row}


LINES = [
    ("cc-guard inc", {"incidents"}),
    ("cc-guard --observe --no-hold inc", {"incidents"}),
    ("cc-guard --profile macos inc", {"incidents"}),
    ("cc-guard --record run.cast re", {"replay", "restore"}),
    ("cc-guard --profile my", {"my-laptop"}),
    ("cc-guard --panel ", {"auto", "split", "off"}),
    ("cc-guard --no-", {"--no-hold", "--no-rerun"}),
    ("cc-guard doctor --", {"--json", "--url", "--help"}),
    ("cc-guard doctor --url ", set()),
    ("cc-guard doctor ", set()),
    ("cc-guard incidents ", {"list", "show", "stats", "report", "export"}),
    ("cc-guard incidents export --format ", {"json", "csv", "otlp"}),
    ("cc-guard incidents show ", set()),
    ("cc-guard profiles show my", {"my-laptop"}),
    ("cc-guard answer a", {"always"}),
    ("cc-guard completion ", {"bash", "zsh", "fish"}),
    ("cc-guard no-such ", set()),
]


@pytest.mark.parametrize(("line", "offered"), LINES)
def test_bash_offers(line: str, offered: set[str], home: Path) -> None:
    assert bash(home, line) == offered
    assert not (home / "bad").exists()


@pytest.mark.parametrize(
    "line",
    [
        "cc-guard claude ",
        "cc-guard claude --resume x a",
        "cc-guard -- claude ",
        "cc-guard --record ",
        "cc-guard replay r",
        "cc-guard profiles check a",
    ],
)
def test_bash_leaves_files_to_readline(line: str, home: Path) -> None:
    assert bash(home, line) == {"<files>"}


def test_bash_after_an_equals_sign(home: Path) -> None:
    assert bash(home, "cc-guard --profile=my") == {"my-laptop"}
    assert bash(home, "cc-guard --panel=") == {"auto", "split", "off"}
    assert bash(home, "cc-guard --profile=macos inc") == {"incidents"}


@pytest.mark.parametrize("name", ["_comp_command_offset", "_command_offset"])
@pytest.mark.parametrize(
    ("line", "at"), [("cc-guard claude -", 1), ("cc-guard --panel=off claude x ", 4), ("cc-guard -- foo ", 2)]
)
def test_bash_hands_the_client_over(name: str, line: str, at: int, home: Path) -> None:
    """To bash-completion, where that is loaded."""
    assert bash(home, line, f"{name}() {{ COMPREPLY=(from-$1); }}") == {f"from-{at}"}


def test_bash_3_2_has_no_compopt(home: Path) -> None:
    script = (
        "source ./cc-guard.bash; compopt() { return 127; }\n"
        "COMP_WORDS=(cc-guard replay 'a f'); COMP_CWORD=2; _cc_guard\n"
        "printf '<%s>' \"${COMPREPLY[@]}\""
    )
    run = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=home, env=environment(home), capture_output=True, text=True
    )
    assert run.stdout == "<a file.toml>"


@pytest.mark.skipif("fish" not in SHELLS, reason="fish is not installed")
@pytest.mark.parametrize(("line", "offered"), [*LINES, ("cc-guard replay r", {"run.cast"})])
def test_fish_offers(line: str, offered: set[str], home: Path) -> None:
    assert fish(home, line) == offered
    assert not (home / "bad").exists()


@pytest.mark.skipif("fish" not in SHELLS, reason="fish is not installed")
def test_fish_hands_the_client_over(home: Path) -> None:
    with (home / "cc-guard.fish").open("a") as script:
        script.write("complete -c claude -f; complete -c claude -l resume; complete -c other -xa inner\n")
    assert fish(home, "cc-guard --panel off claude --res") == {"--resume"}
    assert fish(home, "cc-guard -- other i") == {"inner"}


_START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
_LOAD = {
    "bash": "source ./cc-guard.bash",
    "zsh": "autoload -Uz compinit; compinit -u -d .dump; source ./cc-guard.zsh",
    "fish": "source ./cc-guard.fish; function fish_prompt; echo -n '% '; end",
}


@pytest.fixture(params=SHELLS)
def typed(request: pytest.FixtureRequest, home: Path) -> Iterator[Terminal]:
    shell = request.param
    with Terminal(_START[shell], environment(home), home) as terminal:
        terminal.wait_for(lambda screen: screen.strip() != "")
        terminal.type(f"{_LOAD[shell]}; clear; echo lo''aded")
        terminal.key("Enter")
        terminal.wait_for("loaded")
        yield terminal
        assert "was run" not in terminal.screen()


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("cc-guard inci", "cc-guard incidents"),
        ("cc-guard --profile my-l", "cc-guard --profile my-laptop"),
        ("cc-guard --profile=my-l", "cc-guard --profile=my-laptop"),
        ("cc-guard --observe doctor --js", "cc-guard --observe doctor --json"),
        ("cc-guard incidents sta", "cc-guard incidents stats"),
        ("cc-guard profiles show my-l", "cc-guard profiles show my-laptop"),
        ("cc-guard profiles check run", "cc-guard profiles check run.cast"),
        ("cc-guard replay run", "cc-guard replay run.cast"),
        ("cc-guard replay a", r"cc-guard replay a\ file.toml"),
        ("cc-guard --record run", "cc-guard --record run.cast"),
        ("cc-guard claude run", "cc-guard claude run.cast"),
        ("cc-guard --no-hold claude --mcp-config run", "cc-guard --no-hold claude --mcp-config run.cast"),
        ("cc-guard -- claude run", "cc-guard -- claude run.cast"),
    ],
)
def test_the_tab_key(line: str, becomes: str, typed: Terminal) -> None:
    typed.type(line)
    typed.wait_for(line)
    typed.key("Tab")
    typed.wait_for(lambda screen: becomes in screen or becomes.replace("\\ ", " ") in screen, 5)


def test_nothing_is_imported_for_it() -> None:
    code = "import sys; from cc_guard.commands import words; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydantic", "asyncio", "textual", "argparse"} & set(said.stdout.split())
