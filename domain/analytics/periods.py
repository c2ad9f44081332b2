"""
Periods: the days, weeks and months of a time zone as spans of instants, and the spans in which sums are kept.

Calendars are expanded here and nowhere else, by the zone that is given: the database is told instants alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from domain.errors import Invalid

BUCKETS_MAX = 3660
DAYS = 7
# Before and after everything that is on record.
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BucketSize(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Grain(StrEnum):
    """In what spans of UTC sums are kept; an outage is for itself, for what is left at the edges."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Bucket:
    """From when until when (exclusive), and the day it begins with: a week's Monday, the first of a month."""

    day: date
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the bucket `n` that whole spans of one grain make up."""

    n: int
    grain: Grain
    since: datetime
    until: datetime


def find_day_start(day: date, zone: tzinfo) -> datetime:
    """
    Return the first instant at which the clocks of a zone show that a day has begun. Where they leave
    midnight out it is the change itself; where they show it twice, the first time.
    """
    try:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        first, last = midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
        # Left out: the offset before the change leads behind it, the one after it before it.
        while last < first and first - last > timedelta(seconds=1):
            middle = last + (first - last) / 2
            if middle.astimezone(zone).date() >= day:
                first = middle
            else:
                last = middle
    except OverflowError:
        raise Invalid("date_from", f"{day} is no day that can be reckoned with") from None
    if last < first:
        return first.replace(microsecond=0)
    return first


def find_local_day(instant: datetime, zone: tzinfo) -> date:
    """Return the last day that has begun by an instant."""
    try:
        day = instant.astimezone(zone).date()
    except OverflowError:
        raise Invalid(
            "date_from", f"{instant.isoformat()} is no time that can be reckoned with"
        ) from None
    return day + _DAY if find_day_start(day + _DAY, zone) <= instant else day


def find_bucket_day(day: date, size: BucketSize) -> date:
    """Return the day that the bucket of a day begins with."""
    if size is BucketSize.WEEK:
        return date.fromordinal(max(day.toordinal() - day.weekday(), 1))
    return day.replace(day=1) if size is BucketSize.MONTH else day


def find_next_day(day: date, size: BucketSize) -> date:
    """Return the day with which the bucket after that of `day` begins."""
    begins = find_bucket_day(day, size)
    if size is BucketSize.MONTH:
        return (begins + timedelta(days=31)).replace(day=1)
    return begins + (timedelta(weeks=1) if size is BucketSize.WEEK else _DAY)


def list_buckets(
    since: datetime | None,
    until: datetime | None,
    days: int | None,
    size: BucketSize,
    zone: tzinfo,
    now: datetime,
) -> list[Bucket]:
    """
    Return the buckets from one instant to another (exclusive), the first and the last one cut to these; or
    those of so many days up to the last one, which is today unless a later bound is given.
    """
    last = find_local_day(now if until is None else until - timedelta(microseconds=1), zone)
    if since is None:
        since = find_day_start(
            date.fromordinal(max(last.toordinal() - (days or DAYS) + 1, 1)), zone
        )
    first = find_local_day(since, zone)
    if first > last:
        raise Invalid("date_from", f"{first} is after the last day, {last}")
    if (last - first).days >= BUCKETS_MAX:
        raise Invalid("date_from", f"may be at most {BUCKETS_MAX} days before the last day, {last}")
    end = find_day_start(last + _DAY, zone) if until is None else until
    return list(_make_buckets(first, since, end, size, zone))


def _make_buckets(
    first: date, since: datetime, until: datetime, size: BucketSize, zone: tzinfo
) -> Iterator[Bucket]:
    day, begins = find_bucket_day(first, size), since
    while begins < until:
        following = find_next_day(day, size)
        # A day that the clocks leave out has no length, and stands there all the same.
        ends = min(max(find_day_start(following, zone), begins), until)
        yield Bucket(day, begins, ends)
        day, begins = following, ends


def find_period(size: BucketSize, zone: tzinfo, now: datetime) -> Bucket:
    """Return the whole day, week or month that an instant is in."""
    day = find_bucket_day(find_local_day(now, zone), size)
    return Bucket(day, find_day_start(day, zone), find_day_start(find_next_day(day, size), zone))


def list_segments(buckets: Sequence[Bucket], grains: Sequence[Grain]) -> list[Segment]:
    """Cut buckets into the largest whole spans in which sums are kept, and what is left at their edges."""
    return [
        each
        for n, bucket in enumerate(buckets)
        for each in _cut(n, bucket.since, bucket.until, list(grains))
    ]


def _cut(n: int, since: datetime, until: datetime, grains: list[Grain]) -> Iterator[Segment]:
    if since >= until:
        return
    if not grains:
        yield Segment(n, Grain.OUTAGE, since, until)
        return
    grain, *finer = grains
    first, last = _ceil(since, grain), _floor(until, grain)
    if first >= last:
        yield from _cut(n, since, until, finer)
        return
    yield from _cut(n, since, first, finer)
    yield Segment(n, grain, first, last)
    yield from _cut(n, last, until, finer)


def _floor(instant: datetime, grain: Grain) -> datetime:
    """Return the last beginning of a span that is not after an instant."""
    if grain is Grain.MONTH:
        return instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    span = _DAY if grain is Grain.DAY else _HOUR
    return instant - (instant - _EPOCH) % span


def _ceil(instant: datetime, grain: Grain) -> datetime:
    floor = _floor(instant, grain)
    if floor == instant:
        return instant
    if grain is Grain.MONTH:
        return (floor + timedelta(days=31)).replace(day=1)
    return floor + (_DAY if grain is Grain.DAY else _HOUR)
