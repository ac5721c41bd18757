"""The user's own status line and our row under it, in the real clients."""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_guard.guard.segment import OwnLine, Segment
from cc_guard.launch import statusline
from cc_guard.launch.session import SessionLaunch, prepare_session
from cc_guard.launch.version import known_version
from tests.standin.api import StandIn
from tests.support.client import box_shown, client_home
from tests.support.recorder import Recorder

pytestmark = pytest.mark.client

SAID = "⏳ cc-guard: waiting for the API"


class Session:
    """A client in a project of its own, started with what the launch makes of `args`."""

    def __init__(self, program: str, folder: Path, api: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        version = known_version(program)
        assert version is not None
        self.version = version
        self.program, self.folder = program, folder
        self.cwd = folder / "my wörk"
        self.cwd.mkdir()
        (self.cwd / ".claude").mkdir()
        self.environ = client_home(folder, ".".join(map(str, version)), self.cwd, api.url)
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(self.cwd)

    def files(self) -> list[str]:
        return statusline.files(os.environ, str(self.cwd), self.version)

    def own(self, file: Path, words: str, **more: object) -> None:
        """A status line in a settings file, which notes what it was given. It says `words` in two rows."""
        command = f"cat >'{self.folder}/given'; echo '{words}'; echo 'two of {words}'"
        line = {"type": "command", "command": command, **more}
        settings = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**settings, "statusLine": line}))

    def start(self, *args: str) -> Recorder:
        self.launch: SessionLaunch = prepare_session(self.program, list(args))
        (spool,) = (word for word in self.launch.words if word.startswith("folder="))
        self.base = os.path.dirname(spool.removeprefix("folder="))
        self.segment = Segment(self.base)
        return Recorder([self.program, *self.launch.args], self.environ, self.cwd, 120, 40)


@pytest.fixture
def session(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Session, StandIn]]:
    with StandIn() as api:
        made = Session(client, tmp_path, api, monkeypatch)
        yield made, api
        made.launch.clean_up()


def rows(screen: Recorder) -> list[str]:
    return screen.screen().rstrip().split("\n")


def wait_until_gone(screen: Recorder, text: str) -> None:
    assert screen.watch(20, lambda: text not in screen.screen()), screen.screen()


def test_theirs_is_kept_and_ours_comes_and_goes(session: tuple[Session, StandIn]) -> None:
    its, _ = session
    its.own(Path(its.files()[0]), "theirs of the user")
    its.own(its.cwd / ".claude" / "settings.local.json", "theirs", padding=5)
    with its.start() as screen:
        screen.wait_for("two of theirs")
        assert screen.watch(30, lambda: box_shown(screen.screen()))
        given = json.loads((its.folder / "given").read_text())
        assert given["session_id"] in its.launch.args
        # `padding` is from the file alone: the client lays our command over it.
        assert re.search(r"^ {7}theirs\b", screen.screen(), re.MULTILINE), screen.screen()
        assert "of the user" not in screen.screen()
        assert "cc-guard" not in screen.screen()

        its.segment.show(SAID)
        screen.prompt("say hello")
        screen.wait_for(SAID)
        at = next(n for n, row in enumerate(rows(screen)) if SAID in row)
        assert rows(screen)[at - 2].startswith(" " * 7 + "theirs")
        assert rows(screen)[at - 1].startswith(" " * 7 + "two of theirs")

        its.segment.show("")
        screen.watch(0.5)
        screen.prompt("say again")
        wait_until_gone(screen, SAID)
        screen.wait_for("two of theirs")


def test_a_dead_guards_words_run_out(session: tuple[Session, StandIn]) -> None:
    its, _ = session
    its.own(Path(its.files()[0]), "theirs")
    with its.start() as screen:
        screen.wait_for("two of theirs")
        assert screen.watch(30, lambda: box_shown(screen.screen()))
        Segment(its.base, lambda: time.time() - 11).show(SAID)
        before = (its.folder / "given").stat().st_mtime_ns
        screen.prompt("say hello")
        assert screen.watch(20, lambda: (its.folder / "given").stat().st_mtime_ns > before)
        screen.watch(1)
        assert os.path.exists(os.path.join(its.base, statusline.SEGMENT))
        assert "cc-guard" not in screen.screen()
        assert "two of theirs" in screen.screen()


def test_another_one_chosen_during_the_session(session: tuple[Session, StandIn]) -> None:
    its, _ = session
    its.own(Path(its.files()[0]), "theirs")
    with its.start() as screen:
        screen.wait_for("two of theirs")
        assert screen.watch(30, lambda: box_shown(screen.screen()))
        its.own(Path(its.files()[0]), "another one")
        OwnLine(its.base, its.files()).follow()
        screen.prompt("say hello")
        screen.wait_for("two of another one")


def test_theirs_in_their_own_settings(session: tuple[Session, StandIn]) -> None:
    its, _ = session
    its.own(Path(its.files()[0]), "theirs of the user")
    file = its.folder / "flag.json"
    its.own(file, "theirs")
    with its.start("--settings", str(file)) as screen:
        screen.wait_for("two of theirs")
        assert screen.watch(30, lambda: box_shown(screen.screen()))
        assert not os.path.exists(os.path.join(its.base, statusline.OWN))
        its.segment.show(SAID)
        screen.prompt("say hello")
        screen.wait_for(SAID)
        assert "of the user" not in screen.screen()


def test_without_one_there_is_none(session: tuple[Session, StandIn]) -> None:
    its, _ = session
    with its.start() as screen:
        assert screen.watch(30, lambda: box_shown(screen.screen()))
        its.segment.show(SAID)
        screen.prompt("say hello")
        screen.wait_for("for shortcuts")
        assert "statusLine" not in " ".join(its.launch.args)
        assert "cc-guard:" not in screen.screen()
