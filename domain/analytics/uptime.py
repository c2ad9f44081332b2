"""Uptime: how long a site was up in a calendar month of its agreement's zone; what overlaps is down once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from domain.analytics.periods import (
    Bucket,
    BucketSize,
    find_bucket_day,
    find_day_start,
    find_local_day,
    find_next_day,
)
from domain.errors import Invalid

MONTHS_MAX = 36
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class SiteDowntime:
    """How long a site was down in the month `n`, with what overlaps merged, and by how many outages."""

    n: int
    site: str
    outages: int
    down: timedelta


@dataclass(frozen=True, slots=True)
class Uptime:
    """
    What a month came to, of all of it that has passed: of one site, or (None) of the agreement, which is
    down while any of its sites is. `percent` is None for a month that has not begun.
    """

    site: str | None
    outages: int
    down_seconds: int
    seconds: int

    @property
    def percent(self) -> float | None:
        if self.seconds <= 0:
            return None
        return round(100 * (self.seconds - self.down_seconds) / self.seconds, 5)


@dataclass(frozen=True, slots=True)
class UptimeMonth:
    """A calendar month, cut off at now, with the uptime of the whole agreement and of each site that was down."""

    month: Bucket
    whole: Uptime
    sites: Sequence[Uptime]


def list_months(first: str | None, last: str | None, zone: tzinfo, now: datetime) -> list[Bucket]:
    """Return the months from one to another, both like 2026-01; the current one unless others are asked for."""
    today = find_local_day(now, zone)
    end = find_bucket_day(today, BucketSize.MONTH) if last is None else _parse("month_to", last)
    day = end if first is None else _parse("month_from", first)
    if day > end:
        raise Invalid("month_from", f"{day:%Y-%m} is after the last month, {end:%Y-%m}")
    months = []
    while day <= end:
        following = find_next_day(day, BucketSize.MONTH)
        until = min(find_day_start(following, zone), now)
        since = find_day_start(day, zone)
        months.append(Bucket(day, since, max(since, until)))
        day = following
        if len(months) > MONTHS_MAX:
            raise Invalid("month_from", f"may be at most {MONTHS_MAX} months before month_to")
    return months


def _parse(name: str, month: str) -> date:
    try:
        year, _, number = month.partition("-")
        if len(year) == 4 and len(number) == 2 and 2 <= int(year) <= 9998:
            return date(int(year), int(number), 1)
    except ValueError:
        pass
    raise Invalid(name, "must be a month like 2026-01")


def make_months(
    months: Sequence[Bucket],
    whole: Mapping[int, SiteDowntime],
    sites: Sequence[SiteDowntime],
) -> list[UptimeMonth]:
    """Return every month in its order; one in which nothing was down has been up."""
    return [
        UptimeMonth(
            month,
            _make_uptime(month, None, whole.get(n)),
            [_make_uptime(month, each.site, each) for each in sites if each.n == n],
        )
        for n, month in enumerate(months)
    ]


def _make_uptime(month: Bucket, site: str | None, found: SiteDowntime | None) -> Uptime:
    seconds = (month.until - month.since) // _SECOND
    if found is None:
        return Uptime(site, 0, 0, seconds)
    return Uptime(site, found.outages, found.down // _SECOND, seconds)
