"""A question answered on the screen that takes the terminal of a held client, on a machine whose network
breaks for real."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import unavailable
from tests.netns.namespaces import SetupError, missing
from tests.netns.scenario import FOLDER, load
from tests.support import terminal as terminals
from tests.support.client import InstallError, box_shown
from tests.support.guarded import PATIENCE_S, Guarded, guarded

pytestmark = pytest.mark.client

FAULT = "ipv6_first_resets"
REMEDY = "ipv6.prefer_v4"
ANSWER = "● back again"


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Guarded]:
    """Held, and asked on the incident screen whether IPv4 may be used instead of the broken IPv6."""
    if not terminals.available:
        unavailable("tmux is not installed")
    if reason := missing():
        unavailable(reason)
    try:
        with guarded(tmp_path, load(FOLDER / f"{FAULT}.toml"), "linux") as one:
            one.ready()
            one.turn_into(FAULT)
            one.terminal.prompt("say back again")
            shown = one.terminal.wait_for("ASKS YOU", PATIENCE_S)
            assert "say back again" in shown, "the client's picture has gone"
            assert _stopped(one)
            time.sleep(1.0)  # nobody reads faster
            yield one
    except (SetupError, InstallError) as error:
        unavailable(str(error))


def test_yes(asked: Guarded) -> None:
    asked.terminal.key("y")
    screen = asked.terminal.wait_for(ANSWER, PATIENCE_S)
    asked.until(lambda: asked.actions()[-1:] == [f"{REMEDY}:ok"], "not carried out")
    assert screen.count(ANSWER) == 1
    _client_has_its_terminal(asked)
    asked.leave()
    assert asked.incidents()[0]["outcome"] == "recovered"


def test_no(asked: Guarded) -> None:
    asked.terminal.key("n")
    asked.terminal.wait_for(lambda screen: "ASKS YOU" not in screen, 5)
    asked.until(lambda: not asked.asked(), "still asked", 5)
    time.sleep(1.0)
    assert ANSWER not in asked.terminal.screen()
    assert _stopped(asked), "a no is no release"
    asked.turn_into("healthy")
    asked.terminal.wait_for(ANSWER, PATIENCE_S)
    asked.until(lambda: asked.incidents()[0]["outcome"] == "recovered", "not recovered")
    assert f"{REMEDY}:refused" in asked.actions()
    assert f"{REMEDY}:ok" not in asked.actions()
    _client_has_its_terminal(asked)
    asked.leave()


def _stopped(one: Guarded) -> bool:
    return any(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in one.clients())


def _client_has_its_terminal(one: Guarded) -> None:
    """The incident screen has gone, and what is typed arrives."""
    one.terminal.wait_for(lambda screen: "Esc close" not in screen and box_shown(screen), 5)
    one.terminal.type("still mine")
    one.terminal.wait_for("still mine", 5)
    one.terminal.key("C-u")
    one.terminal.wait_for(lambda screen: "still mine" not in screen, 5)
