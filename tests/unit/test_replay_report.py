"""How often detection is right, by labels made by hand."""

from typing import Any

import pytest

from cc_guard.incident.record import Kind, Phase, Symptom
from cc_guard.replay.player import Told
from cc_guard.replay.report import Episode, Score, episodes, score, table

RETRYING = Episode("retrying", 10.0, 20.0, frozenset({"connection", "timeout"}))
FAILED = Episode("failed", 20.0, 30.0, frozenset({"server_error"}), 503)


def told(
    at: float,
    phase: Phase = "retrying",
    kind: Kind = "connection",
    source: str = "screen",
    confirmed: bool = True,
    status: int | None = None,
) -> Told:
    return Told(at, Symptom(at, kind, phase, http_status=status, text="the row", confirmed=confirmed), source)


def test_a_healthy_recording_in_which_nothing_is_said() -> None:
    result = score("x", [], [])
    assert result == Score(recordings=1)
    assert result.good


def test_an_episode_that_is_found() -> None:
    result = score("x", [RETRYING], [told(10.1), told(12.0), told(19.0), told(20.0, "cleared")])
    assert (result.episodes, result.found) == (1, 1)
    assert result.delays == [pytest.approx(0.1)]
    assert result.good


def test_an_episode_that_is_missed() -> None:
    result = score("x", [RETRYING, FAILED], [told(12.0)])
    assert (result.episodes, result.found) == (2, 1)
    assert result.missed == ["x: failed from 20.0 s"]
    assert not result.good


def test_a_symptom_where_there_is_nothing() -> None:
    result = score("x", [], [told(5.0), told(6.0, "failed"), told(7.0, "waiting"), told(8.0, "cleared")])
    assert result.false_retrying == ["x: at 5.0 s: the row"]
    assert result.false_failed == ["x: at 6.0 s: the row"]
    assert not result.good


def test_a_symptom_before_its_time_and_after_it() -> None:
    for at, false in ((9.4, 1), (9.6, 0), (20.4, 0), (20.6, 1)):
        assert len(score("x", [RETRYING], [told(12.0), told(at)]).false_retrying) == false, at
    for at, false in ((17.9, 1), (18.1, 0), (31.9, 0), (32.1, 1)):
        symptoms = [told(25.0, "failed", "server_error", status=503), told(at, "failed", "server_error")]
        assert len(score("x", [FAILED], symptoms).false_failed) == false, at


def test_a_failure_that_nobody_has_confirmed_is_a_suspicion() -> None:
    result = score("x", [], [told(5.0, "failed", confirmed=False)])
    assert result.suspicions == 1
    assert result.good


def test_an_episode_of_one_phase_does_not_excuse_another() -> None:
    result = score("x", [RETRYING], [told(12.0), told(13.0, "failed")])
    assert len(result.false_failed) == 1


def test_a_wrong_kind_is_named_by_the_last_word() -> None:
    """The first attempts have no reason yet."""
    right = [told(11.0, kind="server_error"), told(19.0, kind="timeout")]
    assert score("x", [RETRYING], right).good
    result = score("x", [RETRYING], [*list(reversed(right))[:1], told(19.5, kind="auth")])
    assert result.wrong_kind == ["x: auth at 19.5 s"]
    assert not result.good


def test_a_wrong_status() -> None:
    for status, wrong in (
        (503, []),
        (529, ["x: server_error 529 at 21.0 s"]),
        (None, ["x: server_error None at 21.0 s"]),
    ):
        result = score("x", [FAILED], [told(21.0, "failed", "server_error", status=status)])
        assert result.wrong_kind == wrong


def test_a_label_without_kinds_takes_any() -> None:
    assert score("x", [Episode("retrying", 10, 20)], [told(12.0, kind="auth")]).good


def test_the_transcript_may_speak_of_attempts_that_are_not_shown() -> None:
    """2.0 to 2.1.160 show nothing before attempt 4."""
    assert score("x", [RETRYING], [told(5.0, source="transcript"), told(10.0)]).good
    assert not score("x", [], [told(5.0, source="transcript")]).good, "of nothing, it may not"


