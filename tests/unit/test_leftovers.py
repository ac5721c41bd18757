"""What dead sessions left behind goes; what somebody may still need stays."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from cc_guard import paths
from cc_guard.guard.leftovers import sweep


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return Path(paths.runtime_dir())


def session(folder: Path, name: str, *parts: str) -> Path:
    path = folder / f"session-{name}"
    for part in parts:
        (path / part).mkdir(parents=True)
    (path / paths.LOCK).touch()
    return path


def test_a_killed_session_goes_and_a_living_one_stays(folder: Path) -> None:
    killed = session(folder, "killed", "spool/new")
    living = session(folder, "living", "spool/new")
    with (living / paths.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep()
    assert not killed.exists()
    assert living.exists()


def test_a_session_that_is_being_made_stays(folder: Path) -> None:
    path = folder / "session-new"
    path.mkdir()
    sweep()
    assert path.exists()


def test_settings_for_a_background_job_stay_for_a_week(folder: Path) -> None:
    kept = session(folder, "background", "settings")
    sweep()
    assert kept.exists()
    old = time.time() - 8 * 24 * 3600
    os.utime(kept, (old, old))
    sweep()
    assert not kept.exists()


def test_files_of_others_are_not_touched(folder: Path) -> None:
    other = folder / "guard.sock"
    other.touch()
    sweep()
    assert other.exists()
