"""The promise, with the real client: an outage passes, and the answer comes by itself."""

import os

import pytest

from tests.conftest import unavailable
from tests.proofs.outage import STOCK_PATIENCE_S, prove
from tests.support import terminal
from tests.support.client import InstallError, installed

pytestmark = pytest.mark.client


@pytest.mark.parametrize(
    ("version", "seconds", "tls", "bare_terminal"),
    [
        ("1.0.120", 30, False, False),
        pytest.param("2.0.60", 30, False, False, marks=pytest.mark.long),
        ("2.1.330", 30, False, False),
        pytest.param("1.0.120", 12, True, True, marks=pytest.mark.long),
        pytest.param("2.0.60", 12, True, True, marks=pytest.mark.long),
        ("2.1.330", 12, True, True),
    ],
)
def test_the_answer_comes_within_a_second(version: str, seconds: int, tls: bool, bare_terminal: bool) -> None:
    """30 s beside the client alone; then HTTPS with an own CA, in a terminal without tmux's ways."""
    if not terminal.available:
        unavailable("tmux is not installed")
    try:
        installed(version)
    except InstallError as error:
        unavailable(str(error))
    outcome = prove(version, seconds, tls, bare_terminal, stock=not tls)
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    assert outcome.complaints(slack=max(1.0, 1.5 * busy)) == []
    if not tls:
        alone = STOCK_PATIENCE_S if outcome.stock_s is None else outcome.stock_s
        assert outcome.guarded_s is not None
        assert alone > outcome.guarded_s, "the client alone was as quick: this outage proves nothing"
