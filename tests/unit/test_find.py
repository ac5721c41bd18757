"""Which file `cc-guard claude` runs."""

import os
from pathlib import Path

import pytest

from cc_guard.launch.find import NotExecutable, NotFound, find_program

CLIENT = "#!/bin/sh\nexec node cli.js\n"


def program(path: Path, text: str = CLIENT, mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def environ(home: Path, *folders: Path | str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": ":".join(map(str, folders))}


def test_the_first_in_path_wins(tmp_path: Path) -> None:
    first = program(tmp_path / "a" / "claude")
    program(tmp_path / "b" / "claude")
    assert (
        find_program("claude", environ(tmp_path, tmp_path / "none", tmp_path / "a", tmp_path / "b")) == first
    )


def test_any_name_can_be_run(tmp_path: Path) -> None:
    mine = program(tmp_path / "a" / "my-claude")
    assert find_program("my-claude", environ(tmp_path, tmp_path / "a")) == mine


@pytest.mark.parametrize("path", ["", "/nowhere:", ":/nowhere", "/nowhere::/other"])
def test_an_empty_entry_is_the_current_folder(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "other-claude")
    monkeypatch.chdir(tmp_path)
    assert find_program("other-claude", {"HOME": str(tmp_path), "PATH": path}) == "./other-claude"


@pytest.mark.parametrize(
    "shim",
    [
        '#!/bin/sh\nexec cc-guard claude "$@"\n',
        '#!/bin/sh\nexec "$HOME/.venv/bin/cc-guard" claude "$@"\n',
        '#!/bin/sh\npython3 -m cc_guard claude "$@"',
        "#!/usr/bin/python3\nfrom cc_guard.cli import main\nmain()\n",  # pip's script, linked as claude
    ],
)
def test_a_shim_that_calls_us_is_passed_over(shim: str, tmp_path: Path) -> None:
    program(tmp_path / "shims" / "claude", shim)
    real = program(tmp_path / "bin" / "claude")
    assert find_program("claude", environ(tmp_path, tmp_path / "shims", tmp_path / "bin")) == real


@pytest.mark.parametrize(
    "script",
    [
        "#!/home/me/cc-guard/.venv/bin/python\nprint('a client')\n",
        '#!/bin/sh\nexec /home/me/cc-guard/node_modules/.bin/claude "$@"\n',
        "#!/bin/sh\nexec /opt/cc-guard-clients/claude\n",
        "#!/usr/bin/env node\n" + "//\n" * 2000 + "// cc-guard\n",
        "binary cc-guard",
    ],
)
def test_a_client_in_a_folder_of_our_name_is_none(script: str, tmp_path: Path) -> None:
    real = program(tmp_path / "bin" / "claude", script)
    assert find_program("claude", environ(tmp_path, tmp_path / "bin")) == real


def test_our_own_executable_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = program(tmp_path / "own" / "cc-guard", "\x7fELF one file with everything in it")
    (tmp_path / "shims").mkdir()
    (tmp_path / "shims" / "claude").symlink_to(own)
    real = program(tmp_path / "bin" / "claude")
    monkeypatch.setattr("sys.argv", [own])
    assert find_program("claude", environ(tmp_path, tmp_path / "shims", tmp_path / "bin")) == real


@pytest.mark.parametrize("place", [".claude/local/claude", ".local/bin/claude", ".npm-global/bin/claude"])
def test_places_that_installers_do_not_put_into_path(place: str, tmp_path: Path) -> None:
    """The local installer leaves a shell alias only, and aliases do not reach us."""
    client = program(tmp_path / place)
    assert find_program("claude", environ(tmp_path, "/nowhere")) == client


def test_npm_prefix_from_the_environment(tmp_path: Path) -> None:
    client = program(tmp_path / "prefix" / "bin" / "claude")
    assert (
        find_program("claude", environ(tmp_path) | {"NPM_CONFIG_PREFIX": str(tmp_path / "prefix")}) == client
    )


def test_path_comes_before_the_known_places(tmp_path: Path) -> None:
    program(tmp_path / ".local/bin/claude")
    real = program(tmp_path / "bin" / "claude")
    assert find_program("claude", environ(tmp_path, tmp_path / "bin")) == real


def test_nothing_found_says_what_and_how_in_two_lines(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as error:
        find_program("claude", environ(tmp_path, tmp_path))
    what, how = str(error.value).split("\n")
    assert "claude" in what
    assert "npm install -g @anthropic-ai/claude-code" in how
    assert "cc-guard demo" in how


def test_other_names_are_not_looked_for_elsewhere(tmp_path: Path) -> None:
    program(tmp_path / ".local/bin/klaude")
    with pytest.raises(NotFound, match="klaude"):
        find_program("klaude", environ(tmp_path, tmp_path))


def test_what_may_not_be_executed_is_remembered(tmp_path: Path) -> None:
    refused = program(tmp_path / "a" / "claude", mode=0o644)
    with pytest.raises(NotExecutable, match=refused):
        find_program("claude", environ(tmp_path, tmp_path / "a", tmp_path / "b"))
    real = program(tmp_path / "b" / "claude")
    assert find_program("claude", environ(tmp_path, tmp_path / "a", tmp_path / "b")) == real


def test_a_folder_of_that_name_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a" / "claude").mkdir(parents=True)
    with pytest.raises(NotFound):
        find_program("claude", environ(tmp_path, tmp_path / "a"))


def test_a_name_with_a_slash_is_a_path(tmp_path: Path) -> None:
    mine = program(tmp_path / "claude", '#!/bin/sh\nexec cc-guard claude "$@"\n')
    assert find_program(mine, environ(tmp_path)) == mine
    with pytest.raises(NotFound):
        find_program(str(tmp_path / "none"), environ(tmp_path))
    with pytest.raises(NotExecutable):
        find_program(str(tmp_path), environ(tmp_path))
    os.chmod(mine, 0o600)
    with pytest.raises(NotExecutable):
        find_program(mine, environ(tmp_path))
