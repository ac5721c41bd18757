"""A short form of `python -m tests.relay.soak`, always with the same seeds."""

import pytest

from tests.relay.soak import Round


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_at_once(seed: int) -> None:
    one = Round(seed, 3.0)
    one.run()
    assert one.outer.output
    assert one.typed
