"""MTTR: the minutes to repair, as a mean beside what nine of ten, and ninety-nine of a hundred, took at most."""

from dataclasses import dataclass

from domain.sla.verdicts import Severity

PERCENTS = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class MttrSummary:
    """
    Of the outages of a severity, or of all: the sum of their minutes, and the percentiles by the nearest
    rank, which are minutes that an outage really took. Without outages there are none, which is not zero.
    """

    severity: Severity | None
    outages: int = 0
    minutes: int = 0
    p50: int | None = None
    p90: int | None = None
    p95: int | None = None
    p99: int | None = None

    @property
    def mean_minutes(self) -> float | None:
        return round(self.minutes / self.outages, 2) if self.outages else None
