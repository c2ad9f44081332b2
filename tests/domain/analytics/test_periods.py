"""The buckets of a zone follow each other without a gap, and the spans of their sums make them up exactly."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.time_zones import find_pinned_zone
from domain.analytics.periods import (
    BUCKETS_MAX,
    Bucket,
    BucketSize,
    Grain,
    find_day_start,
    find_period,
    list_buckets,
    list_segments,
)
from domain.errors import Invalid

NOW = datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC)
MIDNIGHT = datetime(2026, 2, 28, tzinfo=UTC)
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"),
    *("America/Havana", "Africa/Monrovia", "Pacific/Apia", "America/Goose_Bay"),
)
MOMENTS = st.datetimes(
    datetime(1960, 1, 1),  # noqa: DTZ001 - its zone comes beside it
    datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def find_zone(name: str) -> tzinfo:
    found = find_pinned_zone(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("since", "until", "days", "expected"),
    [
        (None, None, None, (date(2026, 2, 23), date(2026, 3, 1))),
        (None, None, 1, (date(2026, 3, 1), date(2026, 3, 1))),
        (MIDNIGHT, None, None, (date(2026, 2, 28), date(2026, 3, 1))),
        # The bound is exclusive: midnight leaves nothing of its day.
        (None, MIDNIGHT, 2, (date(2026, 2, 26), date(2026, 2, 27))),
        (MIDNIGHT, NOW, 90, (date(2026, 2, 28), date(2026, 3, 1))),
    ],
)
def test_the_days_are_those_that_are_asked_for(
    since: datetime | None,
    until: datetime | None,
    days: int | None,
    expected: tuple[date, date],
) -> None:
    found = list_buckets(since, until, days, BucketSize.DAY, UTC, NOW)
    assert (found[0].day, found[-1].day) == expected
    first, last = expected
    assert [each.day for each in found] == [
        first + timedelta(days=n) for n in range((last - first).days + 1)
    ]


def test_too_many_days_and_none_are_refused() -> None:
    with pytest.raises(Invalid, match="after the last day"):
        list_buckets(NOW, MIDNIGHT, None, BucketSize.DAY, UTC, NOW)
    with pytest.raises(Invalid, match=f"at most {BUCKETS_MAX} days"):
        list_buckets(datetime(2000, 1, 1, tzinfo=UTC), None, None, BucketSize.MONTH, UTC, NOW)


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00+00:00"),
        ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00+00:00"),
        ("America/New_York", "2026-11-02", "2026-11-02T05:00:00+00:00"),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00+00:00"),
        ("Australia/Lord_Howe", "2026-04-06", "2026-04-05T13:30:00+00:00"),
        ("Asia/Kolkata", "2026-04-06", "2026-04-05T18:30:00+00:00"),
        # Midnight is left out: the day begins at one.
        ("America/Havana", "2026-03-08", "2026-03-08T05:00:00+00:00"),
        # It comes twice: the day begins with the first.
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00+00:00"),
        # The clocks went from half past eleven to half past midnight.
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00+00:00"),
        # A day that was left out has no length.
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00+00:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00+00:00"),
    ],
)
def test_a_day_begins_when_its_clocks_say_so(zone: str, day: str, expected: str) -> None:
    found = find_day_start(date.fromisoformat(day), find_zone(zone))
    assert found.isoformat() == expected


def test_weeks_begin_on_mondays_and_months_on_the_first_and_both_are_cut() -> None:
    zone = find_zone("Europe/Berlin")
    since, until = find_day_start(date(2026, 3, 25), zone), find_day_start(date(2026, 4, 2), zone)
    weeks = list_buckets(since, until, None, BucketSize.WEEK, zone, NOW)
    assert [f"{each.day}" for each in weeks] == ["2026-03-23", "2026-03-30"]
    assert (weeks[0].since, weeks[1].until) == (since, until)
    assert weeks[1].since == datetime(2026, 3, 29, 22, tzinfo=UTC)
    months = list_buckets(since, until, None, BucketSize.MONTH, zone, NOW)
    assert [f"{each.day}" for each in months] == ["2026-03-01", "2026-04-01"]
    whole = find_period(BucketSize.MONTH, zone, datetime(2026, 3, 29, 1, tzinfo=UTC))
    assert whole.until - whole.since == timedelta(days=31, hours=-1)


@given(
    st.sampled_from(ZONES),
    MOMENTS,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=200)),
    st.sampled_from(BucketSize),
)
def test_buckets_and_their_segments_leave_nothing_out_and_count_nothing_twice(
    name: str, since: datetime, lasts: timedelta, size: BucketSize
) -> None:
    until = since + lasts
    buckets = list_buckets(since, until, None, size, find_zone(name), NOW)
    assert (buckets[0].since, buckets[-1].until) == (since, until)
    assert all(one.until == other.since for one, other in pairwise(buckets))
    assert all(one.day < other.day for one, other in pairwise(buckets))
    for grains in ([Grain.DAY, Grain.HOUR], [Grain.MONTH, Grain.DAY], []):
        segments = list_segments(buckets, grains)
        for n, bucket in enumerate(buckets):
            mine = [each for each in segments if each.n == n]
            if bucket.since == bucket.until:
                assert mine == []
                continue
            assert (mine[0].since, mine[-1].until) == (bucket.since, bucket.until)
            assert all(one.until == other.since for one, other in pairwise(mine))


def test_segments_are_whole_spans_of_utc_and_outages_are_the_edges() -> None:
    bucket = Bucket(
        date(2026, 1, 1),
        datetime(2025, 12, 30, 18, 30, tzinfo=UTC),
        datetime(2026, 2, 2, 1, 0, tzinfo=UTC),
    )
    shown = [
        (each.grain, f"{each.since:%m-%dT%H:%M}", f"{each.until:%m-%dT%H:%M}")
        for each in list_segments([bucket], [Grain.MONTH, Grain.DAY, Grain.HOUR])
    ]
    assert shown == [
        (Grain.OUTAGE, "12-30T18:30", "12-30T19:00"),
        (Grain.HOUR, "12-30T19:00", "12-31T00:00"),
        (Grain.DAY, "12-31T00:00", "01-01T00:00"),
        (Grain.MONTH, "01-01T00:00", "02-01T00:00"),
        (Grain.DAY, "02-01T00:00", "02-02T00:00"),
        (Grain.HOUR, "02-02T00:00", "02-02T01:00"),
    ]
