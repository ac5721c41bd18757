"""A recorded outage of the real client, and what `cc-guard replay` makes of it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import OpenTerminal
from tests.proofs.outage import CC_GUARD
from tests.standin.api import StandIn
from tests.support.client import API_KEY, box_shown

pytestmark = pytest.mark.client

# A symptom's time is that of the guard's look at it.
_TIMES = ("t", "source", "at_s")


def said(env: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [str(CC_GUARD), *words, "--json"], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout


def without_times(symptom: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in symptom.items() if key not in _TIMES}


def news(symptoms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As an incident keeps them: without those in which only the countdown has moved."""
    keys = ("kind", "phase", "code", "http_status", "attempt", "confirmed")
    told = [without_times(symptom) for symptom in symptoms]
    before = [None, *([symptom[key] for key in keys] for symptom in told)]
    return [one for one, last in zip(told, before, strict=False) if [one[key] for key in keys] != last]


@pytest.mark.parametrize("version", ["2.1.330"], indirect=True)
def test_replay_says_what_was_said_live(
    claude: Path,
    client_env: dict[str, str],
    work: Path,
    standin: StandIn,
    open_terminal: OpenTerminal,
    tmp_path: Path,
) -> None:
    cast = tmp_path / "a.cast"
    env = client_env | {"CLAUDE_CODE_MAX_RETRIES": "2", "PATH": f"{claude.parent}:{client_env['PATH']}"}
    env |= {"CUSTOM_TOKEN": "never-to-be-seen"}
    argv = [
        "env",
        "-u",
        "TMUX",
        "TERM=xterm-256color",
        str(CC_GUARD),
        "--observe",
        "--record",
        str(cast),
        "claude",
    ]
    terminal = open_terminal(argv, env, work)
    terminal.wait_for(box_shown, 40)
    terminal.prompt("say hello")
    terminal.wait_for("● hello", 30)
    standin.set_fault("reset")
    terminal.prompt("my token is never-to-be-seen")
    terminal.wait_for("API Error", 60)
    terminal.wait_for(box_shown)
    standin.set_fault("none")
    terminal.prompt("say back again")
    terminal.wait_for("● back again", 30)
    terminal.key("C-c")
    terminal.wait_for("again to exit")
    terminal.key("C-c")
    assert terminal.exit_status() == 0

    (incident,) = json.loads(said(env, "incidents"))
    live = news(incident["symptoms"])
    replayed = [json.loads(line) for line in said(env, "replay", str(cast)).splitlines()]
    assert [symptom["phase"] for symptom in live].count("failed") == 1
    assert live == news(replayed)
    failed = next(symptom for symptom in replayed if symptom["phase"] == "failed")
    assert failed["confirmed"]
    assert "ECONNRESET" in failed["text"]

    text = cast.read_text()
    assert "never-to-be-seen" not in text
    assert [API_KEY[at : at + 8] for at in range(13, len(API_KEY) - 7) if API_KEY[at : at + 8] in text] == []
    markers = [data for _, code, data in map(json.loads, text.splitlines()[1:]) if code == "m"]
    assert markers
    assert not any("say hello" in marker or "back again" in marker for marker in markers)
