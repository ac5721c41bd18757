"""A client that has given up, with the real client: it goes on by itself, and is left alone where it must be.

The rest, and other versions: `python -m tests.proofs.recovery`.
"""

from collections.abc import Callable

import pytest

from tests.conftest import unavailable
from tests.proofs import recovery
from tests.proofs.recovery import Outcome, play
from tests.support import terminal
from tests.support.client import InstallError, installed

pytestmark = pytest.mark.client

NEWEST = (
    recovery.sticky,
    recovery.login,
    recovery.draft,
    recovery.permission,
    recovery.tool,
)
CASES = [
    *(("2.1.330", scenario) for scenario in NEWEST),
    *((version, recovery.nudge) for version in ("1.0.120", "2.0.60", "2.1.330")),
]


@pytest.mark.parametrize(
    ("version", "scenario"), CASES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_client_that_has_given_up(version: str, scenario: Callable[[str, Outcome], None]) -> None:
    if not terminal.available:
        unavailable("tmux is not installed")
    try:
        installed(version)
    except InstallError as error:
        unavailable(str(error))
    assert play(scenario, version).complaints == []
