"""What is forgotten: the old and the too many, never an open incident, and then for good."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard import paths, settings_cache
from cc_guard import settings as settings_module
from cc_guard.history import History
from cc_guard.incident.record import Incident, Outcome
from cc_guard.owner import Owner

HERE = Owner.current()
DAY_S = 86400.0


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in settings_cache.variables():
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def store() -> Iterator[History]:
    with History() as opened:
        yield opened


def save(store: History, id_: str, days: float, outcome: Outcome = "recovered", session: str = "s") -> None:
    started = time.time() - days * DAY_S
    store.save(Incident(id=id_, session=session, started_at=started, kind="tls", outcome=outcome), HERE)


def test_the_defaults_keep_a_year() -> None:
    keep = settings_module.read({}).history
    assert (keep.keep_days, keep.keep_incidents) == (365, 2000)
    with pytest.raises(settings_cache.SettingsError, match=r"history\.keep_days = '-1' is not allowed"):
        settings_module.read({"history.keep_days": "-1"})


def test_the_old_go_and_the_open_stay(store: History) -> None:
    save(store, "old", 31)
    save(store, "young", 29)
    save(store, "going on", 400, "open")
    assert store.prune(30, 0) == 1
    assert sorted(store.ids()) == ["going on", "young"]
    assert store.prune(30, 0) == 0


def test_the_newest_stay(store: History) -> None:
    for number in range(6):
        save(store, f"i{number}", number, "open" if number == 5 else "failed")
    assert store.prune(0, 2) == 3
    assert sorted(store.ids()) == ["i0", "i1", "i5"]


def test_nothing_is_no_limit(store: History) -> None:
    save(store, "old", 10_000)
    assert store.prune(0, 0) == 0
    assert store.ids() == ["old"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 20), st.booleans()), max_size=25),
    st.integers(0, 20),
    st.integers(0, 25),
)
def test_whatever_there_is(tmp_path: Path, have: list[tuple[int, bool]], days: int, count: int) -> None:
    path = tmp_path / f"{time.monotonic_ns()}.db"
    with History(str(path)) as store:
        for number, (age, is_open) in enumerate(have):
            save(store, f"{number:03}", age - 0.5, "open" if is_open else "recovered")
        newest = [f"{n:03}" for n in sorted(range(len(have)), key=lambda n: (have[n][0], -n))]
        # Of the same age, the one saved last is the newest, by the clock's microseconds.
        expected = {
            id_
            for rank, id_ in enumerate(newest)
            if have[int(id_)][1] or ((not days or have[int(id_)][0] <= days) and (not count or rank < count))
        }
        store.prune(days, count)
        assert set(store.ids()) == expected


def test_a_long_history_is_shortened_in_steps(store: History) -> None:
    for number in range(230):
        save(store, f"{number:03}", 400 - number / 1000)
    assert [store.prune(1, 0), store.prune(1, 0), store.prune(1, 0)] == [200, 30, 0]


def test_with_nothing_to_forget_no_lock_is_taken(store: History) -> None:
    save(store, "a", 1)
    other = sqlite3.connect(paths.database(), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    assert store.prune(365, 2000) == 0
    assert time.monotonic() - started < 0.5
    other.execute("ROLLBACK")
    other.close()


def test_what_is_forgotten_is_gone_from_the_disk(state: Path) -> None:
    with History() as store:
        save(store, "old", 400, session="a-session-nobody-shall-find")
        save(store, "young", 1)
    with History() as store:
        assert store.prune(365, 0) == 1
    left = b"".join(path.read_bytes() for path in Path(os.path.dirname(paths.database())).iterdir())
    assert b"young" in left
    assert b"nobody-shall-find" not in left


def test_finds_by_the_end_of_an_id(store: History) -> None:
    save(store, "20261121-175312-3f2a", 1)
    save(store, "20261122-175312-aaaa", 1)
    assert store.get("3f2a").id == "20261121-175312-3f2a"
    assert store.get("20261122").id == "20261122-175312-aaaa"
    for part in ("f2a", "2", "175312"):
        with pytest.raises(Exception, match=r"`cc-guard incidents` lists the ids"):
            store.get(part)


def test_lists_those_since_a_time(store: History) -> None:
    save(store, "old", 8)
    save(store, "young", 6)
    assert [one.id for one in store.list(since=time.time() - 7 * DAY_S)] == ["young"]
