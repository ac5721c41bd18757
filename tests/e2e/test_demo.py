"""`cc-guard demo` as a new user sees it, in a terminal of 80x24: from the screen alone it is plain what
happened, why, and what was done; and nothing of it is left, however it ends."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cc_guard.demo import network, ours
from cc_guard.demo.scenarios import SCENARIOS
from tests.conftest import unavailable
from tests.proofs.outage import CC_GUARD
from tests.support import terminal
from tests.support.terminal import Terminal

pytestmark = pytest.mark.timeout(240)

SHELL = ("sh", "-c", '"$@"; echo "ended with $?"; exec sleep 1000', "sh")
STARTS_S, STORY_S, ENDS_S = 40.0, 90.0, 40.0


@dataclass
class Place:
    """A home and a folder for temporary files that nobody else uses."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        dropped = ("XDG_", "CC_GUARD", "ANTHROPIC_", "CLAUDE", "TMUX")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        return kept | {
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
        }

    def processes(self) -> list[str]:
        """Of the demo, however they were started."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(ours.VARIABLE, "").startswith(str(self.folder)):
                    found.append(" ".join(process.cmdline()))
        return found

    def left(self) -> list[str]:
        """Processes and files, beside the two folders themselves."""
        return [*self.processes(), *(str(path) for path in self.folder.glob("*/**/*"))]

    def left_after(self, seconds: float) -> list[str]:
        end = time.monotonic() + seconds
        while (found := self.left()) and time.monotonic() < end:
            time.sleep(0.2)
        return found


@pytest.fixture
def place() -> Iterator[Place]:
    if not terminal.available:
        unavailable("tmux is not installed")
    folder = Path(tempfile.mkdtemp(prefix="demo-"))  # not under tmp_path: a socket's path is short
    (folder / "home").mkdir()
    (folder / "tmp").mkdir()
    yield Place(folder)
    shutil.rmtree(folder, ignore_errors=True)


def started(place: Place, *words: str) -> Terminal:
    """From a shell, which says how it ended."""
    return Terminal([*SHELL, str(CC_GUARD), "demo", *words], place.environ, place.folder, 80, 24)


def demo(screen: Terminal) -> psutil.Process:
    return psutil.Process(screen.pid).children()[0]


def read(screen: str) -> str:
    """As people read it: rows that go on are one line."""
    return re.sub(r"[\s▌]+", " ", screen)


def sees(screen: Terminal, text: str, timeout: float) -> str:
    return read(screen.wait_for(lambda shown: text in read(shown), timeout))


@pytest.mark.parametrize(
    ("name", "during", "after", "told", "paused"),
    [
        ("outage", "The API is gone", "the answer came", "goes on after a pause", True),
        pytest.param(
            "ports",
            "holds all 40 local ports",
            "the demo said yes for you",
            "ports.widen: ok",
            True,
            marks=pytest.mark.long,
        ),
        pytest.param(
            "ipv6",
            "IPv6 is cut off",
            "the demo said yes for you",
            "ipv6.prefer_v4: ok",
            True,
            marks=pytest.mark.long,
        ),
        pytest.param(
            "login",
            "Refused",
            "cc-guard started it with --resume",
            "nudge: ok",
            False,
            marks=pytest.mark.long,
        ),
        pytest.param(
            "tart",
            "Connections are cut off",
            "The machine is started again",
            "tart.suspend: ok",
            True,
            marks=pytest.mark.long,
        ),
        pytest.param(
            "server",
            "503: the API has a fault",
            "changed nothing and wrote down",
            "server_error 503",
            False,
            marks=pytest.mark.long,
        ),
    ],
)
def test_the_story(place: Place, name: str, during: str, after: str, told: str, paused: bool) -> None:
    needed = SCENARIOS[name].network
    if needed and not network.can_have(needed):
        unavailable("users may not make networks here")
    began = time.monotonic()
    with started(place, name) as screen:
        first = sees(screen, "This is not Claude Code", STARTS_S)
        assert f"STAND-IN for Claude Code · cc-guard demo {name}" in first
        sees(screen, "In 5 s", STARTS_S)
        sees(screen, during, STARTS_S)
        if paused:
            screen.wait_for("attempt 2/10", STARTS_S)
            time.sleep(1.0)
            time.sleep(2.0)
            assert "retrying in 1s · attempt 2/10" in screen.screen()
        story = sees(screen, after, STORY_S)
        assert "● And this answer came after the trouble" in story
        end = sees(screen, "cc-guard demo --list", ENDS_S)
        sees(screen, "ended with 0", ENDS_S)
        assert "In short: " in end
        assert after in end
        assert told in end
        assert place.left_after(ENDS_S) == []
        assert time.monotonic() - began < 75


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, *(pytest.param(one, marks=pytest.mark.long) for one in (signal.SIGTERM, signal.SIGHUP))],
)
def test_killed(place: Place, number: signal.Signals) -> None:
    """In the middle of a pause."""
    with started(place, "outage") as screen:
        screen.wait_for("attempt 2/10", STARTS_S)
        time.sleep(1.0)
        assert len(place.processes()) >= 4
        demo(screen).send_signal(number)
        assert place.left_after(ENDS_S) == []


@pytest.mark.long
def test_its_terminal_is_closed(place: Place) -> None:
    with started(place, "outage") as screen:
        screen.wait_for("attempt 2/10", STARTS_S)
    assert place.left_after(ENDS_S) == []


def test_the_keeper_is_killed(place: Place) -> None:
    with started(place, "outage") as screen:
        screen.wait_for("This is not Claude Code", STARTS_S)
        next(one for one in demo(screen).children() if "cc_guard.demo.keeper" in one.cmdline()).kill()
        screen.wait_for("ended with", STORY_S)
        assert place.left_after(ENDS_S) == []


@pytest.mark.parametrize(
    "when", [pytest.param("This is not Claude Code", marks=pytest.mark.long), "attempt 2/10"]
)
def test_ended_by_the_user(place: Place, when: str) -> None:
    with started(place) as screen:
        screen.wait_for(when, STARTS_S)
        time.sleep(1.0)
        screen.key("C-c")
        end = sees(screen, "ended with 130", ENDS_S)
        assert "The demo was ended. Nothing of it is left." in end
        assert place.left_after(ENDS_S) == []


def run(place: Place, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(CC_GUARD), "demo", *words],
        env=place.environ | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_no_place_for_it(place: Place) -> None:
    """One line says why."""
    for done, why in (
        (run(place), "needs a terminal"),
        (run(place, CC_GUARD="1"), "inside a guarded session"),
        (run(place, "nonsense"), "invalid choice"),
    ):
        assert done.returncode == 2
        assert why in done.stderr.strip().splitlines()[-1]
    assert place.left() == []


def test_the_list(place: Place) -> None:
    listed = run(place, "--list")
    assert listed.returncode == 0
    assert [row.split()[0] for row in listed.stdout.splitlines()[1:]] == list(SCENARIOS)


def test_a_terminal_that_is_too_small(place: Place) -> None:
    with Terminal([*SHELL, str(CC_GUARD), "demo"], place.environ, place.folder, 50, 24) as screen:
        assert "needs 60x20" in sees(screen, "ended with 2", ENDS_S)
