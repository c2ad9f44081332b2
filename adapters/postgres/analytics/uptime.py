"""Downtime in the database: what overlaps is merged, and what is outside of a month is cut off."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.analytics.rollups import LATE, NAMED
from domain.analytics.periods import Bucket
from domain.analytics.uptime import SiteDowntime

_AT_SITE = " AND (f.site_id = :site OR f.site_name = :site)"
_OF_SERVICE = """
    AND EXISTS (SELECT FROM outages o WHERE o.id = f.outage_id AND o.affected_services @> to_jsonb(CAST(:service AS text)))
"""


def _make_statement(site: str | None, service: str | None) -> str:
    narrow = (_AT_SITE if site is not None else "") + (_OF_SERVICE if service is not None else "")
    # Cancelled, it was never down; voided, only nothing is owed.
    down = f"""
        f.agreement = :agreement AND f.phase <> 'cancelled'
        AND f.detected_at < month.ends AND coalesce(f.ended_at, :now) > month.begins{narrow}
    """
    return f"""
        WITH {LATE},
        month AS MATERIALIZED (
            SELECT * FROM unnest(CAST(:numbers AS int[]), CAST(:begins AS timestamptz[]),
                CAST(:ends AS timestamptz[])) AS month (n, begins, ends)
        ),
        spell AS (
            SELECT month.n, coalesce(f.site_id, f.site_name) AS site,
                tstzrange(greatest(f.detected_at, month.begins),
                    least(coalesce(f.ended_at, :now), month.ends)) AS span
            FROM month JOIN (
                SELECT {NAMED} FROM analytics_contributions f
                WHERE NOT EXISTS (SELECT FROM wanted WHERE wanted.outage_id = f.outage_id)
                UNION ALL
                SELECT {NAMED} FROM late f WHERE f.sign > 0
            ) f ON {down}
        ),
        merged AS (
            SELECT n, site, count(*) AS outages, range_agg(span) AS spans FROM spell
            GROUP BY GROUPING SETS ((n, site), (n))
        )
        SELECT n, site, outages,
            (SELECT coalesce(sum(upper(span) - lower(span)), interval '0') FROM unnest(spans) AS span)
                AS down
        FROM merged ORDER BY n, down DESC, site
    """


async def list_downtimes(
    connection: AsyncConnection,
    agreement: str,
    months: Sequence[Bucket],
    now: datetime,
    site: str | None = None,
    service: str | None = None,
) -> tuple[dict[int, SiteDowntime], list[SiteDowntime]]:
    """
    Return how long an agreement was down in each month, while any of its sites was, and each of its sites,
    the worst first. An outage that runs counts until now.
    """
    named = {"site": site, "service": service}
    rows = await connection.execute(
        text(_make_statement(site, service)),
        {name: value for name, value in named.items() if value is not None}
        | {
            "agreement": agreement,
            "now": now,
            "numbers": list(range(len(months))),
            "begins": [each.since for each in months],
            "ends": [each.until for each in months],
        },
    )
    found = [SiteDowntime(row.n, row.site, row.outages, row.down) for row in rows]
    whole = {each.n: each for each in found if each.site is None}
    return whole, [each for each in found if each.site is not None]
