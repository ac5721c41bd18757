"""The incident history: one SQLite file, shared by all sessions of a user.

Safe against `kill -9` at any moment (write-ahead log, one transaction for each change) and against
several sessions that write at once. Nothing here waits longer than `_BUSY_S` for another writer, because
the guard calls it from the loop that has to renew a 5 s lease. Everything that can go wrong is one
`HistoryError` with a sentence for the user; what to do about it is the caller's decision.
"""

import contextlib
import json
import math
import os
import shlex
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from cc_guard import paths
from cc_guard.incident.record import Action, Finding, Incident, Symptom
from cc_guard.owner import Owner
from cc_guard.redact import MASK, is_secret_name, redact

# A transaction here takes milliseconds. Saving waits at most once, opening with all that comes with it
# (`abandon_dead`, `prune`) four times: under 5 s.
_BUSY_S = 1.0

# When to give up an open incident whose owner can't be seen (another container with the same home).
_UNSEEN_OWNER_S = 86400.0

# Incidents; what helped long ago may have been another machine's trouble.
_LOOKED_BACK = 200

# Incidents forgotten at once, so that a start that finds many does not wait for it.
_PRUNED_AT_ONCE = 200

# Step n brings a database of version n to n + 1. Released steps never change; add a new one.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE incidents (
            id TEXT PRIMARY KEY,
            session TEXT NOT NULL,
            started_at REAL NOT NULL,
            ended_at REAL,
            kind TEXT NOT NULL,
            code TEXT,
            cause TEXT,
            confidence REAL,
            symptoms TEXT NOT NULL,
            evidence TEXT NOT NULL,
            actions TEXT NOT NULL,
            outcome TEXT NOT NULL,
            held_s REAL NOT NULL,
            downtime_s REAL,
            recovery_s REAL,
            retries_spent INTEGER NOT NULL,
            client_version TEXT,
            profile TEXT,
            signals TEXT NOT NULL,
            owner_pid INTEGER NOT NULL,
            owner_host TEXT NOT NULL,
            owner_started TEXT NOT NULL,
            saved_at REAL NOT NULL
        )""",
        "CREATE INDEX incidents_by_time ON incidents (started_at)",
        "CREATE INDEX incidents_open ON incidents (id) WHERE outcome = 'open'",
    ),
)

# Characters of an id's end that stand for all of it.
_ENDING = 4

_COLUMNS = tuple(field.name for field in fields(Incident))
_OWNER = ("owner_pid", "owner_host", "owner_started", "saved_at")
_LISTS = ("symptoms", "evidence", "actions", "signals")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM incidents"
_SAVE = (
    f"INSERT OR REPLACE INTO incidents ({', '.join((*_COLUMNS, *_OWNER))})"
    f" VALUES ({', '.join('?' * len((*_COLUMNS, *_OWNER)))})"
)


class HistoryError(Exception):
    """The history can't be used; the text says what happened and what to do, in at most two lines."""


class UnknownIncident(HistoryError):
    """No incident, or more than one, has this id."""


