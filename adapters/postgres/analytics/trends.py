"""Sums over outages, bucket by bucket: of what is kept, and of what has changed since."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import list_agreement_conditions, list_outage_conditions
from adapters.postgres.analytics.rollups import LATE, MEASURES, SUMS
from adapters.postgres.tables import agreements, outages
from domain.access.scopes import Scope
from domain.analytics.periods import (
    BEGINNING,
    END,
    Bucket,
    BucketSize,
    Grain,
    Segment,
    find_day_start,
    list_buckets,
    list_segments,
)
from domain.analytics.trends import AnalyticsFilter, Totals, TrendPoint, make_points

# Everybody's outages are kept under this name.
_ALL = [""]
# So many days are added up at once where all of them are wanted.
_PORTION = timedelta(days=3000)
_AT_SITE = "(f.site_id = :site OR f.site_name = :site)"


async def list_keys(
    connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter
) -> list[str]:
    """Return the agreements whose sums are added up: all of them under one name, or those that a scope has."""
    if scope.party is None:
        return _ALL if wanted.agreement is None else [wanted.agreement]
    conditions = list_agreement_conditions(scope)
    if wanted.agreement is not None:
        conditions.append(agreements.c.name == wanted.agreement)
    return list(await connection.scalars(select(agreements.c.name).where(*conditions)))


def make_conditions(wanted: AnalyticsFilter, keys: Sequence[str]) -> tuple[str, str]:
    """Return what must hold of a sum, and of an outage, as SQL to stand after AND."""
    severity = "" if wanted.severity is None else " AND f.severity = :severity"
    site = "" if wanted.site is None else f" AND {_AT_SITE}"
    mine = "" if keys == _ALL else " AND f.agreement = ANY(:keys)"
    return f" AND f.agreement = ANY(:keys){severity}", f"{mine}{severity}{site}"


def make_parameters(
    wanted: AnalyticsFilter,
    keys: Sequence[str],
    buckets: Sequence[Bucket],
    grains: Sequence[Grain],
) -> dict[str, Any]:
    """Return the parameters of a read; a site has no sums of its own, its outages are added up."""
    segments: list[Segment] = list_segments(buckets, [] if wanted.site is not None else grains)
    named = {"severity": wanted.severity, "site": wanted.site}
    return {name: value for name, value in named.items() if value is not None} | {
        "keys": list(keys),
        "numbers": [each.n for each in segments],
        "grains": [str(each.grain) for each in segments],
        "begins": [each.since for each in segments],
        "ends": [each.until for each in segments],
        "bucket_numbers": list(range(len(buckets))),
        "bucket_begins": [each.since for each in buckets],
        "bucket_ends": [each.until for each in buckets],
    }


SEGMENTS = """
    segment AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:numbers AS int[]), CAST(:grains AS text[]),
            CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[]))
            AS segment (n, grain, begins, ends)
    ),
    bucket AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:bucket_numbers AS int[]), CAST(:bucket_begins AS timestamptz[]),
            CAST(:bucket_ends AS timestamptz[])) AS bucket (n, begins, ends)
    )
"""


def _make_statement(of_sums: str, of_outages: str) -> TextClause:
    kept = ", ".join(f"sum(f.{name}) AS {name}" for name in MEASURES)
    added = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
    return text(
        f"""
        WITH {SEGMENTS}, {LATE},
        part AS (
            SELECT segment.n, kept.* FROM segment, LATERAL (
                SELECT {kept} FROM analytics_rollups f
                WHERE f.grain = segment.grain AND f.starts_at >= segment.begins
                    AND f.starts_at < segment.ends{of_sums}
            ) kept WHERE segment.grain <> 'outage'
            UNION ALL
            SELECT segment.n, left_over.* FROM segment, LATERAL (
                SELECT {SUMS} FROM (
                    SELECT 1 AS sign, f.* FROM analytics_contributions f
                    WHERE f.detected_at >= segment.begins AND f.detected_at < segment.ends{of_outages}
                ) each
            ) left_over WHERE segment.grain = 'outage'
            UNION ALL
            SELECT n, {SUMS} FROM late f JOIN bucket
                ON f.detected_at >= begins AND f.detected_at < ends{of_outages}
            GROUP BY n
        )
        SELECT n, {added} FROM part GROUP BY n HAVING sum(detected) IS NOT NULL
        """
    )


async def list_totals(
    connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter, buckets: Sequence[Bucket]
) -> dict[int, Totals]:
    """
    Return what each bucket adds up to, by its place; none of one in which no outage was detected. The sums
    are of the last commit: one statement reads what is kept and what is not folded into it yet.
    """
    keys = await list_keys(connection, scope, wanted)
    rows = await connection.execute(
        _make_statement(*make_conditions(wanted, keys)),
        make_parameters(wanted, keys, buckets, [Grain.DAY, Grain.HOUR]),
    )
    return {row.n: to_totals(row) for row in rows}


def make_whole(wanted: AnalyticsFilter) -> Bucket:
    """Return the one bucket that holds all that is wanted."""
    return Bucket(BEGINNING.date(), wanted.since or BEGINNING, wanted.until or END)


async def get_totals(connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter) -> Totals:
    """Return what all outages that are wanted add up to."""
    found = await list_totals(connection, scope, wanted, [make_whole(wanted)])
    return found.get(0, Totals())


async def list_days(
    connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter
) -> list[TrendPoint]:
    """Return each day (UTC) from the first to the last on which an outage was detected that may be seen."""
    detected = outages.c.detected_at
    conditions = list_outage_conditions(scope)
    if wanted.since is not None:
        conditions.append(detected >= wanted.since)
    if wanted.until is not None:
        conditions.append(detected < wanted.until)
    span = select(func.min(detected), func.max(detected)).where(*conditions)
    first, last = (await connection.execute(span)).one()
    points = list[TrendPoint]()
    while first is not None and first <= last:
        portion = find_day_start(first.astimezone(UTC).date() + _PORTION, UTC)
        until = min(last + timedelta(microseconds=1), portion)
        buckets = list_buckets(first, until, None, BucketSize.DAY, UTC, last)
        points += make_points(buckets, await list_totals(connection, scope, wanted, buckets))
        first = until
    return points


def to_totals(row: Any) -> Totals:
    return Totals(
        outages=int(row.judged),
        violations=int(row.violations),
        rewards_stroops=int(row.rewards_stroops),
        penalties_stroops=int(row.penalties_stroops),
        minutes=int(row.minutes),
        detected=int(row.detected),
        cancelled=int(row.cancelled),
        voided=int(row.voided),
    )
