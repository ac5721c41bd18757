"""What the start of a session needs of profiles: whether they are right, and the one line at its end."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cc_guard import settings_cache
from cc_guard.profile import checked, first_run, names, note
from cc_guard.profile.first_run import first_run_line, took
from tests.unit.profile_home import Home, empty


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in settings_cache.variables():
        monkeypatch.delenv(name)
    return empty(tmp_path, monkeypatch)


# The line


def test_the_line() -> None:
    line = first_run_line("macos-tart", "os: macos; command tart: on the PATH", "")
    assert line == (
        "cc-guard: the profile of this machine is macos-tart (os: macos; command tart: on the PATH)."
        " More: cc-guard profiles which"
    )


@pytest.mark.parametrize(("name", "told"), [("linux", "linux"), ("", ""), ("", "linux")])
def test_nothing_new(name: str, told: str) -> None:
    assert first_run_line(name, "why", told) == ""


def test_another_profile_than_the_last_time_is_new() -> None:
    assert "wsl2-docker" in first_run_line("wsl2-docker", "wsl: 2", "wsl2")


def test_it_is_told_once(home: Home) -> None:
    assert first_run.tell() == ""
    took("linux", "os: linux")
    assert first_run.tell() == first_run_line("linux", "os: linux", "")
    assert first_run.tell() == ""
    took("linux", "os: linux; wsl: none")
    assert first_run.tell() == ""
    took("container", "container: docker")
    assert "container: docker" in first_run.tell()
    assert first_run.tell() == ""


def test_it_stays_one_line_whatever_is_in_it(home: Home) -> None:
    took("mi\nne", "os: linux\r\n\x1b[2J")
    assert first_run.tell().count("\n") == 0
    assert "\x1b" not in first_run.tell()
    assert first_run.tell() == ""


def test_the_note_is_private(home: Home) -> None:
    took("linux", "why")
    (file,) = home.state.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.state.stat().st_mode) == 0o700


def test_without_a_place_for_the_note_nothing_is_told(home: Home) -> None:
    home.state.parent.mkdir(parents=True)
    home.state.write_text("in the way")
    took("linux", "why")
    assert first_run.tell() == ""


def test_what_can_not_be_noted_as_told_is_not_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    took("linux", "why")
    monkeypatch.setattr(note, "write", lambda name, text: False)
    assert first_run.tell() == ""


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"linux", b"\n\n\n\n", b"a\nb\nc\nd" * 99_999])
def test_a_damaged_note(home: Home, content: bytes) -> None:
    home.state.mkdir(parents=True)
    (home.state / "profile").write_bytes(content)
    first_run.tell()
    took("wsl2", "wsl: 2")
    assert "wsl2" in first_run.tell()


# The check


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The children that were started."""
    started: list[object] = []
    run = subprocess.run

    def counted(command: list[str], **more: object) -> object:
        started.append(command)
        return run(command, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", counted)
    return started


def test_a_name_alone_is_looked_up_without_a_child(children: list[object]) -> None:
    assert checked.wrong({}) == ""
    assert checked.wrong({"profile": "auto"}) == ""
    assert checked.wrong({"profile": "macos-tart"}) == ""
    found = checked.wrong({"profile": "macos-trat"})
    assert found == "There is no profile macos-trat.\nDid you mean macos-tart?"
    assert children == []


def test_a_name_that_resembles_none() -> None:
    first, second = names.unknown("xyz\n").split("\n")
    assert first == "There is no profile xyz\\n."
    assert second.startswith("There are: auto, container, generic,")


def test_the_name_of_variables_and_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.config.mkdir(parents=True)
    (home.config / "config.toml").write_text("profile = 'wsl3'")
    assert checked.wrong({}) == "There is no profile wsl3.\nDid you mean wsl2?"
    monkeypatch.setenv("CC_GUARD_PROFILE", "linux")
    assert checked.wrong({}) == ""
    assert checked.wrong({"profile": "lynux"}) == "There is no profile lynux.\nDid you mean linux?"


def test_settings_that_are_wrong_are_for_the_caller(home: Home) -> None:
    home.config.mkdir(parents=True)
    (home.config / "config.toml").write_text("profil = 'wsl2'")
    with pytest.raises(settings_cache.SettingsError, match="unknown key profil"):
        checked.wrong({})


def test_own_files_are_checked_once_until_something_changes(home: Home, children: list[object]) -> None:
    path = home.write("mine", "priority = 1")
    for _ in range(3):
        assert checked.wrong({}) == ""
    assert len(children) == 1
    path.write_text("priority = 12")
    assert checked.wrong({}) == ""
    home.write("other", "")
    assert checked.wrong({}) == ""
    assert checked.wrong({"profile": "other"}) == ""
    assert len(children) == 4
    path.unlink()
    assert checked.wrong({"profile": "other"}) == ""
    assert checked.wrong({"profile": "mine"}).startswith("There is no profile mine.")
    assert len(children) == 6


def test_a_mistake_in_any_own_file_is_told_every_time(home: Home, children: list[object]) -> None:
    path = home.write("mine", "x = 1\ny = 2\nz = 3")
    for _ in range(2):
        first, second = checked.wrong({}).split("\n")
        assert first == f"{path}, line 1: unknown key x."
        assert second.endswith(" (2 more to correct)")
    assert len(children) == 2


def test_a_child_that_fails_stops_no_session(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write("mine", "x = 1")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert checked.wrong({}) == ""
    monkeypatch.setattr(sys, "executable", "/bin/true")
    assert checked.wrong({}) == ""


def test_a_folder_of_profiles_that_can_not_be_read(home: Home) -> None:
    home.config.mkdir(parents=True)
    home.own.write_text("a file in the way")
    assert checked.wrong({}) == ""


@pytest.mark.skipif(os.getuid() == 0, reason="root can read everything")
def test_a_folder_without_permission(home: Home) -> None:
    home.write("mine", "x = 1")
    home.own.chmod(0)
    try:
        assert checked.wrong({}) == ""
    finally:
        home.own.chmod(0o700)
