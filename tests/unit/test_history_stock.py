"""What the stock client would have made of an outage: no minutes are invented."""

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cc_guard.history_report import stock
from cc_guard.history_report.stock import RETRIES, SLACK_S, WAITS_S, compare, retries, wait_s
from cc_guard.incident.record import Action, Incident, Kind, Outcome, Symptom

T = 1_795_283_592.0
LAST_S = sum(wait_s(number) for number in range(2, RETRIES + 1))  # from the row of retry 2 to the last retry


def outage(lasts_s: float, back_s: float = 0.3, attempt: int = 2, **changes: object) -> Incident:
    """Held from the row of retry `attempt` on; the API answers after `lasts_s`, the client `back_s` later."""
    full = Incident(
        id="a",
        session="s",
        started_at=T,
        ended_at=T + lasts_s + back_s,
        kind="connection",
        symptoms=[Symptom(T, "connection", "retrying", attempt=attempt, max_attempts=RETRIES)],
        actions=[Action("hold.wait", "ok", "", T, lasts_s)],
        outcome="recovered",
        recovery_s=back_s,
        retries_spent=attempt,
    )
    return dataclasses.replace(full, **changes)  # type: ignore[arg-type]


def test_the_waits_are_those_that_were_measured() -> None:
    row = Symptom(T, "connection", "retrying", attempt=1, max_attempts=10)
    assert [round(t - T, 1) for _, t in retries(row)] == [
        *(0.5, 1.5, 3.5, 7.5, 16.5, 35.5, 70.5, 105.5, 140.5, 175.5)
    ]
    # Given up after 177 s and 183 s.
    assert 177 - 175.5 < 183 - 175.5 <= SLACK_S


def test_a_short_outage_saves_the_wait_for_the_next_retry_alone() -> None:
    # From the row of retry 2: retries after 1, 3, 7, 16, 35, 70 s.
    found = compare(outage(30.0))
    assert (found.fate, found.retries_saved) == ("next_retry", 4)
    assert found.sooner_s == pytest.approx(35.0 - 30.3)


def test_where_the_next_retry_was_quicker_the_loss_is_told() -> None:
    found = compare(outage(6.9, back_s=4.0))
    assert found.fate == "next_retry"
    assert found.sooner_s == pytest.approx(7.0 - 10.9)


def test_a_countdown_on_the_screen_is_believed() -> None:
    row = Symptom(T, "server_error", "retrying", attempt=2, max_attempts=10, retry_in_s=20.0)
    found = compare(outage(5.0, symptoms=[row]))
    assert found.sooner_s == pytest.approx(20.0 - 5.3)


def test_a_countdown_that_is_rounded_up_saves_nothing() -> None:
    row = Symptom(T, "connection", "retrying", attempt=2, max_attempts=10, retry_in_s=2.0)
    assert compare(outage(30.0, symptoms=[row])) == compare(outage(30.0))


def test_a_long_outage_counts_as_a_session_and_not_as_time() -> None:
    assert compare(outage(LAST_S + SLACK_S + 0.1)) == stock.Stock("ended", None, 8)
    assert compare(outage(LAST_S + SLACK_S - 0.1)).fate == "unknown"
    assert compare(outage(LAST_S - 0.1)).fate == "next_retry"


def test_a_client_that_was_told_to_allow_fewer_retries_ends_sooner() -> None:
    row = Symptom(T, "connection", "retrying", attempt=2, max_attempts=3)
    assert compare(outage(20.0, symptoms=[row])) == stock.Stock("ended", None, 1)


@pytest.mark.parametrize("remedy", ["client.nudge", "client.restart"])
def test_one_that_gave_up_and_was_made_to_go_on_had_ended(remedy: str) -> None:
    gave_up = Symptom(T + 177, "connection", "failed", confirmed=True)
    revived = Action(remedy, "ok", "", T + 200)
    found = compare(outage(199.0, symptoms=[gave_up], actions=[revived], retries_spent=10))
    assert found == stock.Stock("ended", None, 0)
    late = dataclasses.replace(gave_up, t=T + 201)
    assert compare(outage(199.0, symptoms=[late], actions=[revived])).fate != "ended"
    failed = dataclasses.replace(revived, status="failed")
    assert compare(outage(199.0, symptoms=[gave_up], actions=[failed])).fate != "ended"


