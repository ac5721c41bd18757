"""The panel that opens by itself: in which terminals, by which words, and when it does not.

tmux is the real one in e2e/test_panel.py; the others are fakes after their documentation.
"""

import asyncio
import fcntl
import json
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cc_guard import cli
from cc_guard.diagnose import processes
from cc_guard.diagnose.processes import Process
from cc_guard.guard import opener
from cc_guard.guard.opener import Opener, command
from cc_guard.incident.state import State
from cc_guard.terminals import recognise, terminal
from cc_guard.terminals.terminal import Split, split
from tests.fakes import put

TMUX = {"TMUX": "/tmp/tmux-1/default,1,0", "TMUX_PANE": "%3"}
ZELLIJ = {"ZELLIJ": "0", "ZELLIJ_PANE_ID": "4"}
KITTY = {"KITTY_WINDOW_ID": "5", "KITTY_LISTEN_ON": "unix:/tmp/kitty"}
WEZTERM = {"TERM_PROGRAM": "WezTerm", "WEZTERM_PANE": "6"}
ITERM2 = {"TERM_PROGRAM": "iTerm.app"}
WINDOWS = {"WT_SESSION": "a-b-c", "WSL_DISTRO_NAME": "Ubuntu-24.04"}
RETRYING = State(phase="watching")


