"""The history keeps what it was told, whoever writes, whenever they die; and it keeps no secrets."""

import dataclasses
import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_guard import history, paths
from cc_guard.history import History, HistoryError, UnknownIncident
from cc_guard.incident.record import Action, Finding, Incident, Symptom, new_id
from cc_guard.owner import Owner

NOW = 1_795_283_592.25
HERE = Owner.current()

# Saves argv[2] incidents of session argv[1] (-1: without end) with argv[4] bytes of ballast; after each says
# so and sleeps argv[3] seconds. Without redaction: it would take longer than the writing that is tested.
WRITER = """
import sys, time
from cc_guard import history as module
from cc_guard.history import History
from cc_guard.incident.record import Incident
from cc_guard.owner import Owner

session, count, pause_s, ballast = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
module.redact = str
with History() as history:
    n = 0
    while n != count:
        id = f"{session}-{n:06}"
        incident = Incident(id=id, session=session, started_at=n, kind="timeout", signals=["x" * ballast])
        history.save(incident, Owner.current())
        n += 1
        print(n, flush=True)
        time.sleep(pause_s)
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def store() -> Iterator[History]:
    with History() as opened:
        yield opened


def incident(**changes: object) -> Incident:
    full = Incident(
        id=new_id(NOW),
        session="6f1c2b3a-1111-4222-8333-444455556666",
        started_at=NOW,
        ended_at=NOW + 41.5,
        kind="connection",
        code="ECONNRESET",
        cause="tcp.blocked",
        confidence=0.75,
        symptoms=[Symptom(NOW, "connection", "retrying", "ECONNRESET", attempt=2, text="✻ Retrying in 1s")],
        evidence=[Finding("tcp.v4", "fail", "refused", {"port": 443, "hosts": ["a", "b"]}, 12.5)],
        actions=[Action("hold", "done", "at attempt 2", NOW + 1, 40.0)],
        outcome="recovered",
        held_s=40.0,
        downtime_s=41.5,
        recovery_s=0.25,
        retries_spent=2,
        client_version="2.1.330",
        profile="generic",
        signals=["screen", "transcript"],
    )
    return dataclasses.replace(full, **changes)  # type: ignore[arg-type]


def writer(session: str, count: int = -1, pause_s: float = 0, ballast: int = 2000) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, session, str(count), str(pause_s), str(ballast)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_returns_what_was_saved(store: History) -> None:
    saved = incident()
    store.save(saved, HERE)
    assert store.get(saved.id) == saved
    assert list(store.list()) == [saved]


def test_saving_again_replaces(store: History) -> None:
    store.save(incident(id="a", outcome="open", ended_at=None), HERE)
    store.save(incident(id="a"), HERE)
    assert [i.outcome for i in store.list()] == ["recovered"]


def test_lists_the_newest_first_of_one_session_if_asked(store: History) -> None:
    for number, session in enumerate("xyxyx"):
        store.save(incident(id=f"i{number}", session=session, started_at=NOW + number), HERE)
    assert [i.id for i in store.list(limit=2)] == ["i4", "i3"]
    assert [i.id for i in store.list(session="y")] == ["i3", "i1"]


def test_finds_by_the_beginning_of_an_id(store: History) -> None:
    store.save(incident(id="20261121-175312-3f2a"), HERE)
    store.save(incident(id="20261122-175312-3f2a"), HERE)
    assert store.get("20261122").id == "20261122-175312-3f2a"
    for prefix in ("202611", "x", "", "%", "\udc80"):
        with pytest.raises(UnknownIncident):
            store.get(prefix)


def test_ids_sort_by_time() -> None:
    assert new_id(NOW).startswith("20261121-175312-")
    assert new_id(NOW) < new_id(NOW + 1)


def test_no_secret_reaches_the_disk(store: History, state: Path) -> None:
    secret = "sk-ant-api03-Zq7xW2cV9bN4mK1j"
    store.save(
        incident(
            code=secret,
            symptoms=[Symptom(NOW, "auth", "failed", text=f"key {secret} refused")],
            evidence=[
                Finding("route", "fail", secret, {"proxy": [f"http://u:{secret}@h"], "auth_token": "hunter2"})
            ],
            actions=[Action("nudge", "done", f"typed {secret}", NOW)],
            signals=[f"screen {secret}"],
        ),
        HERE,
    )
    stored = b"".join(path.read_bytes() for path in (state / "cc-guard").iterdir())
    assert b"key sk-ant-*** refused" in stored
    assert b"Zq7xW2cV9bN4mK1j" not in stored
    assert b"hunter2" not in stored


def test_stores_whatever_evidence_a_probe_brings(store: History) -> None:
    odd = {"bytes": b"x", "infinite": float("inf"), "set": {1}, "name": "\udcff", "deep": {"a": [None, True]}}
    store.save(incident(id="a", evidence=[Finding("odd", "warn", "\udcff", odd)]), HERE)
    assert store.get("a").evidence[0].evidence == {
        "bytes": "b'x'",
        "infinite": None,
        "set": [1],
        "name": "?",
        "deep": {"a": [None, True]},
    }


def test_files_are_private_from_the_start(state: Path) -> None:
    before = os.umask(0)
    try:
        with History() as store:
            store.save(incident(), HERE)
            files = {path.name: mode(str(path)) for path in (state / "cc-guard").iterdir()}
    finally:
        os.umask(before)
    assert files == {"history.db": 0o600, "history.db-wal": 0o600, "history.db-shm": 0o600}
    assert mode(str(state / "cc-guard")) == 0o700


def test_a_readable_file_is_made_private() -> None:
    History().close()
    os.chmod(paths.database(), 0o644)
    History().close()
    assert mode(paths.database()) == 0o600


def test_an_empty_file_of_version_0_is_migrated() -> None:
    Path(paths.database()).touch()
    with History() as store:
        store.save(incident(id="a"), HERE)
        assert store.get("a").id == "a"
    assert _user_version() == len(history._MIGRATIONS)


def test_a_migration_keeps_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    with History() as store:
        store.save(incident(id="a"), HERE)
    steps = (
        *history._MIGRATIONS,
        ("ALTER TABLE incidents ADD COLUMN added TEXT", "UPDATE incidents SET added = 'x'"),
    )
    monkeypatch.setattr(history, "_MIGRATIONS", steps)
    with History() as store:
        assert store.get("a") == incident(id="a")
    assert _query("SELECT added FROM incidents") == [("x",)]
    assert _user_version() == len(steps)


def test_a_migration_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    History().close()
    version = _user_version()
    monkeypatch.setattr(history, "_MIGRATIONS", (*history._MIGRATIONS, ("CREATE TABLE half (x)", "nonsense")))
    with pytest.raises(HistoryError):
        History()
    assert _user_version() == version
    assert _query("SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_a_newer_database_is_refused_and_left_alone() -> None:
    with sqlite3.connect(paths.database()) as db:
        db.execute("CREATE TABLE incidents (from_the_future)")
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = Path(paths.database()).read_bytes()
    with pytest.raises(HistoryError, match=r"newer cc-guard(.|\n)*Update cc-guard"):
        History()
    assert Path(paths.database()).read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database" * 1000, b"SQLite format 3\0" + b"\xff" * 8176])
def test_a_file_that_is_no_database_is_named(content: bytes) -> None:
    Path(paths.database()).write_bytes(content)
    with pytest.raises(HistoryError) as caught:
        History()
    _is_for_users(str(caught.value), "is damaged")
    assert Path(paths.database()).read_bytes() == content
    # What the message advises works.
    advice = str(caught.value).splitlines()[1].partition(": ")[2]
    subprocess.run(advice, shell=True, check=True)
    with History() as store:
        assert not store.list()


def test_damage_inside_is_named() -> None:
    with History() as store:
        for number in range(200):
            store.save(incident(id=f"{number}"), HERE)
    size = os.stat(paths.database()).st_size
    with open(paths.database(), "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with History() as store, pytest.raises(HistoryError) as caught:
        store.list()
    _is_for_users(str(caught.value), "is damaged")


def test_an_unreadable_row_is_named(store: History) -> None:
    store.save(incident(id="a"), HERE)
    _query("UPDATE incidents SET symptoms = '{'")
    with pytest.raises(HistoryError) as caught:
        store.list()
    _is_for_users(str(caught.value), "incident a is unreadable")


def test_a_database_that_can_not_be_opened_is_named(state: Path) -> None:
    (state / "cc-guard" / "history.db").mkdir(parents=True)
    with pytest.raises(HistoryError) as caught:
        History()
    _is_for_users(str(caught.value), "history.db")


def test_a_state_folder_that_can_not_be_made_is_named(state: Path) -> None:
    (state / "cc-guard").write_text("a file in the way")
    with pytest.raises(HistoryError) as caught:
        History()
    _is_for_users(str(caught.value), "can't be opened")


def test_gives_up_soon_when_another_writer_does_not_end(store: History) -> None:
    other = sqlite3.connect(paths.database(), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with pytest.raises(HistoryError, match="is busy"):
        store.save(incident(), HERE)
    assert time.monotonic() - start < 2
    other.execute("ROLLBACK")
    other.close()
    store.save(incident(), HERE)


def test_only_what_the_dead_left_open_is_abandoned(store: History) -> None:
    dead = dataclasses.replace(HERE, started="1")
    store.save(incident(id="mine", outcome="open", ended_at=None), HERE)
    store.save(incident(id="theirs", outcome="open", ended_at=None), dead)
    store.save(incident(id="done"), dead)
    before = time.time()
    store.abandon_dead()
    assert {i.id: i.outcome for i in store.list()} == {
        "mine": "open",
        "theirs": "abandoned",
        "done": "recovered",
    }
    ended_at = store.get("theirs").ended_at
    assert ended_at is not None
    assert before - 5 < ended_at <= before


def test_a_killed_session_is_abandoned(store: History) -> None:
    child = writer("s")
    assert child.stdout is not None
    child.stdout.readline()
    store.abandon_dead()
    assert store.get("s-000000").outcome == "open"
    child.kill()
    child.communicate()
    store.abandon_dead()
    assert {i.outcome for i in store.list()} == {"abandoned"}


@pytest.mark.skipif(sys.platform != "linux", reason="pid namespaces are Linux only")
def test_another_container_gets_a_day(store: History) -> None:
    boot, _, _ = HERE.host.partition(" ")
    store.save(incident(id="a", outcome="open"), dataclasses.replace(HERE, host=f"{boot} pid:[1]"))
    store.abandon_dead()
    assert store.get("a").outcome == "open"
    _query("UPDATE incidents SET saved_at = saved_at - 90000")
    store.abandon_dead()
    assert store.get("a").outcome == "abandoned"


def test_sessions_that_start_and_write_at_once() -> None:
    count = 100
    writers = [writer(name, count, pause_s=0.002) for name in "abcd"]
    errors = [child.communicate()[1] for child in writers]
    assert errors == [""] * len(writers)
    with History() as store:
        assert {name: len(store.list(session=name)) for name in "abcd"} == dict.fromkeys("abcd", count)


def test_waits_for_another_session_that_is_just_creating_the_file() -> None:
    other = sqlite3.connect(paths.database(), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["COMMIT"])
    timer.start()
    History().close()
    timer.join()
    other.close()


def test_kill_9_at_any_moment_loses_nothing_that_was_saved(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = random.Random()
    seed = source.randrange(1000)
    source.seed(seed)
    acknowledged = 0
    deadline = time.monotonic() + 2
    round_ = 0
    while time.monotonic() < deadline:
        round_ += 1
        # Every third round dies while the database is being made.
        if round_ % 3 == 1:
            monkeypatch.setenv("XDG_STATE_HOME", str(state / str(round_)))
        # A long write, so that most deaths hit one.
        child = writer(f"r{round_}", ballast=1_000_000)
        assert child.stdout is not None
        if round_ % 3 != 1:
            child.stdout.readline()
        time.sleep(source.uniform(0, 0.12))
        child.kill()
        said = child.communicate()[0].count("\n") + (round_ % 3 != 1)
        with History() as store:
            assert len(store.list(session=f"r{round_}")) in (said, said + 1), f"seed {seed}, round {round_}"
        assert _query("PRAGMA integrity_check") == [("ok",)], f"seed {seed}, round {round_}"
        acknowledged += said
    assert acknowledged > 5, "the writers hardly wrote: the test proves nothing"


def _is_for_users(message: str, part: str) -> None:
    assert part in message
    assert 1 <= len(message.splitlines()) <= 2
    assert "Traceback" not in message


def _query(sql: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(paths.database(), isolation_level=None)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def _user_version() -> int:
    ((version,),) = _query("PRAGMA user_version")
    assert isinstance(version, int)
    return version