def test_what_nobody_can_be_sure_of_is_neither_right_nor_wrong() -> None:
    unsure = Episode("unsure", 30.0, 40.0)
    assert score("x", [RETRYING, unsure], [told(12.0), told(35.0), told(36.0, "failed")]).good
    assert score("x", [RETRYING, unsure], [told(12.0)]).good
    assert not score("x", [RETRYING, unsure], [told(12.0), told(45.0)]).good


def test_waiting_is_not_scored() -> None:
    result = score("x", [Episode("waiting", 5.0, 9.0)], [])
    assert result.episodes == 0
    assert result.good


# Labels


def test_a_recording_without_labels_is_not_judged() -> None:
    assert episodes({}) is None
    assert episodes({"expect": None}) is None
    assert episodes({"expect": []}) == []


def test_labels() -> None:
    label = {"phase": "retrying", "since": 10, "until": 20.5, "kinds": ["connection"], "attempts": [4]}
    assert episodes({"expect": [label, label | {"http_status": 503}], "unsure": [[30, 40]]}) == [
        Episode("retrying", 10.0, 20.5, frozenset({"connection"})),
        Episode("retrying", 10.0, 20.5, frozenset({"connection"}), 503),
        Episode("unsure", 30.0, 40.0),
    ]


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"phase": "retryng"},
            {"phase": "unsure"},
            {"phase": None},
            {"phase": ["retrying"]},
            {"kinds": "connection"},
        ),
        *(
            {"kinds": None},
            {"kinds": [[]]},
            {"since": "now"},
            {"since": float("nan")},
            {"until": float("inf")},
        ),
        *({"until": 10**400}, {"until": None}, {"http_status": "503"}, {"http_status": True}),
    ],
)
def test_a_label_that_is_not_whole(change: dict[str, Any]) -> None:
    """A mistake in it must not pass for a recording that is read right."""
    label = {"phase": "retrying", "since": 10, "until": 20, "kinds": ["connection"]} | change
    with pytest.raises(ValueError, match="a label is not whole"):
        episodes({"expect": [label]})


@pytest.mark.parametrize(
    "expect", [5, "retrying", [5], [None], [[]], [{}], {"phase": "retrying"}, [{"phase": "failed"}]]
)
def test_labels_that_are_none(expect: object) -> None:
    with pytest.raises(ValueError, match="a label is not whole"):
        episodes({"expect": expect})


@pytest.mark.parametrize("unsure", [5, [5], [[1]], [[1, 2, 3]], [["a", "b"]], [None]])
def test_spans_that_are_none(unsure: object) -> None:
    with pytest.raises(ValueError, match="a label is not whole"):
        episodes({"expect": [], "unsure": unsure})


# The table


def test_the_table_has_a_line_a_version_and_one_for_all() -> None:
    one = score("one", [RETRYING], [told(10.25)])
    one.seconds, one.took_s = 60.0, 0.1
    two = score("two", [RETRYING, FAILED], [told(5.0), told(21.0, "failed", "auth", confirmed=False)])
    lines = table({"1.0.120": one, "2.1.330": two}).split("\n")
    assert lines[0].split("  ")[0] == "VERSION"
    assert lines[1].split() == ["1.0.120", "1", "1", "100", "%", "0", "0", "0", "0", "250", "ms", "600x"]
    assert lines[2].split() == ["2.1.330", "1", "2", "50", "%", "1", "0", "1", "0", "-", "-"]
    assert lines[3].split() == ["all", "2", "3", "67", "%", "1", "0", "1", "0", "250", "ms", "600x"]
    assert lines[4:] == [
        "Missed: two: retrying from 10.0 s",
        "False retrying: two: at 5.0 s: the row",
        "Wrong kind: two: auth None at 21.0 s",
    ]


def test_a_table_of_recordings_that_nobody_has_labelled() -> None:
    assert table({"unknown": Score(recordings=3)}).split("\n")[1].split() == ["unknown", "3", *"0-0000--"]
