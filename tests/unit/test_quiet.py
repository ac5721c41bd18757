"""What a session says without being asked: in the status line, in the title, on the desktop."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cc_guard.guard.arguments import Arguments
from cc_guard.guard.quiet import DOWN, GOES_ON, HELD, QuietChannels
from cc_guard.incident.state import Care, Question, Report, State
from cc_guard.launch import statusline
from cc_guard.settings import Notify, Title

VERSION = (2, 1, 330)
REPORT = Report(0.0, "connection")
HELD_STATE = State(phase="held", report=REPORT, probing_since=0.0, unanswered=100.0)
QUESTION = Question("1", "dns.flush", "Flush the cache", 2)


class Stage:
    def __init__(self, folder: Path, title: bool = True) -> None:
        self.now = 100.0
        self.said: list[str] = []
        spool = folder / "spool"
        spool.mkdir()
        arguments = Arguments((0, 1), folder=str(spool), version=VERSION)
        settings = SimpleNamespace(notify=Notify(title=title), title=Title())
        frames = SimpleNamespace(complete=True, stale=False, offset=7)
        port = SimpleNamespace(say=self._say)
        self.quiet = QuietChannels(
            arguments, cast(Any, settings), cast(Any, port), cast(Any, frames), lambda: self.now
        )

    def _say(self, offset: int, data: bytes) -> None:
        self.said.append(data.decode().replace("\x1b]9;Claude Code: ", "<").replace("\x1b\\", ">"))

    def live(self, state: State, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            self.now += 0.1
            self.quiet.tick(replace(state, unanswered=self.now))
            self.quiet.event(["said"])


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name in ("TMUX", "STY", "ZELLIJ"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
    return Stage(tmp_path)


def test_a_long_hold_is_told_and_its_end(stage: Stage) -> None:
    stage.live(HELD_STATE, 2)
    assert stage.said == []
    stage.live(HELD_STATE, 30)
    assert stage.said == [f"<{HELD}>"]
    stage.quiet.over(replace(REPORT, outcome="open"))
    stage.live(State(), 0.5)
    stage.quiet.over(replace(REPORT, outcome="recovered"))
    assert stage.said == [f"<{HELD}>", f"<{GOES_ON}>"]


def test_a_short_one_is_not(stage: Stage) -> None:
    stage.live(HELD_STATE, 2)
    stage.quiet.over(replace(REPORT, outcome="recovered"))
    stage.live(State(), 5)
    assert stage.said == []


@pytest.mark.parametrize("outcome", ["released", "failed", "abandoned"])
def test_only_a_recovery_is_one(outcome: Any, stage: Stage) -> None:
    stage.live(replace(HELD_STATE, phase="down"), 5)
    stage.quiet.over(replace(REPORT, outcome=outcome))
    assert stage.said == [f"<{DOWN}>"]


def test_a_question_is_told_at_once_and_once(stage: Stage) -> None:
    asking = replace(HELD_STATE, phase="down", care=Care(question=QUESTION))
    stage.live(asking, 1)
    assert stage.said == ["<cc-guard asks: Flush the cache>"]
    stage.live(replace(asking, care=Care(question=replace(QUESTION, id="2", title="Restart"))), 1)
    assert stage.said[1:] == ["<cc-guard asks: Restart>"]


def test_a_question_during_a_hold_is_in_the_title(stage: Stage, tmp_path: Path) -> None:
    stage.live(replace(HELD_STATE, care=Care(question=QUESTION)), 1)
    words = "cc-guard asks: Flush the cache"
    assert stage.said == [f"\x1b]0;{words}\x07<{words}>"]
    (tmp_path / "other").mkdir()
    without = Stage(tmp_path / "other", title=False)
    without.live(replace(HELD_STATE, care=Care(question=QUESTION)), 1)
    assert without.said == [f"<{words}>"]


def test_the_segment_lives_in_the_sessions_folder(stage: Stage, tmp_path: Path) -> None:
    segment = tmp_path / statusline.SEGMENT
    stage.live(replace(HELD_STATE, phase="down"), 1)
    assert segment.read_text().split("\n")[1] == "⏳ cc-guard: waiting for the API"
    stage.quiet.close()
    assert not segment.exists()


def test_the_users_status_line_is_followed(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "again").mkdir()
    statusline.write(str(tmp_path / "again"), "old")
    user = tmp_path / "claude" / "settings.json"
    user.parent.mkdir()
    user.write_text('{"statusLine": {"type": "command", "command": "new"}}')
    Stage(tmp_path / "again").live(State(), 0.2)
    assert (tmp_path / "again" / statusline.OWN).read_text() == "new\n"
    assert not os.path.exists(tmp_path / statusline.OWN)


def test_without_hooks_there_is_no_folder(stage: Stage) -> None:
    settings = SimpleNamespace(notify=Notify(), title=Title())
    frames = SimpleNamespace(complete=True, stale=False, offset=7)
    quiet = QuietChannels(Arguments((0, 1)), cast(Any, settings), cast(Any, None), cast(Any, frames))
    quiet.tick(State())
    quiet.frame()
    quiet.close()
