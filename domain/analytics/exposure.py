"""Exposure: what the outages that are running would owe if they were repaired now, and a forecast from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.analytics.periods import Bucket
from domain.errors import Invalid
from domain.money import STROOPS_MAX
from domain.sla.verdicts import MTTR_MINUTES_MAX, Severity, Terms, compute_mttr_minutes, judge

# Of a period that has only begun nothing follows.
FORECAST_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RunningOutage:
    """An outage that is down, and the terms by which it will be judged."""

    id: str
    site_name: str
    site_id: str | None
    severity: Severity
    agreement: str
    detected_at: datetime
    terms: Terms

    @property
    def crosses_at(self) -> datetime:
        """When its minutes to repair begin to be more than the threshold."""
        return self.detected_at + timedelta(minutes=self.terms.threshold_minutes + 1)

    def owes_at(self, at: datetime) -> int:
        """Return the stroops that it owes if it is repaired then: a reward positive, a penalty negative."""
        minutes = min(max(0, compute_mttr_minutes(self.detected_at, at)), MTTR_MINUTES_MAX)
        try:
            return max(judge(self.terms, minutes).amount_stroops, -STROOPS_MAX)
        except Invalid:  # more than the contract can say
            return -STROOPS_MAX if minutes > self.terms.threshold_minutes else 0


@dataclass(frozen=True, slots=True)
class ExposedOutage:
    outage: RunningOutage
    minutes: int
    amount_stroops: int
    crossed: bool


@dataclass(frozen=True, slots=True)
class Exposure:
    """What runs at an instant; the penalties and the rewards are those of a repair at that instant, both positive."""

    at: datetime
    outages: Sequence[ExposedOutage]
    penalties_stroops: int
    rewards_stroops: int
    crossed: int


def compute_exposure(running: Iterable[RunningOutage], at: datetime) -> Exposure:
    """Return what each outage would owe, that which owes most first; of two the one that crosses first."""
    found = [
        ExposedOutage(
            each,
            max(0, compute_mttr_minutes(each.detected_at, at)),
            each.owes_at(at),
            each.crosses_at <= at,
        )
        for each in running
    ]
    found.sort(
        key=lambda each: (min(each.amount_stroops, 0), each.outage.crosses_at, each.outage.id)
    )
    amounts = [each.amount_stroops for each in found]
    return Exposure(
        at,
        found,
        -sum(amount for amount in amounts if amount < 0),
        sum(amount for amount in amounts if amount > 0),
        sum(each.crossed for each in found),
    )


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    The penalties of the outages detected in a period: what the journal says, what those that run would owe
    now, and what both come to by the period's end at the same rate; None while too little of it has passed.
    `unrepaired_stroops` is what those that run would owe if none was repaired until then.
    """

    period: Bucket
    at: datetime
    journal_stroops: int
    exposure_stroops: int
    projected_stroops: int | None
    unrepaired_stroops: int


def make_forecast(
    period: Bucket, running: Iterable[RunningOutage], journal_stroops: int, at: datetime
) -> Forecast:
    """Project the run rate of a period so far: (journal + exposure) * whole / passed, in whole stroops."""
    mine = [each for each in running if period.since <= each.detected_at < period.until]
    exposed = -sum(min(each.owes_at(at), 0) for each in mine)
    at_end = -sum(min(each.owes_at(max(at, period.until)), 0) for each in mine)
    passed, whole = at - period.since, period.until - period.since
    projected = None
    if passed >= FORECAST_AFTER:
        microsecond = timedelta(microseconds=1)
        so_far = journal_stroops + exposed
        projected = so_far * (whole // microsecond) // (min(passed, whole) // microsecond)
    return Forecast(period, at, journal_stroops, exposed, projected, journal_stroops + at_end)