class History:
    """An open history. Use it from one thread, and as a context manager or with `close`.

    Every method, and opening, may raise HistoryError.
    """

    def __init__(self, path: str | None = None) -> None:
        """Open the database at `path` (default: `paths.database()`), create or migrate it where needed."""
        with _explained(path or "the incident history"):
            self._path = path or paths.database()
        with _explained(self._path):
            _make_private(self._path)
            # isolation_level None: transactions are begun here, not guessed by the module.
            self._db = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        try:
            with _explained(self._path):
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with _explained(self._path):
            self._db.close()

    def save(self, incident: Incident, owner: Owner) -> None:
        """Store the whole incident, replacing what was stored under its id. All text is redacted first."""
        row = _storable(incident)
        values = [json.dumps(row[name]) if name in _LISTS else row[name] for name in _COLUMNS]
        with _explained(self._path), self._transaction():
            self._db.execute(_SAVE, (*values, owner.pid, owner.host, owner.started, time.time()))

    def get(self, part: str) -> Incident:
        """The incident with this id, or the only one whose id begins with this, or ends with it (which takes
        four characters); otherwise UnknownIncident."""
        wanted = _text(part)
        with _explained(self._path):
            rows = self._db.execute(f"{_SELECT} WHERE id = ?", (wanted,)).fetchall()
            if not rows:
                rows = self._db.execute(
                    f"{_SELECT} WHERE substr(id, 1, ?1) = ?2 OR (?1 >= {_ENDING} AND substr(id, -?1) = ?2)"
                    " LIMIT 2",
                    (len(wanted), wanted),
                ).fetchall()
        if len(rows) == 1:
            return self._incident(rows[0])
        why = "More than one incident begins or ends with" if rows else "There is no incident"
        raise UnknownIncident(f"{why} {part!r}; `cc-guard incidents` lists the ids.")

    def ids(self) -> Sequence[str]:
        """Of all incidents."""
        with _explained(self._path):
            return [str(id_) for (id_,) in self._db.execute("SELECT id FROM incidents")]

    def prune(self, keep_days: int, keep_incidents: int) -> int:
        """Forget what is older than so many days, and all but the newest so many; 0 is no limit. Never an
        open one, and some hundreds at once at most. How many were forgotten.

        Made to be called at every start: with nothing to forget it takes no lock, and under a millisecond."""
        limit = (time.time() - keep_days * 86400.0 if keep_days else -math.inf, "")
        with _explained(self._path):
            ((count,),) = self._db.execute("SELECT COUNT(*) FROM incidents")
            if keep_incidents and count > keep_incidents:
                excess = self._db.execute(
                    "SELECT started_at, id FROM incidents ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET ?",
                    (keep_incidents,),
                ).fetchone()
                limit = max(limit, excess)
            # The first condition is for the index.
            found = self._db.execute(
                "SELECT id FROM incidents WHERE started_at <= ?1 AND (started_at, id) <= (?1, ?2)"
                f" AND outcome != 'open' ORDER BY started_at, id LIMIT {_PRUNED_AT_ONCE}",
                limit,
            ).fetchall()
            if not found:
                return 0
            # What is forgotten shall not be read from the file's free pages.
            self._db.execute("PRAGMA secure_delete = ON")
            with self._transaction():
                self._db.executemany("DELETE FROM incidents WHERE id = ? AND outcome != 'open'", found)
            return len(found)

    def abandon_dead(self) -> None:
        """Make the open incidents of guards that are gone `abandoned`, ended at their last save."""
        with _explained(self._path):
            rows = self._db.execute(
                f"SELECT id, {', '.join(_OWNER)} FROM incidents WHERE outcome = 'open'"
            ).fetchall()
            dead = [
                (id_, pid, host, started)
                for id_, pid, host, started, saved_at in rows
                if _is_dead(Owner(pid, host, started), saved_at)
            ]
            if dead:
                with self._transaction():
                    self._db.executemany(
                        "UPDATE incidents SET outcome = 'abandoned', ended_at = COALESCE(ended_at, saved_at)"
                        " WHERE id = ? AND outcome = 'open'"
                        " AND owner_pid = ? AND owner_host = ? AND owner_started = ?",
                        dead,
                    )

    def list(
        self, limit: int | None = None, session: str | None = None, since: float | None = None
    ) -> Sequence[Incident]:
        """The newest incidents first: at most `limit`; of one session, and begun `since` then (epoch
        seconds), only if that is given."""
        with _explained(self._path):
            rows = self._db.execute(
                f"{_SELECT} WHERE (?1 IS NULL OR session = ?1) AND (?3 IS NULL OR started_at >= ?3)"
                " ORDER BY started_at DESC, id DESC LIMIT ?2",
                (session and _text(session), -1 if limit is None else limit, since),
            ).fetchall()
        return [self._incident(row) for row in rows]

    def helped(self) -> dict[str, int]:
        """How often each remedy was carried out in an incident that the client then recovered from."""
        found: dict[str, int] = {}
        for incident in self.list(_LOOKED_BACK):
            if incident.outcome == "recovered":
                for remedy in {action.remedy for action in incident.actions if action.status == "ok"}:
                    found[remedy] = found.get(remedy, 0) + 1
        return found

    def _incident(self, row: tuple[Any, ...]) -> Incident:
        values = dict(zip(_COLUMNS, row, strict=True))
        try:
            values.update({name: json.loads(values[name]) for name in _LISTS})
            values["symptoms"] = [Symptom(**symptom) for symptom in values["symptoms"]]
            values["evidence"] = [Finding(**finding) for finding in values["evidence"]]
            values["actions"] = [Action(**action) for action in values["actions"]]
        except (ValueError, TypeError) as error:
            raise HistoryError(_damaged(self._path, f"incident {values['id']} is unreadable")) from error
        return Incident(**values)

    def _prepare(self) -> None:
        found = self._version()
        if found > len(_MIGRATIONS):
            raise HistoryError(
                f"{self._path} was written by a newer cc-guard (schema {found}, here {len(_MIGRATIONS)}),"
                " so it is left as it is.\nUpdate cc-guard, or move the file away with its -wal and -shm."
            )
        self._use_wal()
        # A log entry may be lost with the power, never torn; without this each save would wait for the disk.
        self._db.execute("PRAGMA synchronous = NORMAL")
        if found < len(_MIGRATIONS):
            with self._transaction():
                # Another process may have been first: the version counts that is read under the lock.
                for version in range(self._version(), len(_MIGRATIONS)):
                    for statement in _MIGRATIONS[version]:
                        self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")

    def _use_wal(self) -> None:
        # While another process writes to a new file, SQLite refuses this at once, without its busy timeout.
        deadline = time.monotonic() + _BUSY_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back after some errors (disk full).
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _make_private(path: str) -> None:
    """Create `path` with mode 0600 before SQLite would with the umask; its -wal and -shm inherit the mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # Not opened: closing a descriptor of it would drop the locks this process may hold through SQLite.
        if os.stat(path).st_mode & 0o077:
            os.chmod(path, 0o600)
    else:
        os.close(descriptor)


def _is_dead(owner: Owner, saved_at: float) -> bool:
    gone = owner.is_gone()
    return time.time() - saved_at > _UNSEEN_OWNER_S if gone is None else gone


def _text(value: str) -> str:
    """`value` without lone surrogates (bytes that were not UTF-8), which SQLite refuses."""
    return value.encode("utf-8", "replace").decode()


def _storable(value: Any, name: str = "") -> Any:
    """`value` as JSON data, without secrets and without what JSON or SQLite refuse."""
    if isinstance(value, str):
        return MASK if is_secret_name(name) else redact(_text(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, dict):
        return {str(key): _storable(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_storable(item, name) for item in value]
    if is_dataclass(value):
        return {field.name: _storable(getattr(value, field.name), field.name) for field in fields(value)}
    return _storable(str(value), name)


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn what SQLite or the file system raises into a HistoryError."""
    try:
        yield
    except sqlite3.Error as error:
        raise HistoryError(_sentence(path, error)) from error
    except OSError as error:
        raise HistoryError(
            f"{path} can't be opened: {error.strerror}.\nCheck the owner and mode of the file and its folder."
        ) from error


def _sentence(path: str, error: sqlite3.Error) -> str:
    # The low byte is the primary result code: https://www.sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(path, str(error))
    if code == sqlite3.SQLITE_BUSY:
        return f"{path} is busy: another cc-guard kept writing for {_BUSY_S:g} s.\nTry again."
    if code == sqlite3.SQLITE_FULL:
        return f"{path} can't be written: the disk is full.\nFree some space; the history so far is safe."
    return f"{path} can't be used: {error}.\nCheck owner and mode of the file and its folder, and free space."


def _damaged(path: str, why: str) -> str:
    # With its -wal and -shm: SQLite would play a log that stays behind into the new file.
    folder = shlex.quote(os.path.join(os.path.dirname(path), "damaged"))
    move = f"mkdir -p {folder} && mv {shlex.quote(path)}* {folder}"
    return f"{path} is damaged: {why}.\nMove it away and cc-guard starts a new one: {move}"
