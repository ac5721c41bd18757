"""A process that dies at any step, of the change or of its undo: afterwards all is as it was, or the journal
knows.

The steps are counted where the machine is touched: the journal's files, the commands, and looking. A child
does the work and ends at the n-th of them, without any tidying up (os._exit)."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard.owner import Owner
from cc_guard.remedies import carry_out as carrying
from cc_guard.remedies import journal, lock, undo
from cc_guard.remedies.hands import Hands
from cc_guard.remedies.journal import Owners
from cc_guard.remedies.remedy import Move, Plan, Remedy, everywhere
from cc_guard.remedies.world import World
from tests.support.remedying import Dial, known_dials, world

CRASHED = 9
_POINTS = (
    (os, "fsync"),
    (os, "rename"),
    (os, "unlink"),
    (os, "ftruncate"),
    (asyncio, "create_subprocess_exec"),
)


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> None:
    known_dials(monkeypatch)


def crashing(at: int, after: bool, work: Callable[[], Any]) -> bool:
    """Does `work` in a child that ends at the `at`-th step, before or after it. Whether it came so far."""
    pid = os.fork()
    if pid:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status in (0, CRASHED), status
        return status == CRASHED
    try:
        _count_down(at, after)
        work()
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def _count_down(at: int, after: bool) -> None:
    left = [at]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and not after:
                os._exit(CRASHED)
            result = real(*arguments, **options)
            if asyncio.iscoroutine(result):
                return _awaited(result)
            if left[0] == 0:
                os._exit(CRASHED)
            return result

        async def _awaited(result: Any) -> Any:
            found = await result
            if left[0] == 0:
                os._exit(CRASHED)
            return found

        return call

    for module, name in _POINTS:
        setattr(module, name, counted(getattr(module, name)))
    Dial.read = counted(Dial.read)  # type: ignore[method-assign]


def changed(path: Path, slow_s: str = "0") -> None:
    async def plan(_: World) -> Plan:
        return Plan("", moves=(Move(Dial(str(path), slow_s), "old", "new"),), proof="")

    remedy = Remedy("a.remedy", "", "", (), everywhere(2), plan, until="session")
    where = world()
    owners = Owners(Owner.current(), Owner.current())  # the child's, which is about to end
    answer = asyncio.run(carrying.carry_out(remedy, where, owners, True, Hands(where.facts)))
    assert answer.status == "ok", answer


def restored() -> list[str]:
    done = asyncio.run(undo.all_of(journal.leftovers(), Hands(world().facts)))
    return [one.outcome for one in done]


steps = st.tuples(st.integers(1, 16), st.booleans())


@settings(max_examples=40, deadline=None)
@given(change=steps, undos=st.lists(steps, max_size=3))
def test_killed_at_any_step(change: tuple[int, bool], undos: list[tuple[int, bool]]) -> None:
    folder = Path(tempfile.mkdtemp())
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder)
    try:
        dial = folder / "dial"
        dial.write_text("old\n")
        crashing(*change, work=lambda: changed(dial))
        if dial.read_text() != "old\n":
            assert journal.leftovers(), "it was changed, and the journal does not know"
        for one in undos:
            crashing(*one, work=restored)
            if dial.read_text() != "old\n":
                assert journal.leftovers(), "it is still changed, and the journal has forgotten it"
        assert "failed" not in restored()
        assert dial.read_text() == "old\n"
        assert journal.entries() == []
        left = [path.name for path in (folder / "cc-guard" / "undo").iterdir()]
        assert [name for name in left if not name.startswith("lock-") and not name.endswith(".tmp")] == []
    finally:
        shutil.rmtree(folder)
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


def test_every_step_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above would prove less than it says: how many steps a change and an undo have."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    dial = tmp_path / "dial"

    def length(work: Callable[[], Any], prepare: Callable[[], Any]) -> int:
        for at in range(1, 40):
            prepare()
            if not crashing(at, False, work):
                return at - 1
        raise AssertionError

    def fresh() -> None:
        restored()
        dial.write_text("old\n")

    def made() -> None:
        fresh()
        crashing(100, False, lambda: changed(dial))

    assert 8 <= length(lambda: changed(dial), fresh) <= 16
    assert 5 <= length(restored, made) <= 16


def test_killed_while_its_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command lives on, and makes the change only after the restore has begun."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    dial = tmp_path / "dial"
    dial.write_text("old\n")
    pid = os.fork()
    if pid == 0:
        changed(dial, slow_s="1")
        os._exit(0)
    while not any((tmp_path / "cc-guard" / "undo").glob("*.json")):
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert dial.read_text() == "old\n"
    assert restored() == ["undone"]
    time.sleep(1.2)
    assert dial.read_text() == "old\n"


def test_a_journal_that_forgets_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same check on an engine that changes first and writes down afterwards."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    dial = tmp_path / "dial"
    dial.write_text("old\n")
    real = journal.write

    def late(entry: journal.Entry) -> None:
        dial.write_text("new\n")
        real(entry)

    def work() -> None:
        journal.write = late
        changed(dial)

    crashing(3, False, work)
    assert dial.read_text() == "new\n"
    assert journal.leftovers() == []


def test_the_lock_names_its_command(tmp_path: Path) -> None:
    """What tells a later cc-guard whom to wait for is written before the command can do much."""

    async def taken() -> str:
        held = await lock.take(str(tmp_path), "key", 1)
        held.lent_to(os.getpid())
        held.release()
        return next(tmp_path.iterdir()).read_text()

    assert f'"pid": {os.getpid()}' in asyncio.run(taken())
