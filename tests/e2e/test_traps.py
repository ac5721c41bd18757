"""Ordinary work with the real client that looks like a failure, and is none; and failures that are.

All versions play side by side, once, for all tests here: tests/proofs/traps.py, brisker and without
repetition. Each act is a test of its own. The controls have incidents, so a detector that sees nothing fails.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.proofs import traps
from tests.proofs.mixed import result
from tests.proofs.stage import Stage
from tests.support import terminal
from tests.support.client import VERSIONS, InstallError, installed

pytestmark = [pytest.mark.client, pytest.mark.timeout(600)]

PACE = 0.5
# Left to the long proof: each is much like another one.
LONG_ONLY = {
    "answer-is-a-row",
    "answer-in-other-scripts",
    "model-pauses",
    "tool-prints-screens-of-another-client",
    "tool-counts-in-red",
    "question-shows-a-screen",
    "escape-while-the-model-thinks",
    "whole-transcript-is-shown",
}
SESSIONS = ("session-is-resumed", "session-is-continued")
WORK = [name for name in traps.TRAPS if name not in LONG_ONLY and name not in SESSIONS]
CONTROLS = ("outage", "refused-request", "escape-while-retrying")


Complaints = dict[str, list[str]]


def _play(version: str, keep: Path | None = None) -> Complaints:
    """What is wrong, for each act."""
    with Stage(version, keep=keep, pace=PACE) as stage:
        with stage.act("start"):
            stage.start()
        for name in WORK:
            traps.play_trap(stage, name)
        traps.play(stage, "refused-request", lambda act: traps.refused_request(stage, act))
        traps.play(stage, "outage", lambda act: traps.outage(stage, act, "reset", 8.0, "sent"))
        for name in SESSIONS:
            traps.play_trap(stage, name)
        traps.play(stage, "escape-while-retrying", lambda act: traps.escape_while_retrying(stage, act))
        run = result(stage, 0.0)
        return {act.name: run.complaints_of(act) for act in run.acts}


@pytest.fixture(scope="module")
def complaints() -> dict[str, Complaints]:
    if not terminal.available:
        unavailable("tmux is not installed")
    try:
        for version in VERSIONS:
            installed(version)
    except InstallError as error:
        unavailable(str(error))
    with ProcessPoolExecutor(len(VERSIONS), multiprocessing.get_context("spawn")) as pool:
        return dict(zip(VERSIONS, pool.map(_play, VERSIONS), strict=True))


@pytest.mark.parametrize("name", ["start", *WORK, *SESSIONS])
@pytest.mark.parametrize("version", VERSIONS)
def test_ordinary_work_is_no_incident(complaints: dict[str, Complaints], version: str, name: str) -> None:
    _check(complaints[version][name])


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_failure_is_one_incident(complaints: dict[str, Complaints], version: str, name: str) -> None:
    _check(complaints[version][name])


def _check(found: list[str]) -> None:
    if found:
        pytest.fail("\n".join(found), pytrace=False)
