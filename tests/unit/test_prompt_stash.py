"""A draft that the user has put aside (Ctrl-S): the client's process alone has it, and a new one has not."""

import pytest

from cc_guard.detect.prompt import read_prompt
from cc_guard.detect.signatures import shipped
from cc_guard.incident.moment import Moment, against_restart, against_typing
from cc_guard.screen.model import Screen

COLUMNS = 100
RULE = f"\x1b[38;2;136;136;136m{'─' * COLUMNS}\x1b[m"
EMPTY = "❯\xa0\x1b[7m \x1b[m"
AT_REST = "? for shortcuts"


def stashed(above: str, footer: str) -> bool:
    screen = Screen(COLUMNS, 12)
    screen.feed("\r\n".join(("● hello", "", above, RULE, EMPTY, RULE, footer)).encode())
    return read_prompt(screen, shipped(), False).stashed


@pytest.mark.parametrize(
    ("above", "footer"),
    [
        ("  › Stashed (auto-restores after submit)", f"  {AT_REST}"),  # 2.1.30, 2.1.112
        ("", f"  ⏸ manual mode on · {AT_REST}{' ' * 40}› stashed"),  # 2.1.240
        ("", f"  ⏸ manual mode on · {AT_REST}{' ' * 40}draft stashed"),  # 2.1.330
    ],
)
def test_a_stash_is_seen_beside_the_box(above: str, footer: str) -> None:
    assert stashed(above, footer)


@pytest.mark.parametrize("above", ["", "● I have stashed the changes.", "  git stash: stashed 3 files"])
def test_other_words_are_none(above: str) -> None:
    assert not stashed(above, f"  {AT_REST}")


@pytest.mark.parametrize("retrying", [False, True])
def test_the_client_is_not_started_anew_over_it(retrying: bool) -> None:
    moment = Moment("busy" if retrying else "empty", keys_s=60.0, session=True, kept=True, stashed=True)
    assert "stashed" in against_restart(moment, retrying)


def test_it_may_be_told_to_go_on() -> None:
    """The client gives the stash back to its box when the next prompt is sent (measured 2.1.240)."""
    assert against_typing(Moment("empty", keys_s=60.0, session=True, stashed=True)) == ""
