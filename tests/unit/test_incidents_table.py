"""The table of incidents fits the terminal, whatever is in it and however wide it is."""

import string

from hypothesis import given
from hypothesis import strategies as st

from cc_guard.history_report.table import short_ids, table
from cc_guard.history_report.words import span
from cc_guard.incident.record import Action, Incident, Symptom

T = 1_795_283_592.0
ID = "20261121-175312-3f2a"


def incident(**changes: object) -> Incident:
    given_ = {
        "id": ID,
        "session": "s",
        "started_at": T,
        "ended_at": T + 61,
        "kind": "connection",
        "code": "ECONNRESET",
        "cause": "tcp.blocked",
        "symptoms": [Symptom(T, "connection", "retrying", attempt=2, max_attempts=10)],
        "actions": [Action("hold.wait", "ok", "", T + 0.1, 60.0)],
        "outcome": "recovered",
        "held_s": 60.0,
        "downtime_s": 61.0,
        "recovery_s": 0.3,
        "retries_spent": 2,
    }
    return Incident(**{**given_, **changes})  # type: ignore[arg-type]


def plainly(incidents: list[Incident], width: int | None) -> list[str]:
    return table(incidents, width, short_ids(one.id for one in incidents), lambda text, _: text).splitlines()


def test_a_pipe_gets_all_of_it() -> None:
    header, row = plainly([incident()], None)
    assert header.split() == [
        "ID",
        "WHEN",
        "WHAT",
        "CAUSE",
        "HELPED",
        "OUTCOME",
        "DOWN",
        "HELD",
        "RETRIES",
        "SAVED",
    ]
    # By its back-off the stock client would have got through with retry 7, 69 s after the row of retry 2.
    assert row.split()[3:] == [
        *("connection", "ECONNRESET", "tcp.blocked", "pause", "recovered", "1m01s", "1m00s", "2", "5")
    ]
    assert row.split()[0] == ID


def test_80_columns_have_what_people_ask_for() -> None:
    header, row = plainly([incident()], 80)
    assert header.split() == ["ID", "WHEN", "WHAT", "CAUSE", "OUTCOME", "DOWN", "RETRIES", "SAVED"]
    assert row.split()[3:] == ["ECONNRESET", "tcp.blocked", "✓", "pause", "1m01s", "2", "5"]
    long = incident(
        cause="tls.untrusted_ca", code="UNABLE_TO_VERIFY_LEAF_SIGNATURE", outcome="released", id="b"
    )
    header, _, row = plainly([incident(), long], 80)
    assert header.split() == ["ID", "WHEN", "WHAT", "CAUSE", "OUTCOME", "DOWN"]
    assert row.split()[3:] == ["UNABLE_TO_VERIF…", "tls.untrusted_ca", "✗", "released", "1m01s"]


def test_a_narrow_panel_has_the_outcome_and_how_long() -> None:
    header, row = plainly([incident(outcome="failed")], 28)
    assert header.split() == ["ID", "OUTCOME", "DOWN"]
    assert row.split() == ["3f2a", "✗", "failed", "1m01s"]


names = st.text(string.ascii_letters + string.digits + "._- ", min_size=1, max_size=60)


@given(
    st.lists(
        st.builds(
            incident,
            id=st.text(string.ascii_lowercase + string.digits, min_size=4, max_size=20),
            code=names | st.none(),
            cause=st.sampled_from(["tls.untrusted_ca", "unknown", None]),
            outcome=st.sampled_from(["recovered", "failed", "released", "abandoned", "open"]),
            actions=st.lists(st.builds(Action, names, st.just("ok"), names, st.just(T)), max_size=4),
            downtime_s=st.none() | st.floats(0, 1e6),
            retries_spent=st.integers(0, 999),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda one: one.id,
    ),
    st.integers(32, 260),
)
def test_no_line_is_wider_than_the_terminal(incidents: list[Incident], width: int) -> None:
    lines = plainly(incidents, width)
    assert len(lines) == len(incidents) + 1
    assert max(map(len, lines)) <= width


def test_colours_take_no_room() -> None:
    painted = table([incident()], None, {}, lambda text, sgr: f"\033[{sgr}m{text}\033[m")
    assert "\033[32mrecovered\033[m" in painted
    for code in ("\033[32m", "\033[1m", "\033[m"):
        painted = painted.replace(code, "")
    assert painted.splitlines() == plainly([incident()], None)


@given(st.lists(st.text("2016ab-", min_size=1, max_size=9), unique=True, max_size=12))
def test_a_short_id_stands_for_one_incident(ids: list[str]) -> None:
    """As History.get understands it: a whole id, or else a beginning or an end."""
    for whole, short in short_ids(ids).items():
        same = [one for one in ids if one == short]
        fits = same or [one for one in ids if one.startswith(short) or one.endswith(short)]
        assert fits == [whole]


def test_spans() -> None:
    found = [span(s) for s in (None, 0, 0.04, 9.94, 9.96, 59.4, 59.6, 3599.6, 3661)]
    assert found == ["-", "0.0s", "0.0s", "9.9s", "10s", "59s", "1m00s", "1h00m", "1h01m"]
