"""A connection that stands, and whose packets vanish: the client shows that it works, and waits for minutes.

What people are told meanwhile, and that there is one incident, nothing held, no retry spent.
"""

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.netns.namespaces import SetupError, missing
from tests.netns.scenario import FOLDER, load
from tests.support import terminal as terminals
from tests.support.client import InstallError, installed
from tests.support.guarded import VERSION, Guarded, guarded

pytestmark = [
    pytest.mark.client,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]

TOLD_S = 60.0  # 10 s of silence and two probes of 5 s, on a machine with other work
GONE = "oifname != lo drop"


@pytest.mark.parametrize("fault", ["", "slow,first=30"], ids=["packets vanish", "slow API"])
def test_a_silence_is_told_when_the_network_is_the_reason(fault: str, tmp_path: Path) -> None:
    if not terminals.available:
        unavailable("tmux is not installed")
    try:
        installed(VERSION)
        with guarded(tmp_path, load(FOLDER / "healthy.toml"), "linux") as session:
            _play(session, fault)
    except (SetupError, InstallError) as error:
        unavailable(str(error))


def _play(session: Guarded, fault: str) -> None:
    session.ready()
    session.terminal.prompt("say all is well")
    session.terminal.wait_for("● all is well", 40)
    time.sleep(1.0)
    if fault:
        session.api.set_fault(fault)
        session.terminal.prompt("say back again")
        session.terminal.wait_for("● back again", 90)
        assert session.incidents() == [], "slow is not broken"
    else:
        with contextlib.ExitStack() as stack:
            stack.enter_context(session.stage.here.nft(outgoing=[GONE]))
            session.terminal.prompt("say back again")
            session.until(lambda: bool(session.incidents()), "nobody says that nothing comes", TOLD_S)
            incident = session.incidents()[0]
            assert (incident["kind"], incident["outcome"]) == ("stall", "open")
        session.terminal.wait_for("● back again", 120)
        session.until(lambda: session.incidents()[0]["outcome"] != "open", "the incident is still open")
        assert _told(session.incidents()) == [("recovered", 0, 0.0, [])]
    session.leave()


def _told(incidents: list[dict[str, Any]]) -> list[tuple[str, int, float, list[str]]]:
    return [
        (
            one["outcome"],
            one["retries_spent"],
            one["held_s"],
            [action["remedy"] for action in one["actions"]],
        )
        for one in incidents
    ]
