"""The client's version without running the client, and with."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from cc_guard.client import version as measured
from cc_guard.launch.version import cache_file, known_version, parse

PACKAGE = "@anthropic-ai/claude-code"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def file(path: Path, text: str = "\x7fELF") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def package(folder: Path, name: str, version: str) -> None:
    file(
        folder / "package.json",
        json.dumps({"name": name, "version": version, "bin": {"claude": "x"}}, indent=2),
    )


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.1.330", (2, 1, 330)),
        ("2.1.330 (Claude Code)\n", (2, 1, 330)),
        ("1.0.120-beta.1", (1, 0, 120)),
        ("2.1", None),
        ("v2.1.3", None),
        ("2.1.x", None),
        ("", None),
        ("٢.١.٣", None),
    ],
)
def test_parse(text: str, version: tuple[int, int, int] | None) -> None:
    assert parse(text) == version


@pytest.mark.parametrize("client", ["cli.js", "bin/claude.exe"])
def test_npm_package(client: str, tmp_path: Path) -> None:
    folder = tmp_path / "lib/node_modules/@anthropic-ai/claude-code"
    package(folder, PACKAGE, "2.0.60")
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "claude"
    link.symlink_to(file(folder / client))
    assert known_version(str(link)) == (2, 0, 60)


def test_platform_package(tmp_path: Path) -> None:
    package(tmp_path, f"{PACKAGE}-linux-x64", "2.1.330")
    assert known_version(file(tmp_path / "claude")) == (2, 1, 330)


def test_a_package_of_another_name_is_not_believed(tmp_path: Path) -> None:
    package(tmp_path, "claude-local", "0.0.1")
    assert known_version(file(tmp_path / "claude")) is None


@pytest.mark.parametrize(
    "path",
    [
        ".local/share/claude/versions/2.1.5",
        "opt/homebrew/Caskroom/claude-code/2.1.5/claude",
        "opt/homebrew/Caskroom/claude-code@latest/2.1.5/claude",
        "nix/store/0c1hz-claude-code-2.1.5/bin/claude",
        ".local/share/mise/installs/claude/2.1.5/claude",
    ],
)
def test_a_folder_says_it(path: str, tmp_path: Path) -> None:
    assert known_version(file(tmp_path / path)) == (2, 1, 5)


@pytest.mark.parametrize("path", [".nvm/versions/node/22.1.0/bin/claude", "opt/python/3.11.2/bin/claude"])
def test_the_version_of_something_else_is_not_believed(path: str, tmp_path: Path) -> None:
    assert known_version(file(tmp_path / path)) is None


def test_a_comment_at_the_top_of_cli_js(tmp_path: Path) -> None:
    text = "#!/usr/bin/env node\n\n// (c) Anthropic PBC.\n\n// Version: 1.0.120\n\nimport{x}from'y';"
    assert known_version(file(tmp_path / "cli.js", text)) == (1, 0, 120)


def test_the_script_of_the_local_installer(tmp_path: Path) -> None:
    local = tmp_path / ".claude/local"
    package(local, "claude-local", "0.0.1")
    folder = local / "node_modules/@anthropic-ai/claude-code"
    package(folder, PACKAGE, "1.0.120")
    (local / "node_modules/.bin").mkdir()
    (local / "node_modules/.bin/claude").symlink_to(file(folder / "cli.js"))
    script = file(local / "claude", f'#!/bin/bash\nexec "{local}/node_modules/.bin/claude" "$@"')
    assert known_version(script) == (1, 0, 120)


@pytest.mark.parametrize("path", ["/nowhere/claude", "/", "/dev/null"])
def test_nothing_known(path: str) -> None:
    assert known_version(path) is None


def test_the_cache_holds_until_the_file_changes(tmp_path: Path) -> None:
    client = file(tmp_path / "a b\n" / "clàude")
    other = file(tmp_path / "other")
    measured.remember(client, (2, 1, 9))
    measured.remember(other, (2, 1, 8))
    assert known_version(client) == (2, 1, 9)
    assert known_version(other) == (2, 1, 8)
    assert os.stat(cache_file()).st_mode & 0o777 == 0o600
    os.utime(client, (1, 1))
    assert known_version(client) is None
    measured.remember(client, (2, 1, 10))
    assert known_version(client) == (2, 1, 10)
    assert len(Path(cache_file()).read_text().splitlines()) == 2


def test_a_damaged_cache_is_no_cache(tmp_path: Path) -> None:
    client = file(tmp_path / "claude")
    Path(cache_file()).write_bytes(b"\xff\x00 garbage")
    assert known_version(client) is None
    measured.remember(client, (2, 1, 9))
    assert known_version(client) == (2, 1, 9)


def test_measured_and_remembered(tmp_path: Path) -> None:
    client = file(tmp_path / "claude", '#!/bin/sh\ntest "$1" = --version && echo "2.1.9 (Claude Code)"\n')
    assert asyncio.run(measured.measure_version(client)) == (2, 1, 9)
    assert known_version(client) == (2, 1, 9)


@pytest.mark.parametrize("said", ["2.1.9", "claude: no such option", ""])
def test_another_program_has_no_version(said: str, tmp_path: Path) -> None:
    client = file(tmp_path / "claude", f"#!/bin/sh\necho '{said}'\n")
    assert asyncio.run(measured.measure_version(client)) is None
    assert known_version(client) is None


def test_what_does_not_answer_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "_DEADLINE_S", 0.3)
    client = file(tmp_path / "claude", f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/pid\nwait\n")
    assert asyncio.run(measured.measure_version(client)) is None
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while _runs(pid):
        assert time.monotonic() < deadline, "its child still runs"
        time.sleep(0.01)


def test_what_can_not_be_run_has_none(tmp_path: Path) -> None:
    assert asyncio.run(measured.measure_version(str(tmp_path / "none"))) is None


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return stat.rpartition(")")[2].split()[0] != "Z"
