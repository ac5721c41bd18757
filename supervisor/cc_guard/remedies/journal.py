"""What has to be taken back: a file for each change, on disk before the change is made.

    $XDG_STATE_HOME/cc-guard/undo/      0700
        ID.json                         0600, whole or not there: written aside, synced, renamed
        lock-…                          see lock.py

An entry is removed once the thing has been seen to be as it was, or to be none of our business any more.
"""

import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from cc_guard import paths
from cc_guard.incident.record import new_id
from cc_guard.owner import Owner
from cc_guard.remedies import lock
from cc_guard.remedies.knob import Knob, Scope, restored
from cc_guard.remedies.place import Place
from cc_guard.remedies.remedy import Until

_VERSION = 1
_SUFFIX = ".json"
_ASIDE = ".tmp"
_ASIDE_S = 60.0  # writing a file takes milliseconds
# A session that can't be seen from here (another container with the same home) is taken for dead after this.
_UNSEEN_S = 86400.0


@dataclass(frozen=True)
class Entry:
    """One change. `ours` are the values that we, or a session before us, have given it since it was `was`.
    `at` is in seconds since the epoch; `session` is the relay."""

    id: str
    remedy: str
    at: float
    until: Until
    what: str
    scope: Scope
    key: str
    knob: dict[str, Any]
    was: str
    ours: tuple[str, ...]
    place: Place
    session: Owner
    guard: Owner

    def thing(self) -> Knob:
        """Raises ValueError for what this version does not know."""
        return restored(self.knob)

    @property
    def is_left(self) -> bool:
        """Whether nobody looks after it any more."""
        gone = [owner.is_gone() for owner in (self.session, self.guard)]
        return True in gone or (None in gone and time.time() - self.at > _UNSEEN_S)


@dataclass(frozen=True)
class Owners:
    session: Owner
    guard: Owner

    @property
    def live(self) -> bool:
        return not (self.session.is_gone() or self.guard.is_gone())


class Unreadable(ValueError):
    """A file of the journal that this version can't read; the text says why."""


def folder() -> str:
    path = os.path.join(paths.state_dir(), "undo")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def new(remedy: str, knob: Knob, was: str, to: str, until: Until, owners: Owners) -> Entry:
    """The entry for a change that is about to be made. Where an entry for the same thing is open, what was
    before that one is what has to come back."""
    here, before, ours = Place.here(), was, [to]
    for other in of_key(knob.key):
        if other.place == here and was in other.ours:
            before, ours = other.was, [*other.ours, to]
            break
    id_ = f"{new_id(time.time())}{os.urandom(2).hex()}"
    return Entry(
        id_,
        remedy,
        time.time(),
        until,
        knob.what,
        knob.scope,
        knob.key,
        knob.saved(),
        before,
        tuple(dict.fromkeys((*ours, *knob.midway(before)))),
        here,
        owners.session,
        owners.guard,
    )


def write(entry: Entry) -> None:
    """Durable when this returns: also for the folder, which is what makes the name durable (fsync(2))."""
    home = folder()
    path = _path(entry.id)
    aside = f"{path}-{os.getpid()}{_ASIDE}"
    data = json.dumps({"version": _VERSION, **asdict(entry)}).encode()
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
    _sync(home)


def with_value(entry: Entry, value: str) -> Entry:
    """The entry, with another value that counts as ours."""
    entry = replace(entry, ours=(*entry.ours, value))
    write(entry)
    return entry


def close(entry: Entry) -> None:
    """Nothing has to be taken back any more. Closing what is closed is no error."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(entry.id))
    _sync(folder())


def hand_over(entry: Entry, heir: Entry) -> None:
    """`heir` is about the same thing, and will take back this one's change together with its own."""
    write(replace(heir, ours=tuple(dict.fromkeys((*heir.ours, *entry.ours)))))
    close(entry)


def read(id_: str) -> Entry | None:
    """None when it is closed. Raises Unreadable."""
    try:
        with open(_path(id_), encoding="utf-8") as file:
            return _entry(json.load(file))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"{_path(id_)} can't be read: {error}") from error


def entries() -> list[Entry]:
    """All that can be read, the newest first: a change on top of another has to be undone before it."""
    return sorted(_readable(), key=lambda entry: (entry.at, entry.id), reverse=True)


def unreadable() -> list[str]:
    """Why the others can't be read, a sentence each."""
    found = []
    for id_ in _ids():
        try:
            read(id_)
        except Unreadable as error:
            found.append(str(error))
    return found


def of_key(key: str) -> list[Entry]:
    return [entry for entry in entries() if entry.key == key]


def leftovers() -> list[Entry]:
    """Those whose session or guard is gone."""
    return [entry for entry in entries() if entry.is_left]


def of(session: Owner) -> list[Entry]:
    return [entry for entry in entries() if entry.session == session]


@asynccontextmanager
async def locked(key: str, wait_s: float) -> AsyncIterator[lock.Lock]:
    """The only one that changes what `key` names. Raises lock.Busy."""
    held = await lock.take(folder(), key, wait_s)
    try:
        yield held
    finally:
        held.release()


def tidy() -> None:
    """Remove what a process that died while writing has left."""
    home = folder()
    for name in os.listdir(home):
        path = os.path.join(home, name)
        with contextlib.suppress(OSError):
            if name.endswith(_ASIDE) and time.time() - os.stat(path).st_mtime > _ASIDE_S:
                os.unlink(path)


def _ids() -> Iterator[str]:
    for name in sorted(os.listdir(folder())):
        if name.endswith(_SUFFIX):
            yield name.removesuffix(_SUFFIX)


def _readable() -> Iterator[Entry]:
    for id_ in _ids():
        with contextlib.suppress(Unreadable):
            entry = read(id_)
            if entry is not None:
                yield entry


def _entry(row: Any) -> Entry:
    if not isinstance(row, dict) or row.pop("version", None) != _VERSION:
        raise ValueError("it is of another version of cc-guard")
    try:
        row["place"] = Place(**row["place"])
        row["session"], row["guard"] = Owner(**row["session"]), Owner(**row["guard"])
        row["ours"] = tuple(map(str, row["ours"]))
        return Entry(**cast(dict[str, Any], row))
    except (TypeError, KeyError) as error:
        raise ValueError(f"it is not whole ({error})") from error


def _path(id_: str) -> str:
    return os.path.join(folder(), id_ + _SUFFIX)


def _sync(home: str) -> None:
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
