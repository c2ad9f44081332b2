"""Payments a second, beside what the rail allows."""

import statistics
from dataclasses import dataclass

from domain.settlement.attempts import (
    SettlementRail,
)


@dataclass(frozen=True)
class Throughput:
    """Payments a second, of a rail, beside what its channels could carry at best."""

    rail: SettlementRail
    channels: int
    payments: int
    per_second: float
    bound_per_second: float
    calls_per_payment: dict[str, float]

    @property
    def ratio(self) -> float:
        return round(self.per_second / self.bound_per_second, 2)


def take_median(rounds: list[Throughput]) -> Throughput:
    """The round of median throughput, whole."""
    median = statistics.median_low([each.per_second for each in rounds])
    return next(each for each in rounds if each.per_second == median)
