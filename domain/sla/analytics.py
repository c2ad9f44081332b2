"""Analytics: sums over verdicts, in all and day by day, of the outages that were detected on those days (UTC)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from domain.errors import Invalid
from domain.sla.verdicts import Severity

DAYS_MAX = 3660
DAYS = 7


@dataclass(frozen=True, slots=True)
class AnalyticsFilter:
    """Which outages are meant; `since` and `until` (exclusive) are of their detection, a site is an id or a name."""

    since: datetime | None = None
    until: datetime | None = None
    severity: Severity | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Verdicts counted and summed; both sums are positive."""

    outages: int = 0
    violations: int = 0
    rewards_stroops: int = 0
    penalties_stroops: int = 0
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class DayTotals:
    day: date
    totals: Totals


def choose_days(
    since: datetime | None, until: datetime | None, days: int | None, now: datetime
) -> tuple[date, date]:
    """
    Return the first and the last day of a trend: as asked, or so many up to the last one, which is today
    unless a later bound is given.
    """
    last = _get_last_day(until) if until is not None else now.astimezone(UTC).date()
    if since is not None:
        first = since.astimezone(UTC).date()
    else:
        first = date.fromordinal(max(last.toordinal() - (days or DAYS) + 1, 1))
    if first > last:
        raise Invalid("date_from", f"{first} is after the last day, {last}")
    if (last - first).days >= DAYS_MAX:
        raise Invalid("date_from", f"may be at most {DAYS_MAX} days before the last day, {last}")
    return first, last


def _get_last_day(until: datetime) -> date:
    """Return the last day that an exclusive bound leaves something of."""
    return (until.astimezone(UTC) - timedelta(microseconds=1)).date()


def fill_days(first: date, last: date, found: Iterable[DayTotals]) -> list[DayTotals]:
    """Return one total for each day, in their order; a day without a verdict has zeros."""
    known = {each.day: each for each in found}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [known.get(day, DayTotals(day, Totals())) for day in days]