class Stage:
    """A terminal of `size` columns and rows that is known to nobody but the fakes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.master, self._slave = pty.openpty()
        self.tty = os.ttyname(self._slave)
        self.size(140, 40)
        self.log = folder / "log"
        fakes = put(folder / "bin", "kitten", "wezterm", "zellij", "osascript", "cmd.exe")
        self.environ = {
            "PATH": f"{fakes}:/usr/bin:/bin",
            "FAKE_LOG": str(self.log),
            "FAKE_TTY": self.tty,
            "HOME": "/home/u",
            "XDG_RUNTIME_DIR": "/run/user/1",
        }
        self.now = 100.0
        self.said: list[str] = []

        async def device(pid: int) -> str:
            return self.tty

        monkeypatch.setattr(opener, "device", device)
        monkeypatch.setattr(terminal, "_DEADLINE_S", 20.0)

    def size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def opener(
        self, environ: dict[str, str], panel: str = "auto", when: str = "incident", restarts: int = 0
    ) -> Opener:
        self.environ |= environ
        settings = SimpleNamespace(panel=panel, panel_when=when)
        frames = SimpleNamespace(screen=object(), stale=False, complete=True, last_output=99.0)
        return Opener(
            cast(Any, settings), cast(Any, frames), restarts, self.said.append, self.environ, lambda: self.now
        )

    def live(self, one: Opener, state: State = RETRYING, watched: bool = False, typed: float = 95.0) -> None:
        """One tick, and what comes of it."""

        async def tick() -> None:
            one.tick(state, watched, typed)
            if one._task is not None:
                await one._task

        asyncio.run(tick())

    def calls(self) -> list[list[str]]:
        return [json.loads(row) for row in self.log.read_text().splitlines()] if self.log.exists() else []

    @property
    def panel(self) -> list[str]:
        return command(self.environ, os.getppid())

    def close(self) -> None:
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage(tmp_path, monkeypatch)
    yield made
    made.close()


def in_kitty(stage: Stage, layout: str = "splits", relay: int | None = None) -> dict[str, str]:
    processes = [{"pid": os.getppid() if relay is None else relay, "cmdline": ["cc-guard"], "cwd": "/"}]
    windows = [{"id": 5, "foreground_processes": processes}]
    file = stage.log.parent / "ls"
    file.write_text(json.dumps([{"id": 1, "tabs": [{"id": 1, "layout": layout, "windows": windows}]}]))
    return {**KITTY, "FAKE_KITTY": str(file)}


# -- which terminal


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        (TMUX, "tmux"),
        (TMUX | KITTY, "tmux"),
        (TMUX | {"SSH_CONNECTION": "1 2 3 4"}, "tmux"),
        (ZELLIJ | ITERM2, "zellij"),
        (KITTY, "kitty"),
        (WEZTERM, "WezTerm"),
        (ITERM2, "iTerm2"),
        (WINDOWS, "Windows Terminal"),
        (TMUX | ZELLIJ, None),
        (TMUX | {"STY": "1.tty"}, None),
        (KITTY | {"STY": "1.tty"}, None),
        (KITTY | {"SSH_TTY": "/dev/pts/1"}, None),
        (WINDOWS | {"TERM_PROGRAM": "vscode"}, None),
        ({"KITTY_WINDOW_ID": "5"}, None),
        ({"TMUX": "", "TMUX_PANE": "%3"}, None),
        ({"TERM_PROGRAM": "ghostty"}, None),
        ({}, None),
    ],
)
def test_which_terminal_it_is(environ: dict[str, str], name: str | None) -> None:
    found = recognise(environ)
    assert (found.name if found else None) == name


# -- how much of it


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        (200, 50, ("right", 60)),
        (140, 40, ("right", 42)),
        (119, 40, ("right", 38)),
        (109, 40, ("right", 28)),
        (108, 40, ("below", 15)),
        (80, 60, ("below", 16)),
        (80, 37, ("below", 12)),
        (80, 36, None),
        (79, 60, None),
        (0, 0, None),
    ],
)
def test_the_client_keeps_what_it_needs(columns: int, rows: int, expected: tuple[str, int] | None) -> None:
    found = split(columns, rows)
    assert (None if found is None else (found.side, found.cells)) == expected


def test_where_a_pane_can_only_be_halved() -> None:
    assert split(170, 40, halves=True) == Split("right", 85, 0.5)
    assert split(162, 60, halves=True) == Split("below", 30, 0.5)
    assert split(162, 50, halves=True) is None


# -- the words


def test_the_panel_finds_the_session_from_anywhere() -> None:
    words = command({"HOME": "/h", "XDG_STATE_HOME": "/s", "COLORTERM": "truecolor", "SECRET": "x"}, 77)
    assert os.path.isabs(words[0])
    assert words[-7:] == [sys.executable, "-P", "-m", "cc_guard", "panel", "--session", "77"]
    assert words[1:-7] == [
        *("-u", "XDG_RUNTIME_DIR", "-u", "XDG_CONFIG_HOME", "-u", "XDG_DATA_HOME"),
        *("XDG_STATE_HOME=/s", "HOME=/h", "COLORTERM=truecolor"),
    ]


@pytest.fixture
def in_zellij(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.size(180, 50)
    rows = [(os.getppid(), 50, "cc-guard"), (50, 40, "bash"), (40, 1, "zellij"), (1, 0, "init")]

    async def table(facts: object) -> list[Process]:
        return [Process(pid, parent, name, (), 0.0) for pid, parent, name in rows]

    monkeypatch.setattr(processes, "table", table)


def test_zellij(stage: Stage, in_zellij: None) -> None:
    stage.live(stage.opener(ZELLIJ))
    (call,) = stage.calls()
    assert call[:6] == ["zellij", "run", "--no-focus", "--close-on-exit", "--direction", "right"]
    assert call[call.index("--") + 1 :] == stage.panel


def test_a_terminal_that_was_started_from_zellij(stage: Stage) -> None:
    stage.size(180, 50)
    stage.live(stage.opener(ZELLIJ))
    assert stage.calls() == []
    assert "not in it" in stage.said[0]


def test_a_zellij_that_would_take_the_focus_opens_nothing(stage: Stage, in_zellij: None) -> None:
    one = stage.opener({**ZELLIJ, "FAKE_ZELLIJ": "old"})
    stage.live(one)
    stage.now += 60
    stage.live(one)
    assert len(stage.calls()) == 1
    assert len(stage.said) == 1
    assert "--no-focus" in stage.said[0]
    assert "cc-guard panel" in stage.said[0]


def test_kitty(stage: Stage) -> None:
    stage.live(stage.opener(in_kitty(stage)))
    asked, opened = stage.calls()
    assert asked[:6] == ["kitten", "@", "--to", "unix:/tmp/kitty", "--use-password", "never"]
    assert opened[6:8] == ["launch", "--keep-focus"]
    assert opened[8:16] == ["--type", "window", "--next-to", "id:5", "--location", "vsplit", "--bias", "30"]
    assert opened[18:] == stage.panel


@pytest.mark.parametrize(
    ("other", "why"),
    [({"layout": "tall"}, "splits"), ({"relay": 1}, "not in it")],
    ids=["layout", "a window of another program, started from kitty"],
)
def test_kitty_where_it_would_do_harm(stage: Stage, other: dict[str, Any], why: str) -> None:
    stage.live(stage.opener(in_kitty(stage, **other)))
    assert len(stage.calls()) == 1
    assert why in stage.said[0]


def test_kitty_without_remote_control(stage: Stage) -> None:
    stage.live(stage.opener({**in_kitty(stage), "FAKE_DOES": '{"kitten": "fail"}'}))
    assert len(stage.calls()) == 1
    assert "kitten refuses" in stage.said[0]


def test_wezterm(stage: Stage) -> None:
    stage.live(stage.opener({**WEZTERM, "FAKE_WEZTERM": "6"}))
    pane, focus, opened, back = stage.calls()
    assert pane == ["wezterm", "cli", "list", "--format", "json"]
    assert focus == ["wezterm", "cli", "list-clients", "--format", "json"]
    assert opened[:8] == ["wezterm", "cli", "split-pane", "--pane-id", "6", "--right", "--cells", "42"]
    assert opened[opened.index("--") + 1 :] == stage.panel
    assert back == ["wezterm", "cli", "activate-pane", "--pane-id", "6"]


@pytest.mark.parametrize(
    ("other", "why"), [({"FAKE_TTY": "/dev/pts/999"}, "not in it"), ({"FAKE_ZOOMED": "1"}, "zoomed")]
)
def test_wezterm_where_it_would_do_harm(stage: Stage, other: dict[str, str], why: str) -> None:
    stage.live(stage.opener({**WEZTERM, "FAKE_WEZTERM": "6", **other}))
    assert [call[2] for call in stage.calls()] == ["list"]
    assert why in stage.said[0]


def test_not_while_the_user_is_elsewhere_or_types(stage: Stage) -> None:
    one = stage.opener({**WEZTERM, "FAKE_WEZTERM": "9"})
    stage.live(one, typed=stage.now - 0.5)
    assert stage.calls() == []
    stage.live(one)
    assert [call[2] for call in stage.calls()] == ["list", "list-clients"]
    stage.live(one)
    assert len(stage.calls()) == 2, "asked again at once"
    stage.environ["FAKE_WEZTERM"] = "6"
    stage.now += 6
    stage.live(one)
    assert [call[2] for call in stage.calls()][3:] == ["list-clients", "split-pane", "activate-pane"]
    assert stage.said == []


def test_iterm2(stage: Stage) -> None:
    stage.size(180, 50)
    one = stage.opener({**ITERM2, "FAKE_ITERM2": "elsewhere"})
    stage.live(one)
    stage.environ["FAKE_ITERM2"] = "open"
    stage.now += 6
    stage.live(one)
    stage.now += 6
    stage.live(one)
    assert len(stage.calls()) == 2
    device, side, panel = stage.calls()[1][3:]
    assert (device, side) == (stage.tty, "right")
    assert shlex.split(panel) == stage.panel
    assert stage.tty not in stage.calls()[1][2], "data has no place in the script"


def test_windows_terminal(stage: Stage) -> None:
    stage.live(stage.opener(WINDOWS))
    (call,) = stage.calls()
    assert call[:9] == ["cmd.exe", "/c", "wt.exe", "-w", "0", "split-pane", "-V", "-s", "0.30"]
    assert call[9:15] == ["wsl.exe", "-d", "Ubuntu-24.04", "--cd", "/", "--exec"]
    assert call[15:] == [*stage.panel, ";", "move-focus", "left"]


@pytest.mark.parametrize("since_key_s", [0.5, 60.0])
def test_windows_terminal_only_right_after_typing(stage: Stage, since_key_s: float) -> None:
    stage.live(stage.opener(WINDOWS), typed=stage.now - since_key_s)
    assert stage.calls() == []


@pytest.mark.parametrize("bad", ["a b", "x;y", "%PATH%", "a&b", 'q"', "c^"])
def test_windows_terminal_is_told_plain_words_alone(stage: Stage, bad: str) -> None:
    stage.live(stage.opener(WINDOWS | {"XDG_RUNTIME_DIR": f"/run/{bad}"}))
    assert stage.calls() == []
    assert "cmd.exe" in stage.said[0]


# -- when


def test_the_option() -> None:
    assert cli.split(["--panel", "split", "claude"])[0] == {"panel": "split"}
    assert cli.split(["--panel=off", "claude"])[0] == {"panel": "off"}
    for wrong in (["--panel", "left"], ["--panel="], ["--panel"]):
        with pytest.raises(cli.UsageError, match="--panel"):
            cli.split(wrong)


def test_off_and_a_guard_that_came_later_open_nothing(stage: Stage) -> None:
    for one in (stage.opener(in_kitty(stage), panel="off"), stage.opener(in_kitty(stage), restarts=1)):
        stage.live(one)
    assert stage.calls() == []


@pytest.mark.parametrize("phase", ["idle", "holding", "held", "going", "muted", "fading"])
def test_only_while_the_client_retries_or_has_given_up(stage: Stage, phase: str) -> None:
    stage.live(stage.opener(in_kitty(stage)), State(phase=phase))
    assert stage.calls() == []


def test_with_the_session(stage: Stage) -> None:
    one = stage.opener(in_kitty(stage), when="start")
    stage.now = 99.2
    stage.live(one, State())
    assert stage.calls() == [], "the client still draws"
    stage.now = 100.0
    stage.live(one, State(phase="held"))
    assert stage.calls() == []
    stage.live(one, State())
    assert len(stage.calls()) == 2


def test_once(stage: Stage) -> None:
    one = stage.opener(in_kitty(stage))
    stage.live(one)
    assert one.coming
    stage.now += 1
    stage.live(one, watched=True)
    assert not one.coming
    stage.now += 60
    stage.live(one)
    assert len(stage.calls()) == 2, "its user has closed it"


def test_not_where_somebody_watches_or_has_watched(stage: Stage) -> None:
    one = stage.opener(in_kitty(stage))
    for _ in range(3):
        stage.live(one, watched=True)
        stage.now += 1.5
    stage.live(one)
    assert stage.calls() == []


def test_who_only_asks_has_not_watched(stage: Stage) -> None:
    one = stage.opener(in_kitty(stage))
    stage.live(one, watched=True)
    stage.now += 1
    stage.live(one)
    assert len(stage.calls()) == 2


def test_it_says_why_not_where_it_was_asked_for(stage: Stage) -> None:
    stage.live(stage.opener({"TERM_PROGRAM": "ghostty"}))
    assert stage.said == []
    one = stage.opener({"TERM_PROGRAM": "ghostty"}, panel="split")
    for _ in range(3):
        stage.live(one)
    assert len(stage.said) == 1
    assert "cc-guard panel" in stage.said[0]


def test_it_opens_when_the_window_has_become_large_enough(stage: Stage) -> None:
    stage.size(90, 30)
    one = stage.opener(in_kitty(stage), panel="split")
    for _ in range(3):
        stage.live(one)
        stage.now += 6
    assert stage.calls() == []
    assert len(stage.said) == 1
    stage.size(140, 40)
    stage.live(one)
    assert len(stage.calls()) == 2


def test_a_terminal_that_does_not_answer_is_left_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_DEADLINE_S", 1.0)
    stage.live(stage.opener({**in_kitty(stage), "FAKE_DOES": '{"kitten": "hang"}'}))
    assert "does not answer" in stage.said[0]


def test_a_program_from_the_current_folder_is_not_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stage.log.parent)
    stage.live(stage.opener({**in_kitty(stage), "PATH": "bin"}))
    assert stage.calls() == []
    assert "there is no kitten" in stage.said[0]


def test_the_device_of_a_process() -> None:
    master, slave = pty.openpty()
    try:
        for stdin, expected in ((slave, os.ttyname(slave)), (subprocess.PIPE, "")):
            with subprocess.Popen(["sleep", "60"], stdin=stdin, start_new_session=True) as process:
                try:
                    assert asyncio.run(opener.device(process.pid)) == expected
                finally:
                    process.kill()
    finally:
        os.close(master)
        os.close(slave)
