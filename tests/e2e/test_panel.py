"""The panel beside the real client, in tmux: it opens by itself, is no trouble, and goes with the session."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest

from cc_guard import paths
from cc_guard.panel.words import OUTCOMES
from tests.conftest import unavailable
from tests.netns.namespaces import SetupError, missing
from tests.netns.scenario import FOLDER, load
from tests.standin.api import StandIn
from tests.support import terminal as terminals
from tests.support.client import InstallError, box_shown, client_home, installed
from tests.support.guarded import CC_GUARD, guarded
from tests.support.terminal import Terminal

pytestmark = pytest.mark.client

VERSION = "2.1.330"
PATIENCE_S = 60.0
SHOWN_S = 0.5
"""The issue: the incident appears in the panel this long after the hold."""
COLUMNS, ROWS = 140, 40
CALM = "Claude Code gets its answers"
_GONE_S = 10.0
OPTIONS = ("show-options -g", "show-options -gw", "show-options -s", "show-options", "show-options -w")


class Window:
    """A session with cc-guard in a window of tmux."""

    def __init__(
        self, folder: Path, api: StandIn, *options: str, columns: int = COLUMNS, **environ: str
    ) -> None:
        work = folder / "work"
        work.mkdir()
        claude = installed(VERSION)
        self.env = client_home(folder, VERSION, work, api.url) | environ
        self.env["PATH"] = f"{claude.parent}:{self.env['PATH']}"
        self.api = api
        argv = [str(CC_GUARD), *options, "claude"]
        self.terminal = Terminal(argv, self.env, work, columns, ROWS)
        self.client = self.tmux("display-message", "-p", "#{pane_id}")
        self.relay = self.terminal.pid

    def tmux(self, *words: str) -> str:
        return self.terminal._tmux(*words).strip()

    def panes(self) -> list[str]:
        return self.tmux("list-panes", "-F", "#{pane_id}").splitlines()

    @property
    def panel(self) -> str:
        """The pane of the panel, as soon as there is one."""
        self.until(lambda: len(self.panes()) == 2, "no pane")
        return next(pane for pane in self.panes() if pane != self.client)

    def screen(self, pane: str) -> str:
        return self.terminal._tmux("capture-pane", "-p", "-t", pane)

    def shows(self, pane: str, wanted: str, patience_s: float = PATIENCE_S) -> str:
        self.until(lambda: wanted in self.screen(pane), f"no {wanted!r}", patience_s)
        return self.screen(pane)

    def focus(self) -> str:
        return self.tmux("display-message", "-p", "#{pane_id}")

    def until(self, met: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        end = time.monotonic() + patience_s
        while not met():
            if time.monotonic() > end:
                screens = "\n".join(self.screen(pane) for pane in self.panes())
                log = Path(self.env["XDG_STATE_HOME"]) / "cc-guard" / "guard.log"
                said = log.read_text() if log.exists() else ""
                raise AssertionError(f"{what}:\n{screens}\n{said}")
            time.sleep(0.03)

    def ready(self) -> None:
        self.until(lambda: box_shown(self.screen(self.client)), "the client does not start")
        time.sleep(1.5)

    def prompt(self, text: str) -> None:
        self.tmux("send-keys", "-t", self.client, "-l", "--", text)
        self.shows(self.client, text)
        time.sleep(0.6)
        self.tmux("send-keys", "-t", self.client, "Enter")

    def fail(self) -> None:
        self.api.set_fault("reset")
        self.prompt("say back again")

    def held(self) -> bool:
        """Whether the client is stopped."""
        with contextlib.suppress(psutil.Error):
            return any(
                one.status() == psutil.STATUS_STOPPED
                for one in psutil.Process(self.relay).children(recursive=True)
            )
        return False

    def process(self, module: str) -> psutil.Process | None:
        """Of the guard, or of the panel."""
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = one.cmdline()
                mine = one.environ().get("HOME") == self.env["HOME"]
                if mine and module in words and "python" in words[0]:
                    return one
        return None

    def processes(self) -> list[psutil.Process]:
        """All that this session has started, whatever has become of their parents."""
        found = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                mine = one.environ().get("HOME") == self.env["HOME"] and one.status() != psutil.STATUS_ZOMBIE
                if mine and not {"tmux", "sleep"}.intersection(" ".join(one.cmdline()).split()):
                    found.append(one)
        return found

    def sockets(self) -> list[Path]:
        """Of the guard, wherever there was room for its path."""
        with patch.dict(os.environ, self.env, clear=True):
            folders = [Path(paths.runtime_dir()), Path(paths.socket_dir())]
        found = {path for folder in folders for path in folder.glob("*") if path.is_socket()}
        if not found and folders[0] != folders[1]:
            folders[1].rmdir()  # which looking for it has made
        return list(found)

    def leave(self) -> None:
        """As users do: two Ctrl-C."""
        end = time.monotonic() + PATIENCE_S
        while psutil.pid_exists(self.relay) and psutil.Process(self.relay).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, self.screen(self.client)
            self.tmux("send-keys", "-t", self.client, "C-c")
            time.sleep(0.3)
            self.tmux("send-keys", "-t", self.client, "C-c")
            time.sleep(0.7)


def recovered(panel: str) -> bool:
    """All is well again, and among the last incidents is one that has ended so."""
    return CALM in panel and f"{OUTCOMES['recovered'][0]} " in panel.partition(CALM)[2]


Open = Callable[..., Window]


@pytest.fixture
def window(tmp_path: Path, standin: StandIn) -> Iterator[Open]:
    if not terminals.available:
        unavailable("tmux is not installed")
    try:
        installed(VERSION)
    except InstallError as error:
        unavailable(str(error))
    with contextlib.ExitStack() as stack:

        def open_(*options: str, columns: int = COLUMNS, **environ: str) -> Window:
            one = Window(tmp_path, standin, *options, columns=columns, **environ)
            stack.callback(one.terminal.kill)
            return one

        yield open_


def test_it_opens_with_the_session_shows_the_incident_and_goes_with_the_session(window: Open) -> None:
    here = window("--panel", "auto", CC_GUARD_PANEL_WHEN="start")
    before = [here.tmux(*words.split()) for words in OPTIONS]
    panel = here.panel
    here.shows(panel, CALM)
    assert here.focus() == here.client
    width = int(here.tmux("display-message", "-p", "-t", here.client, "#{pane_width}"))
    assert width == COLUMNS - 42 - 1
    here.ready()

    here.terminal.type("typed blindly")  # to whatever has the focus
    assert "typed blindly" not in here.screen(panel)
    here.shows(here.client, "typed blindly")
    here.tmux("send-keys", "-t", here.client, "C-u")

    here.fail()
    here.until(here.held, "the client is not held")
    here.shows(panel, "PAUSED", SHOWN_S)
    assert here.focus() == here.client
    here.api.set_fault("none")
    here.shows(here.client, "● back again")
    here.until(lambda: recovered(here.screen(panel)), "the recovery is not shown")
    assert [here.tmux(*words.split()) for words in OPTIONS] == before

    here.leave()
    here.until(lambda: here.panes() == [here.client], "the panel stays")


def test_it_opens_when_something_is_wrong_and_not_again(window: Open) -> None:
    here = window(CC_GUARD_PANEL="auto")
    here.ready()
    assert here.panes() == [here.client]
    here.fail()
    panel = here.panel
    here.shows(panel, "PAUSED")
    assert here.focus() == here.client

    here.tmux("send-keys", "-t", panel, "r")
    here.until(lambda: not here.held(), "the key does not release it")
    here.api.set_fault("none")
    here.shows(here.client, "● back again")
    here.shows(panel, CALM)

    here.tmux("send-keys", "-t", panel, "q")
    here.until(lambda: here.panes() == [here.client], "q does not close it")
    here.fail()
    here.until(here.held, "the client is not held")
    time.sleep(2.0)
    assert here.panes() == [here.client]


def test_a_question_is_answered_by_a_key_in_the_panel(tmp_path: Path) -> None:
    if reason := missing():
        unavailable(reason)
    fault = "ipv6_first_resets"
    try:
        with guarded(
            tmp_path, load(FOLDER / f"{fault}.toml"), "linux", environ={"CC_GUARD_PANEL": "auto"}
        ) as one:
            one.ready()
            one.turn_into(fault)
            client = one.terminal._tmux("display-message", "-p", "#{pane_id}").strip()
            one.terminal.prompt("say back again")
            one.until(lambda: one.asked() == "ipv6.prefer_v4", "nobody asks")
            panes = one.terminal._tmux("list-panes", "-F", "#{pane_id}").split()
            (panel,) = set(panes) - {client}

            def shown() -> str:
                return one.terminal._tmux("capture-pane", "-p", "-t", panel)

            one.until(lambda: "ASKS YOU" in shown(), "the panel does not ask")
            time.sleep(1.0)  # nobody reads faster
            one.terminal._tmux("send-keys", "-t", panel, "y")
            one.terminal.wait_for("● back again", PATIENCE_S)
            one.until(lambda: recovered(shown()), f"the recovery is not shown:\n{shown()}")
            assert one.actions()[-1] == "ipv6.prefer_v4:ok"
            one.leave()
            one.until(lambda: len(one.terminal._tmux("list-panes").splitlines()) == 1, "the panel stays")
    except (SetupError, InstallError) as error:
        unavailable(str(error))


def test_in_a_narrow_window_it_opens_below(window: Open) -> None:
    here = window("--panel=split", columns=100, CC_GUARD_PANEL_WHEN="start")
    panel = here.panel  # below: 100 columns do not do for both
    here.shows(panel, CALM)
    assert here.tmux("display-message", "-p", "-t", here.client, "#{pane_width}") == "100"
    assert int(here.tmux("display-message", "-p", "-t", here.client, "#{pane_height}")) >= 24


def test_off_is_off(window: Open) -> None:
    here = window("--panel=off", CC_GUARD_PANEL="auto", CC_GUARD_PANEL_WHEN="start")
    here.ready()
    time.sleep(3.0)
    assert here.panes() == [here.client]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_panel_and_guard_are_killed_at_any_time_and_the_session_lives(window: Open, seed: int) -> None:
    chance = random.Random(seed)
    here = window(CC_GUARD_PANEL="auto", CC_GUARD_PANEL_WHEN="start")
    here.ready()
    here.api.set_fault("reset")
    here.prompt("say back again")
    for module in chance.sample(["panel", "cc_guard.guard", "panel"], 3):
        time.sleep(chance.uniform(0.0, 1.5))
        victim = here.process(module)
        if victim is not None:
            victim.kill()
    here.api.set_fault("none")
    here.shows(here.client, "● back again")
    assert len(here.panes()) <= 2
    here.leave()
    here.until(lambda: here.panes() == [here.client], "a panel stays")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 24))])
def test_a_closed_window_leaves_nothing(window: Open, seed: int) -> None:
    chance = random.Random(seed)
    here = window(CC_GUARD_PANEL="auto", CC_GUARD_PANEL_WHEN="start")
    here.shows(here.panel, CALM)
    here.ready()
    here.tmux("new-window", "-d", "sleep", "600")  # so that the server stays
    here.fail()
    if seed % 3:  # else before, at or soon after the hold
        here.until(here.held, "the client is not held")
        time.sleep(chance.uniform(0.0, 1.0))
    if seed % 3 == 2:
        here.api.set_fault("none")
    time.sleep(chance.uniform(0.0, 2.0))
    assert len(here.processes()) >= 5, "relay, shim, guard, panel, client"
    assert here.sockets()
    if seed % 2:
        here.tmux("kill-window", "-t", here.client)
    else:
        psutil.Process(here.relay).send_signal(signal.SIGHUP)  # what a terminal says that only hangs up
    end = time.monotonic() + _GONE_S
    while (left := here.processes()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left, [(one.pid, one.status(), one.cmdline()) for one in left if one.is_running()]
    assert not here.sockets()