def test_what_it_did_alone_is_not_claimed() -> None:
    assert compare(outage(30.0, actions=[])) == stock.Stock("alone", None, 0)
    flushed = Action("dns.flush", "ok", "", T)
    assert compare(outage(30.0, actions=[flushed])).fate == "unknown"


@pytest.mark.parametrize("kind", ["timeout", "stall", "tls", "overloaded"])
def test_retries_of_unknown_length_are_not_computed(kind: Kind) -> None:
    assert compare(outage(3600.0, kind=kind)).fate == "unknown"


def test_what_nobody_recorded_is_not_computed() -> None:
    assert compare(outage(30.0, recovery_s=None)).fate == "unknown"
    assert compare(outage(30.0, symptoms=[])).fate == "unknown"
    assert compare(outage(30.0, ended_at=None)).fate == "lost"


@pytest.mark.parametrize("outcome", ["failed", "released", "abandoned", "open"])
def test_only_a_recovery_counts(outcome: Outcome) -> None:
    assert compare(outage(3600.0, outcome=outcome)) == stock.Stock("lost")


seconds = st.floats(0, 10_000, allow_nan=False)
attempts = st.integers(1, 15)


@given(seconds, st.floats(0, 60), attempts, st.integers(1, 15))
def test_time_is_never_more_than_one_wait(lasts_s: float, back_s: float, attempt: int, most: int) -> None:
    row = Symptom(T, "connection", "retrying", attempt=attempt, max_attempts=most)
    found = compare(outage(lasts_s, back_s, attempt, symptoms=[row]))
    if found.sooner_s is not None:
        assert found.fate == "next_retry"
        assert -back_s - 1e-3 <= found.sooner_s <= max(WAITS_S) + 1e-3
    if found.retries_saved is not None:
        assert 0 <= found.retries_saved <= max(0, most - attempt)


@given(seconds, attempts)
def test_it_would_have_ended_only_after_its_last_retry(lasts_s: float, attempt: int) -> None:
    assume(attempt <= RETRIES)
    found = compare(outage(lasts_s, 0.0, attempt))
    last = sum(wait_s(number) for number in range(attempt, RETRIES + 1))
    assume(min(abs(lasts_s - last), abs(lasts_s - last - SLACK_S)) > 1e-3)
    expected = "next_retry" if lasts_s < last else "ended" if lasts_s > last + SLACK_S else "unknown"
    assert found.fate == expected


@given(seconds, seconds)
def test_a_longer_outage_never_spares_fewer_retries(one: float, other: float) -> None:
    short, long = sorted((one, other))
    first, second = compare(outage(short)).retries_saved, compare(outage(long)).retries_saved
    if first is not None and second is not None:
        assert first <= second


@given(seconds, st.lists(st.floats(0.001, 5_000), max_size=5))
def test_what_came_after_the_hold_does_not_matter(lasts_s: float, later: list[float]) -> None:
    """cc-guard has changed it: a client that was let through once shows rows that stock would not."""
    plain = outage(lasts_s)
    rows = [
        Symptom(T + t, "connection", "retrying", attempt=9, max_attempts=10, retry_in_s=0.1) for t in later
    ]
    assert compare(outage(lasts_s, symptoms=[*plain.symptoms, *rows])) == compare(plain)


@given(st.integers(), st.integers() | st.none(), st.floats(allow_nan=False, allow_infinity=False) | st.none())
def test_nonsense_on_a_screen_ends(attempt: int, most: int | None, wait: float | None) -> None:
    row = Symptom(T, "connection", "retrying", attempt=attempt, max_attempts=most, retry_in_s=wait)
    compare(outage(30.0, symptoms=[row]))
    assert sum(1 for _ in retries(row)) <= 1000
