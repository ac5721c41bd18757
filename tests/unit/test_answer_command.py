"""`cc-guard answer`, against a guard's real socket."""

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cc_guard import paths
from cc_guard.commands import answer
from cc_guard.guard.door import Door, path_of

QUESTION = {
    "id": "q1",
    "remedy": "ports.widen",
    "title": "Widen the port range",
    "level": 3,
    "text": "sysctl …",
}
SIGN_IN = {"url": "https://claude.ai/oauth", "wants_code": True, "text": "Paste"}


class Guard:
    """A door in a thread of its own; `asked` is what it was asked for."""

    def __init__(self, relay: int, state: dict[str, Any]) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.refuses = ""
        self._path, self._state = path_of(paths.socket_dir(), relay), state
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait(10)

    def _run(self) -> None:
        door = Door(self._path, self)
        self._loop.run_until_complete(door.open())
        door.publish(self._state)
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(door.close())
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def answer(self, question: str, answer: str) -> str:
        self.asked.append(("answer", question, answer))
        return self.refuses

    def release(self) -> str:
        return "no"

    def retry(self) -> str:
        return "no"

    def observe(self, on: bool) -> str:
        return "no"

    def code(self, text: str) -> str:
        self.asked.append(("code", text))
        return self.refuses


@pytest.fixture
def guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    open_: list[Guard] = []

    def start(**state: Any) -> Guard:
        open_.append(Guard(1000 + len(open_), {"session": f"s{len(open_)}", "phase": "held", **state}))
        return open_[-1]

    yield start
    for guard in open_:
        guard.stop()


def test_nobody_asks(guards: Any, capsys: pytest.CaptureFixture[str]) -> None:
    guards()
    assert answer.main([]) == 1
    assert answer.main(["yes"]) == 1
    assert capsys.readouterr().out == "No session asks anything.\n" * 2


def test_what_is_asked_and_the_answer(guards: Any, capsys: pytest.CaptureFixture[str]) -> None:
    guard = guards(question=QUESTION)
    assert answer.main([]) == 0
    shown = capsys.readouterr().out
    assert "Widen the port range?" in shown
    assert "sysctl …" in shown
    assert answer.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["questions"][0]["id"] == "q1"
    assert guard.asked == []
    assert answer.main(["always"]) == 0
    assert guard.asked == [("answer", "q1", "always")]


def test_an_answer_that_comes_too_late(guards: Any, capsys: pytest.CaptureFixture[str]) -> None:
    guard = guards(question=QUESTION)
    guard.refuses = "it is not asked any more"
    assert answer.main(["no"]) == 1
    assert capsys.readouterr().err == "cc-guard: not answered: it is not asked any more.\n"


def test_of_two_that_ask_one_is_named(guards: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = guards(question=QUESTION), guards(question=QUESTION)
    assert answer.main(["yes"]) == 2
    assert "--session ID" in capsys.readouterr().err
    assert answer.main(["--session", "s1", "yes"]) == 0
    assert (first.asked, second.asked) == ([], [("answer", "q1", "yes")])


def test_a_code_comes_from_standard_input(
    guards: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = guards(sign_in=SIGN_IN)
    assert answer.main([]) == 0
    shown = capsys.readouterr().out
    assert "Visit: https://claude.ai/oauth" in shown
    assert "cc-guard answer --code" in shown
    monkeypatch.setattr("sys.stdin", io.StringIO("abc#def\n"))
    assert answer.main(["--code"]) == 0
    assert guard.asked == [("code", "abc#def")]
    assert "abc#def" not in capsys.readouterr().out
    assert answer.main(["yes"]) == 1, "nothing is asked but the code"


def test_a_code_that_nobody_waits_for(guards: Any, capsys: pytest.CaptureFixture[str]) -> None:
    guard = guards(question=QUESTION)
    assert answer.main(["--code"]) == 1
    assert guard.asked == []
    assert capsys.readouterr().err == "cc-guard: not answered: nobody signs in.\n"


@pytest.mark.parametrize("words", [["maybe"], ["yes", "--code"], ["yes", "no"], ["--session"]])
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert answer.main(words) == 2
    assert "usage: cc-guard answer" in capsys.readouterr().err


def test_a_folder_with_a_long_name(
    guards: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Longer than a socket's name may be: the socket is elsewhere, in a folder of this user alone."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    guard = guards(question=QUESTION)
    folder = Path(paths.socket_dir())
    try:
        assert folder.parent == Path("/tmp")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert answer.main(["yes"]) == 0
        assert guard.asked == [("answer", "q1", "yes")]
    finally:
        guard.stop()
        folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        assert paths.socket_dir() == str(long / "cc-guard"), "somebody else's place is not taken"
    finally:
        folder.unlink()
