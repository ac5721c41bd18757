"""The ground the other end-to-end tests stand on: each real client alone, in a real terminal."""

from pathlib import Path

import pytest

from tests.conftest import OpenTerminal
from tests.standin.api import StandIn
from tests.support.client import box_shown

pytestmark = pytest.mark.client


def test_it_answers(
    open_terminal: OpenTerminal, claude: Path, client_env: dict[str, str], work: Path, standin: StandIn
) -> None:
    terminal = open_terminal([str(claude)], client_env, work)
    terminal.wait_for(box_shown)
    terminal.prompt("say the quick brown fox")
    terminal.wait_for("● the quick brown fox")
    assert [request.prompt for request in standin.log if request.conversation] == ["say the quick brown fox"]


def test_it_runs_a_tool_and_leaves(
    open_terminal: OpenTerminal, claude: Path, client_env: dict[str, str], work: Path
) -> None:
    terminal = open_terminal([str(claude), "--allowedTools", "Bash"], client_env, work)
    terminal.wait_for(box_shown)
    terminal.prompt("run touch made-by-claude")
    terminal.wait_for("● The command is done.")
    assert (work / "made-by-claude").exists()
    terminal.resize(60, 20)
    terminal.wait_for(lambda screen: box_shown(screen) and max(map(len, screen.splitlines())) <= 60)
    terminal.key("C-c")
    terminal.wait_for("again to exit")
    terminal.key("C-c")
    assert terminal.exit_status() == 0
