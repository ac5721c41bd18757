"""Detection over recordings of the real client, made by tests/support/record.py, named by what happened.

`SHOWN` is what a person sees in a recording: the retry attempts on the screen, and what they are about at the
end. In every recording that is not listed nothing is retried, whatever the words on the screen say: answers,
tool results and prompts that quote retry rows, menus, long answers, failures without a visible retry.
"""

import pytest

from tests.support.replay import FOLDER, symptoms

SHOWN = {
    "1.0.120-after-tool-120x40": ([4, 5], "connection"),
    "1.0.120-hold-120x40": ([4], "connection"),
    "1.0.120-hold-short-120x40": ([4, 5], "connection"),
    "1.0.120-outage-120x40": ([4, 5, 6], "connection"),
    "1.0.120-outage-60x24": ([4, 5, 6], "connection"),
    "1.0.120-queued-120x40": ([4, 5], "connection"),
    "1.0.120-retry-401-120x40": ([4, 5], "auth"),
    "1.0.120-retry-429-120x40": ([4, 5], "rate_limit"),
    "1.0.120-retry-503-120x40": ([4, 5], "server_error"),
    "1.0.120-retry-529-120x40": ([4, 5], "overloaded"),
    "2.0.60-after-tool-120x40": ([4, 5], "connection"),
    "2.0.60-hold-120x40": ([4], "connection"),
    "2.0.60-hold-short-120x40": ([4, 5], "connection"),
    "2.0.60-outage-120x40": ([4, 5, 6], "connection"),
    "2.0.60-outage-60x24": ([4, 5, 6], "connection"),
    "2.0.60-queued-120x40": ([4, 5], "connection"),
    "2.0.60-retry-401-120x40": ([4, 5], "auth"),
    "2.0.60-retry-429-120x40": ([4, 5], "rate_limit"),
    "2.0.60-retry-503-120x40": ([4, 5], "server_error"),
    "2.0.60-retry-529-120x40": ([4, 5], "overloaded"),
    "2.1.330-after-tool-120x40": ([1, 2, 3, 4, 5], "connection"),
    "2.1.330-given-up-120x40": ([1, 2], "connection"),
    "2.1.330-hold-120x40": ([1, 2, 3], "connection"),
    "2.1.330-hold-short-120x40": ([1, 2, 3, 4, 5], "connection"),
    "2.1.330-outage-120x40": ([1, 2, 3, 4, 5, 6], "connection"),
    "2.1.330-outage-60x24": ([1, 2, 3, 4, 5, 6], "connection"),
    "2.1.330-queued-120x40": ([1, 2, 3, 4, 5], "connection"),
    "2.1.330-retry-401-120x40": ([1, 2, 3, 4, 5], "auth"),
    "2.1.330-retry-429-120x40": ([1, 2, 3, 4, 5], "rate_limit"),
    "2.1.330-retry-503-120x40": ([1, 2, 3, 4, 5], "server_error"),
    "2.1.330-retry-529-120x40": ([1, 2], "connection"),  # gives up before it names the cause
    "2.1.330-status-401-120x40": ([1, 2], "auth"),
    "2.1.330-status-429-120x40": ([1, 2], "rate_limit"),
    "2.1.330-status-503-120x40": ([1, 2], "server_error"),
    "2.1.330-status-529-120x40": ([1, 2], "overloaded"),
}
# A row that does not move and has no cause below it looks like an answer that quotes one (1.0.120): it is
# believed when its counter moves.
BELIEVED_LATE = "1.0.120-retry-"
NAMES = sorted(path.name.removesuffix(".cast.gz") for path in FOLDER.glob("*.cast.gz"))


@pytest.mark.parametrize("name", NAMES)
def test_recording(name: str) -> None:
    found = symptoms(FOLDER / f"{name}.cast.gz")
    retrying = [symptom for symptom in found if symptom.phase == "retrying"]
    shown, kind = SHOWN.get(name, ([], None))
    expected = shown[1:] if name.startswith(BELIEVED_LATE) else shown
    assert sorted({symptom.attempt for symptom in retrying if symptom.attempt}) == expected
    if retrying:
        assert retrying[-1].kind == kind
        assert found[-1].phase == "cleared", "every recording goes on until the retrying is over"
        assert all(symptom.max_attempts in (2, 10) for symptom in retrying)


def test_every_label_has_its_recording() -> None:
    assert set(SHOWN) <= set(NAMES)


def test_a_row_is_recognised_with_the_frame_that_shows_it() -> None:
    """2.1.330: one look, 40 ms after the last byte of the frame at most."""
    found = symptoms(FOLDER / "2.1.330-outage-120x40.cast.gz")
    first = {symptom.attempt: symptom.t for symptom in reversed(found)}
    drawn = {1: 23.90, 2: 24.63, 3: 25.73, 4: 27.83, 5: 32.65, 6: 42.39}
    for attempt, t in drawn.items():
        assert first[attempt] - t <= 0.15
