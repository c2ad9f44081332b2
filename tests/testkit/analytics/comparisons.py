"""What the database's analytics say, held against the slow recomputation of all rows."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.analytics import mttr, trends, uptime
from adapters.time_zones import find_pinned_zone
from domain.access.scopes import EVERYTHING, Scope
from domain.analytics.periods import BucketSize, find_day_start, list_buckets
from domain.analytics.trends import AnalyticsFilter, Totals
from domain.analytics.uptime import list_months
from domain.sla.verdicts import Severity
from tests.testkit.analytics.outage_writer import AGREEMENTS, AT, SITES
from tests.testkit.analytics.slow_recomputation import (
    SlowOutage,
    count,
    count_by_date,
    list_percentiles,
    measure_down,
)

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
CUTS: dict[BucketSize, Callable[[date], date]] = {
    BucketSize.DAY: lambda day: day,
    BucketSize.WEEK: lambda day: day - timedelta(days=day.weekday()),
    BucketSize.MONTH: lambda day: day.replace(day=1),
}


def passes(each: SlowOutage, wanted: AnalyticsFilter, scope: Scope) -> bool:
    theirs = {
        agreement.name
        for agreement in AGREEMENTS
        if scope.party in (None, agreement.provider_party, agreement.beneficiary_party)
    }
    return (
        each.agreement in theirs
        and wanted.agreement in (None, each.agreement)
        and wanted.severity in (None, each.severity)
        and wanted.site in (None, each.site_id, each.site_name)
        and (wanted.since is None or wanted.since <= each.detected_at)
        and (wanted.until is None or each.detected_at < wanted.until)
    )


def pick_filter(luck: random.Random) -> tuple[AnalyticsFilter, Scope]:
    """Return a filter and a scope, each part of which is left out about half of the time."""
    names = [each.name for each in AGREEMENTS]
    sites = [name for pair in SITES for name in pair if name is not None]
    wanted = AnalyticsFilter(
        severity=luck.choice([None, None, *Severity]),
        site=luck.choice([None, None, None, *sites]),
        agreement=luck.choice([None, None, *names, "nobody's"]),
    )
    return wanted, luck.choice([EVERYTHING, EVERYTHING, Scope("carrier"), Scope("bank")])


async def check_trend(
    connection: AsyncConnection, outages: list[SlowOutage], luck: random.Random
) -> None:
    """Every bucket of a zone is what its clocks' dates say, and all of them are the dashboard."""
    wanted, scope = pick_filter(luck)
    mine = [each for each in outages if passes(each, wanted, scope)]
    name, size = luck.choice(ZONES), luck.choice(list(BucketSize))
    zone = find_pinned_zone(name)
    assert zone is not None
    first, last = (find_day_start(date(2026, *day), zone) for day in ((2, 1), (12, 1)))
    found = await trends.list_totals(
        connection,
        scope,
        wanted,
        buckets := list_buckets(first, last, None, size, zone, AT),
    )
    expected = count_by_date(mine, name, CUTS[size])
    shown = {bucket.day: found.get(n, Totals()) for n, bucket in enumerate(buckets)}
    about = f"{name} {size} {wanted} {scope}"
    assert {day: each for day, each in shown.items() if each != Totals()} == expected, about
    assert await trends.get_totals(connection, scope, wanted) == count(mine), about


async def check_span(
    connection: AsyncConnection, outages: list[SlowOutage], luck: random.Random
) -> None:
    """Between any two instants there is what lies between them, in totals and in minutes to repair."""
    wanted, scope = pick_filter(luck)
    times = sorted(luck.choice(outages).detected_at for _ in range(2))
    since, until = times[0], times[1] + luck.choice([timedelta(), timedelta(microseconds=1)])
    wanted = AnalyticsFilter(since, until, wanted.severity, wanted.site, wanted.agreement)
    mine = [each for each in outages if passes(each, wanted, scope)]
    assert await trends.get_totals(connection, scope, wanted) == count(mine), f"{wanted} {scope}"
    for each in await mttr.list_summaries(connection, scope, wanted):
        part = [one for one in mine if each.severity in (None, one.severity)]
        totals = count(part)
        assert (each.outages, each.minutes) == (totals.outages, totals.minutes), f"{wanted}"
        assert (each.p50, each.p90, each.p95, each.p99) == list_percentiles(part), f"{wanted}"


async def check_uptime(
    connection: AsyncConnection, outages: list[SlowOutage], luck: random.Random
) -> None:
    """Each month of a zone was down for as long as something was, of all, of a site or of a service."""
    agreement, name = luck.choice(AGREEMENTS).name, luck.choice(ZONES)
    site, service = luck.choice([None, "m-7", "Mast 7"]), luck.choice([None, "power", "voice"])
    zone = find_pinned_zone(name)
    assert zone is not None
    now = datetime(2026, 11, 3, 5, 6, 7, tzinfo=UTC)
    months = list_months("2026-02", "2026-12", zone, now)
    whole, sites = await uptime.list_downtimes(connection, agreement, months, now, site, service)
    mine = [
        each
        for each in outages
        if each.agreement == agreement
        and site in (None, each.site_id, each.site_name)
        and (service is None or service in each.services)
    ]
    for n, month in enumerate(months):
        found = whole[n].down if n in whole else timedelta()
        assert found == measure_down(mine, month.since, month.until, now), f"{month} {site}"
        by_site = {each.site: each.down for each in sites if each.n == n}
        for key in {each.site_id or each.site_name for each in mine}:
            there = [each for each in mine if (each.site_id or each.site_name) == key]
            down = measure_down(there, month.since, month.until, now)
            assert by_site.get(key, timedelta()) == down, f"{month} {key}"
