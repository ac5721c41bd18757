"""The journal of changes: whole or not there, private, and clear about whose an entry is."""

import dataclasses
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cc_guard.owner import Owner
from cc_guard.remedies import journal
from cc_guard.remedies.journal import Entry, Owners
from cc_guard.remedies.place import Place
from tests.support.remedying import Dial, here, known_dials


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    known_dials(monkeypatch)
    return tmp_path / "cc-guard" / "undo"


def gone() -> Owner:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return Owner(child.pid, Owner.current().host, "1")


def opened(was: str = "old", to: str = "new", owners: Owners | None = None, path: str = "/x") -> Entry:
    entry = journal.new("a.remedy", Dial(path), was, to, "session", owners or here())
    journal.write(entry)
    return entry


def test_an_entry_comes_back_as_it_was(state: Path) -> None:
    entry = opened()
    assert journal.entries() == [entry]
    assert journal.read(entry.id) == entry
    assert entry.thing() == Dial("/x")
    assert (entry.was, entry.ours) == ("old", ("new",))


def test_nobody_else_can_read_it(state: Path) -> None:
    opened()
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()] == [0o600]


def test_a_closed_one_is_gone_and_closing_twice_is_no_error(state: Path) -> None:
    entry = opened()
    journal.close(entry)
    journal.close(entry)
    assert journal.entries() == []
    assert journal.read(entry.id) is None
    assert list(state.iterdir()) == []


def test_it_is_on_disk_before_write_returns(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file before it gets its name, then the folder that holds the name: fsync(2)."""
    done: list[str] = []
    sync, rename = os.fsync, os.rename

    def synced(fd: int) -> None:
        sync(fd)
        done.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")

    def renamed(old: str, new: str) -> None:
        rename(old, new)
        done.append("name")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    entry = opened()
    assert done == ["file", "name", "folder"]
    done.clear()
    journal.close(entry)
    assert done == ["folder"]


def test_a_disk_that_is_full_leaves_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    journal.folder()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        opened()
    assert list(state.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"version": 2}', '{"version": 1}', '{"version": 1, "place": 3}', "\ud800" * 3],
)
def test_what_can_not_be_read_is_said_and_kept(state: Path, content: str) -> None:
    entry = opened()
    (state / "20260101-000000-aaaa.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    assert journal.entries() == [entry]
    assert len(journal.unreadable()) == 1
    assert "20260101-000000-aaaa.json" in journal.unreadable()[0]
    with pytest.raises(journal.Unreadable):
        journal.read("20260101-000000-aaaa")


def test_another_version_is_not_guessed_at(state: Path) -> None:
    entry = opened()
    path = state / f"{entry.id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 9}))
    assert "another version" in journal.unreadable()[0]


def test_a_knob_that_this_version_does_not_know(state: Path) -> None:
    entry = dataclasses.replace(opened(), knob={"kind": "from.the.future", "x": 1})
    with pytest.raises(ValueError, match=r"another version of cc-guard \(from.the.future\)"):
        entry.thing()
    with pytest.raises(ValueError, match="path"):
        dataclasses.replace(entry, knob={"kind": "test"}).thing()


@pytest.mark.parametrize("who", ["session", "guard", "both"])
def test_left_when_the_session_or_the_guard_is_gone(who: str) -> None:
    alive, dead = Owner.current(), gone()
    owners = Owners(
        dead if who in ("session", "both") else alive,
        dead if who in ("guard", "both") else alive,
    )
    entry = opened(owners=owners)
    assert journal.leftovers() == [entry]
    assert not owners.live


def test_not_left_while_both_live() -> None:
    opened()
    assert journal.leftovers() == []
    assert here().live


def test_one_that_can_not_be_seen_is_left_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with the same home."""
    boot = Owner.current().host.split(" ")[0]
    elsewhere = Owner(1, f"{boot} pid:[1]", "1")
    entry = opened(owners=Owners(elsewhere, elsewhere))
    assert journal.leftovers() == []
    journal.write(dataclasses.replace(entry, at=time.time() - 2 * 86400))
    assert [one.id for one in journal.leftovers()] == [entry.id]


def test_of_a_session() -> None:
    mine, other = opened(), opened(owners=Owners(gone(), Owner.current()), path="/y")
    assert journal.of(Owner.current()) == [mine]
    assert journal.of(other.session) == [other]


def test_a_change_upon_a_change_remembers_what_was_first() -> None:
    """Two sessions, one device: whoever ends last brings the first value back."""
    opened("1500", "1350")
    second = opened("1350", "1280")
    assert (second.was, second.ours) == ("1500", ("1350", "1280"))


def test_somebody_elses_value_is_what_was_before() -> None:
    opened("1500", "1350")
    second = opened("1400", "1280")
    assert (second.was, second.ours) == ("1400", ("1280",))


def test_a_change_in_another_namespace_is_another_thing() -> None:
    first = opened("1500", "1350")
    journal.write(dataclasses.replace(first, place=Place("m", "b", "n")))
    assert opened("1350", "1280").was == "1350"


def test_what_a_writer_that_died_has_left(state: Path) -> None:
    opened()
    old, young = state / "x.json-1.tmp", state / "y.json-2.tmp"
    for path in (old, young):
        path.write_text("{")
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    journal.tidy()
    assert not old.exists()
    assert young.exists()
    assert len(journal.entries()) == 1


def test_the_place_is_the_namespace() -> None:
    place = Place.here()
    assert place == Place.here()
    if sys.platform == "linux":
        assert place.boot
        assert place.net.startswith("net:[")
