"""What a guarded session does about real faults, and that nothing of it is left.

The rows are those of `python -m tests.proofs.table`, which plays all of them; `python -m tests.proofs.killed`
has the long form of the last test.
"""

import os
import random
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.netns.namespaces import SetupError, missing
from tests.proofs.killed import killed_once, place_for
from tests.proofs.table import Row, play, rows
from tests.support import terminal as terminals
from tests.support.client import InstallError, installed
from tests.support.guarded import VERSION

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]

KILLS = 2


@pytest.mark.client
@pytest.mark.parametrize("row", rows(short=True), ids=lambda row: f"{row.name}, {row.profile}")
def test_a_row_of_the_table(row: Row) -> None:
    if not terminals.available:
        unavailable("tmux is not installed")
    try:
        installed(VERSION)
    except InstallError as error:
        unavailable(str(error))
    assert play(row).complaints == []


def test_killed_at_random_moments(tmp_path: Path) -> None:
    seed = int(os.environ.get("CC_GUARD_TEST_SEED") or random.randrange(10**6))
    chance = random.Random(seed)
    try:
        with place_for("container", tmp_path) as here:
            for _ in range(KILLS):
                run = killed_once(here, "container", chance)
                assert run.left == [], f"seed {seed}: {run}"
    except SetupError as error:
        unavailable(str(error))
