"""After a session: taking back what its guard has left is not in the user's way."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cc_guard.remedies import at_end

SLOW = """#!/bin/sh
echo started >> "$STEPS"; sleep 0.6; echo finished >> "$STEPS"
"""


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    state = tmp_path / "state" / "cc-guard" / "undo"
    state.mkdir(parents=True)
    (state / "1.json").write_text("{}")
    program = tmp_path / "python"
    program.write_text(SLOW)
    program.chmod(0o755)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("STEPS", str(tmp_path / "steps"))
    monkeypatch.setattr(sys, "executable", str(program))
    return tmp_path / "steps"


def until(steps: Path, word: str) -> None:
    end = time.monotonic() + 5
    while not (steps.exists() and word in steps.read_text()):
        assert time.monotonic() < end, word
        time.sleep(0.01)


def test_it_is_waited_for(steps: Path) -> None:
    at_end.sweep()
    assert steps.read_text() == "started\nfinished\n"


def test_a_ctrl_c_ends_the_waiting_and_not_the_work(steps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        until(steps, "started")
        assert os.getsid(process.pid) != os.getsid(0), "the terminal's Ctrl-C is not for it"
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(subprocess.Popen, "wait", interrupted)
        at_end.sweep()
    until(steps, "finished")


def test_nothing_is_started_for_nothing(steps: Path) -> None:
    for entry in (steps.parent / "state" / "cc-guard" / "undo").iterdir():
        entry.unlink()
    at_end.sweep()
    assert not steps.exists()
