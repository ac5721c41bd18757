"""What the history gets of an incident, and that a history in trouble troubles nobody else."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cc_guard import paths
from cc_guard.guard import journal as journal_module
from cc_guard.guard.diagnosis import Diagnosis
from cc_guard.guard.journal import Journal
from cc_guard.history import History, HistoryError
from cc_guard.incident.machine import Report
from cc_guard.incident.record import Action, Finding, Symptom


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def journal() -> Iterator[Journal]:
    one = Journal("session")
    yield one
    one.close()


def report(ago: float = 60.0, **more: object) -> Report:
    started = time.monotonic() - ago
    symptom = Symptom(time.time() - ago, "connection", "retrying", "ECONNRESET", None, 2, 10, 1.0, "row")
    values = {"kind": "connection", "symptoms": (symptom,), "retries_spent": 2} | more
    return Report(started=started, **values)  # type: ignore[arg-type]


def test_one_incident_is_one_row_from_the_first_word_to_the_last(journal: Journal) -> None:
    journal.client_version = "2.1.330"
    first = report()
    journal.record(first)
    with History() as history:
        assert [incident.outcome for incident in history.list()] == ["open"]
    finding = Finding("api.path", "fail", "refused")
    action = Action("hold.wait", "ok", "", time.time(), 30.0)
    now = time.monotonic()
    journal.record(
        Report(
            started=first.started,
            kind="connection",
            code="ECONNRESET",
            outcome="recovered",
            ended=now,
            symptoms=first.symptoms,
            findings=(finding,),
            actions=(action,),
            sources=("screen", "transcript"),
            retries_spent=3,
            held_s=30.0,
            reachable=now - 1.5,
            progressed=now - 1.0,
        )
    )
    with History() as history:
        (incident,) = history.list()
    assert (incident.outcome, incident.kind, incident.code) == ("recovered", "connection", "ECONNRESET")
    assert (incident.session, incident.profile, incident.client_version) == ("session", "generic", "2.1.330")
    assert (incident.retries_spent, incident.held_s) == (3, 30.0)
    assert incident.signals == ["screen", "transcript"]
    assert [finding.probe for finding in incident.evidence] == ["api.path"]
    assert [action.remedy for action in incident.actions] == ["hold.wait"]


def test_times_are_those_of_the_wall(journal: Journal) -> None:
    """The machine counts on CLOCK_MONOTONIC; the history is for people."""
    now = time.monotonic()
    journal.record(
        report(ago=100, outcome="recovered", ended=now, progressed=now - 20, reachable=now - 20.25)
    )
    with History() as history:
        (incident,) = history.list()
    assert incident.started_at == pytest.approx(time.time() - 100, abs=5)
    assert incident.ended_at == pytest.approx(time.time() - 20, abs=5)
    assert incident.downtime_s == pytest.approx(80, abs=0.1)
    assert incident.recovery_s == pytest.approx(0.25, abs=0.01)


def test_what_is_not_known_is_not_made_up(journal: Journal) -> None:
    journal.record(report(outcome="failed", ended=time.monotonic()))
    with History() as history:
        (incident,) = history.list()
    assert incident.recovery_s is None
    assert (incident.cause, incident.confidence) == ("unknown", 0.0)


def test_progress_seen_before_the_probe_that_saw_it_is_no_negative_recovery(journal: Journal) -> None:
    now = time.monotonic()
    journal.record(report(outcome="recovered", ended=now, progressed=now - 2, reachable=now - 1))
    with History() as history:
        assert history.list()[0].recovery_s == 0


def test_the_next_incident_is_another_row(journal: Journal) -> None:
    for outcome in ("failed", "recovered"):
        journal.record(report(outcome="open"))
        journal.record(report(outcome=outcome, ended=time.monotonic()))
    with History() as history:
        assert sorted(incident.outcome for incident in history.list()) == ["failed", "recovered"]


def test_incidents_of_dead_guards_are_closed_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    monkeypatch.setattr(History, "abandon_dead", lambda self: called.append(1))
    Journal("session").close()
    assert called == [1]


# A history in trouble


def test_a_locked_history_costs_a_moment(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    """Another program that keeps writing: less than the lease of 5 s for each word, and nothing else."""
    other = sqlite3.connect(paths.database(), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    journal.record(report())
    assert time.monotonic() - start < 4
    assert "busy" in journal.problem
    journal.record(report())
    other.execute("ROLLBACK")
    other.close()
    assert capsys.readouterr().err.count("busy") == 1, "said once"
    journal.record(report(outcome="failed", ended=time.monotonic()))
    with History() as history:
        assert [incident.outcome for incident in history.list()] == ["failed"], "nothing is lost in the end"


@pytest.mark.parametrize("error", [HistoryError("full"), OverflowError("too large"), MemoryError()])
def test_whatever_goes_wrong_it_does_not_raise(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """What follows a word to the history may be the end of a hold."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(History, "save", fail)
    journal.record(report())
    journal.record(report(outcome="failed", ended=time.monotonic()))


