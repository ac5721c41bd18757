"""How much is measured: the full form, and one that is over within a minute."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    key_rounds: int
    keys_per_round: int
    start_rounds: int
    output_rounds: int
    megabytes_per_round: int
    idle_seconds: float

    @property
    def megabytes(self) -> int:
        return self.output_rounds * self.megabytes_per_round


FULL = Plan(
    key_rounds=25,
    keys_per_round=40,
    start_rounds=30,
    output_rounds=4,
    megabytes_per_round=50,
    idle_seconds=30,
)
QUICK = Plan(
    key_rounds=7,
    keys_per_round=12,
    start_rounds=7,
    output_rounds=2,
    megabytes_per_round=8,
    idle_seconds=20,
)
