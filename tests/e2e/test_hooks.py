"""Our hooks, the user's own hooks and the transcript in the real clients."""

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cc_guard import paths
from cc_guard.channels import facts, spool
from cc_guard.channels.transcript import TranscriptTail, transcript_path
from cc_guard.client.version import measure_version
from cc_guard.launch import arguments, settings_file
from cc_guard.launch.version import known_version
from tests.standin.api import StandIn
from tests.support.client import client_home
from tests.support.recorder import Recorder

pytestmark = pytest.mark.client


@dataclass
class Session:
    """One client on a terminal, started with what `arguments.prepare` makes of the user's `args`."""

    program: str
    folder: Path
    api: StandIn
    args: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        version = known_version(self.program)
        assert version is not None
        self.version = version
        self.cwd = self.folder / "my wörk"
        self.spool = str(self.folder / "sp ool's")
        spool.create(self.spool)
        self.file = self.folder / settings_file.NAME
        self.file.unlink(missing_ok=True)
        self.launch = arguments.prepare(
            self.args,
            self.version,
            arguments.new_session_id(os.urandom(16)),
            os.path.join(paths.shipped("hooks"), "cc-guard-hook"),
            self.spool,
            str(self.file),
            settings_file.read,
        )
        assert self.launch.settings is not None
        settings_file.write(str(self.file), self.launch.settings)
        self.events: list[spool.HookEvent] = []

    def start(self, environ: dict[str, str]) -> None:
        self.screen = Recorder([self.program, *self.launch.args], environ, self.cwd, 120, 40)

    def wait_for(self, event: str, count: int = 1, seconds: float = 20.0) -> spool.HookEvent:
        def there() -> bool:
            self.events += spool.read(self.spool)
            return self.names().count(event) >= count

        assert self.screen.watch(seconds, there), f"no {event}, but {self.names()}:\n{self.screen.screen()}"
        return [seen for seen in self.events if seen.event == event][-1]

    def names(self) -> list[str]:
        return [event.event for event in self.events]

    def ready(self) -> None:
        box = re.compile("^ ?[>❯]", re.MULTILINE)
        assert self.screen.watch(30, lambda: box.search(self.screen.screen()) is not None)
        self.screen.watch(2)

    def quit(self) -> str:
        self.screen.watch(2)  # while a Stop hook runs, the key would only end that
        self.screen.type("\x03")
        self.screen.wait_for("again to exit")
        self.screen.type("\x03")
        self.wait_for("SessionEnd")
        self.screen.watch(2)
        return self.screen.screen()


def environment(program: str, folder: Path, api: StandIn) -> dict[str, str]:
    version = known_version(program)
    assert version is not None
    (folder / "my wörk").mkdir()
    environ = client_home(folder, ".".join(map(str, version)), folder / "my wörk", api.url)
    return environ | {"CLAUDE_CODE_MAX_RETRIES": "1"}


def noting(folder: Path, who: str) -> str:
    """Settings with hooks of the user's own, which note that they were called."""

    def entry(event: str) -> object:
        command = f"cat >/dev/null; echo {who} {event} >>'{folder}/noted'"
        return [{"hooks": [{"type": "command", "command": command}]}]

    return json.dumps({"hooks": {event: entry(event) for event in ("UserPromptSubmit", "Stop")}})


@pytest.fixture
def api() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


def test_version_is_known_without_running_it(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    known = known_version(client)
    assert known is not None
    assert ".".join(map(str, known)) in client
    assert asyncio.run(measure_version(client)) == known


def test_all_hooks_fire_beside_the_users_own(client: str, tmp_path: Path, api: StandIn) -> None:
    environ = environment(client, tmp_path, api)
    (tmp_path / "home/.claude").mkdir(exist_ok=True)
    (tmp_path / "home/.claude/settings.json").write_text(noting(tmp_path, "user"))
    (tmp_path / "flag.json").write_text(noting(tmp_path, "flag"))
    args = ["--permission-mode", "default", "--settings", str(tmp_path / "flag.json")]
    session = Session(client, tmp_path, api, args)
    session.start(environ)
    with session.screen as screen:
        session.ready()
        started = session.wait_for("SessionStart")
        assert started.payload["session_id"] == session.launch.session_id
        path = transcript_path(environ, str(session.cwd), str(session.launch.session_id))
        assert started.payload["transcript_path"] == path
        tail = TranscriptTail(path)

        def rows_until(last: Callable[[facts.Row], object]) -> list[facts.Row]:
            """The client writes a row up to 0.5 s after what it is about, and after the hook (measured)."""
            rows: list[facts.Row] = []

            def there() -> bool:
                rows.extend(tail.poll())
                return any(map(last, rows))

            assert screen.watch(5, there), rows
            return rows

        screen.prompt("say hello")
        session.wait_for("UserPromptSubmit")
        session.wait_for("Stop")
        assert [facts.is_prompt(row) for row in rows_until(facts.is_progress)].count(True) == 1

        screen.prompt("run touch made")
        screen.wait_for("Do you want to proceed?")
        rows = rows_until(facts.tools_called)  # a tool that has not run yet is in the transcript
        called = [tool for row in rows for tool in facts.tools_called(row)]
        if session.version >= (2, 0, 45):
            session.wait_for("PermissionRequest")
        session.wait_for("Notification")
        screen.type("\r")
        session.wait_for("Stop", 2)
        rows = rows_until(facts.is_progress)
        assert [tool for row in rows for tool in facts.tools_finished(row)] == called

        api.set_fault("reset")
        screen.prompt("say never")
        failed = "StopFailure" if session.version >= (2, 1, 78) else "Stop"
        session.wait_for(failed, 1 if failed == "StopFailure" else 3)
        rows = rows_until(facts.is_api_error)
        assert not any(facts.is_progress(row) for row in rows)
        retries = [retry for row in rows if (retry := facts.retry(row))]
        assert len(retries) == (1 if session.version == (2, 0, 60) else 0)
        attempts = {facts.request_id(row) for row in rows} - {None}
        assert len(attempts) == (2 if session.version == (2, 1, 330) else 0)
        api.set_fault("none")
        end = session.quit()
        tail.close()
    assert settings_file.NAME not in end  # 2.1.330 says how to resume, with the options of this run
    noted = (tmp_path / "noted").read_text().split("\n")
    for who in ("user", "flag"):
        assert noted.count(f"{who} UserPromptSubmit") == 3
        assert noted.count(f"{who} Stop") == (2 if failed == "StopFailure" else 3)


def test_a_resumed_session_has_hooks_too(client: str, tmp_path: Path, api: StandIn) -> None:
    environ = environment(client, tmp_path, api)
    first = Session(client, tmp_path, api)
    first.start(environ)
    with first.screen as screen:
        first.ready()
        screen.prompt("say hello")
        first.wait_for("Stop")
        first.quit()
    second = Session(client, tmp_path, api, ["--resume", str(first.launch.session_id)])
    assert second.launch.session_id is None
    second.start(environ)
    with second.screen:
        second.ready()
        started = second.wait_for("SessionStart")
        assert started.payload["source"] == "resume"
        second.quit()