def test_a_number_that_no_database_takes(journal: Journal) -> None:
    journal.record(report(retries_spent=10**30))
    assert journal.problem


def test_a_history_that_could_not_be_opened_is_tried_again_when_nothing_hangs_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = History

    def refuse() -> History:
        raise HistoryError("busy")

    monkeypatch.setattr(journal_module, "History", refuse)
    journal = Journal("session")
    journal.record(report())
    monkeypatch.setattr(journal_module, "History", real)
    journal.record(report())
    with History() as history:
        assert history.list() == [], "not in the middle of an incident"
    journal.record(report(outcome="recovered", ended=time.monotonic()))
    with History() as history:
        assert [incident.outcome for incident in history.list()] == ["recovered"]
    journal.close()


def test_a_folder_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    journal = Journal("session")
    journal.record(report())
    journal.record(report(outcome="failed", ended=time.monotonic()))
    journal.close()
    assert journal.problem


def test_a_home_that_is_not_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(odd)
    monkeypatch.setenv("XDG_STATE_HOME", odd)
    journal = Journal("session")
    journal.record(report(outcome="failed", ended=time.monotonic()))
    journal.close()
    assert not journal.problem


FOUND = Diagnosis("proxy.auth", 0.9, "The proxy wants a password.", (Finding("proxy", "fail", "407"),))


def test_the_cause_of_a_failure_may_become_known_after_its_end(journal: Journal) -> None:
    failed = report(outcome="failed", ended=time.monotonic())
    journal.record(failed)
    journal.explain(failed.started, FOUND)
    with History() as history:
        (incident,) = history.list()
    assert (incident.cause, incident.confidence, incident.outcome) == ("proxy.auth", 0.9, "failed")
    assert [finding.probe for finding in incident.evidence] == ["proxy"]


@pytest.mark.parametrize(
    ("more", "found", "other"),
    [
        ({"outcome": "recovered", "progressed": 1.0}, FOUND, False),
        ({"outcome": "failed"}, Diagnosis("unknown", 0.3, "", ()), False),
        ({"outcome": "failed"}, FOUND, True),
        ({"outcome": "failed", "cause": "dns.stale", "confidence": 0.9}, FOUND, False),
        ({"outcome": "open"}, FOUND, False),
    ],
    ids=["recovered", "nothing found", "another incident", "known", "open"],
)
def test_what_is_known_or_over_is_not_explained_anew(
    journal: Journal, more: dict[str, Any], found: Diagnosis, other: bool
) -> None:
    ended = None if more["outcome"] == "open" else time.monotonic()
    one = report(60.0, ended=ended, **more)
    journal.record(one)
    journal.explain(one.started + (1.0 if other else 0.0), found)
    with History() as history:
        (incident,) = history.list()
    assert incident.cause == more.get("cause", "unknown")
    assert incident.evidence == []
