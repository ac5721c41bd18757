"""Detection over recordings of the real client: five eras and more, faults and traps, sizes and themes.

Each says in its header what a person sees in it (tests/support/labels.py: by an eye of its own, not by
detection). `python -m tests.support.record --all` makes them anew.
"""

import functools
import os

import pytest

from cc_guard.detect.signatures import shipped
from cc_guard.replay.cast import Cast, read
from cc_guard.replay.player import Told, play
from cc_guard.replay.report import episodes, score
from tests.support.replay import FOLDER

NAMES = sorted(path.name.removesuffix(".cast.gz") for path in FOLDER.glob("*.cast.gz"))
BUDGET_S = 0.15  # from the frame to the symptom: DESIGN, section 8


@functools.cache
def recording(name: str) -> tuple[Cast, list[Told]]:
    cast = read(os.fspath(FOLDER / f"{name}.cast.gz"))
    return cast, play(cast, shipped())


@pytest.mark.parametrize("name", NAMES)
def test_recording(name: str) -> None:
    cast, told = recording(name)
    expected = episodes(cast.notes)
    assert expected is not None, "a recording without a label proves nothing"
    result = score(name, expected, told)
    assert result.missed == []
    assert result.false_retrying == []
    assert result.false_failed == []
    assert result.wrong_kind == []
    assert max(result.delays, default=0.0) <= BUDGET_S


def test_every_era_is_there_with_retries_and_traps() -> None:
    labelled = [(recording(name)[0].notes["version"], recording(name)[0].notes["expect"]) for name in NAMES]
    versions = {version for version, _ in labelled}
    assert len(versions) >= 7
    for version in versions:
        labels = [expect for found, expect in labelled if found == version]
        assert any(label["phase"] == "retrying" for expect in labels for label in expect), version
        assert [] in labels, f"{version}: no trap"


def test_failures_are_confirmed_where_the_transcript_tells() -> None:
    """From 1.0.85 on the recordings hold the client's hooks and transcript."""
    for name in NAMES:
        cast, told = recording(name)
        version = tuple(map(int, cast.notes["version"].split(".")))
        failed = [label for label in cast.notes["expect"] if label["phase"] == "failed"]
        if failed and version >= (1, 0, 85):
            assert any(one.symptom.phase == "failed" and one.symptom.confirmed for one in told), name


def test_a_retry_that_ends_in_an_answer_is_cleared() -> None:
    for name in NAMES:
        cast, told = recording(name)
        phases = [one.symptom.phase for one in told]
        shown = [label["until"] for label in cast.notes["expect"] if label["phase"] == "retrying"]
        if shown and max(shown) < cast.seconds - 1:  # else it still retries at the end
            last = max(n for n, phase in enumerate(phases) if phase == "retrying")
            assert {"cleared", "failed"} & set(phases[last:]), f"{name}: how did it end?"


def test_a_recording_says_the_same_every_time() -> None:
    cast, told = recording(NAMES[0])
    assert play(cast, shipped()) == told
