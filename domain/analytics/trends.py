"""Trends: what the outages that were detected in a span of time add up to, in all and bucket by bucket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from domain.analytics.periods import Bucket
from domain.sla.verdicts import Severity


@dataclass(frozen=True, slots=True)
class AnalyticsFilter:
    """Which outages are meant; `since` and `until` (exclusive) are of their detection, a site is an id or a name."""

    since: datetime | None = None
    until: datetime | None = None
    severity: Severity | None = None
    site: str | None = None
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """
    Outages counted, and the money that the journal says their verdicts cost; both sums are positive. The
    outages with a verdict that stands are `outages`, of which `minutes` is the sum of minutes to repair.
    """

    outages: int = 0
    violations: int = 0
    rewards_stroops: int = 0
    penalties_stroops: int = 0
    minutes: int = 0
    # Of these, with those that have no verdict.
    detected: int = 0
    cancelled: int = 0
    voided: int = 0

    @property
    def open(self) -> int:
        """How many are down, or were said to be up and are down again."""
        return self.detected - self.outages - self.cancelled - self.voided

    @property
    def net_stroops(self) -> int:
        return self.rewards_stroops - self.penalties_stroops

    @property
    def mean_minutes(self) -> float | None:
        """The mean minutes to repair; None where no outage was repaired, which is not zero."""
        return round(self.minutes / self.outages, 2) if self.outages else None

    @property
    def violation_rate(self) -> float | None:
        return round(self.violations / self.outages, 4) if self.outages else None

    def add(self, other: "Totals") -> "Totals":
        return Totals(
            **{
                each.name: getattr(self, each.name) + getattr(other, each.name)
                for each in fields(self)
            }
        )


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A bucket by the day it begins with, from when until when (exclusive), and what it adds up to."""

    day: date
    since: datetime
    until: datetime
    totals: Totals


def make_points(buckets: Sequence[Bucket], found: Mapping[int, Totals]) -> list[TrendPoint]:
    """Return a point for each bucket, in their order; one in which nothing was found has zeros."""
    return [
        TrendPoint(each.day, each.since, each.until, found.get(n, Totals()))
        for n, each in enumerate(buckets)
    ]
