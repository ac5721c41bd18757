"""Whether this is a moment to type something, or to start the client anew."""

from dataclasses import replace

import pytest

from cc_guard.incident.moment import Moment, against_restart, against_typing

SAFE = Moment("empty", keys_s=60.0, session=True, kept=True)


def test_at_rest_both_may_be_done() -> None:
    assert (against_typing(SAFE), against_restart(SAFE, False)) == ("", "")


@pytest.mark.parametrize("retrying", [False, True])
def test_what_runs_in_the_background_would_end_with_the_client(retrying: bool) -> None:
    """Measured on 2.1.273: a shell in the background is gone after a restart."""
    moment = replace(SAFE, prompt="busy" if retrying else "empty", background=1)
    assert "background" in against_restart(moment, retrying)


def test_what_runs_in_the_background_does_not_mind_a_nudge() -> None:
    assert against_typing(replace(SAFE, background=1)) == ""
