"""Minutes to repair in the database: a histogram of whole minutes, so that percentiles are exact."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.analytics.rollups import LATE
from adapters.postgres.analytics.trends import (
    SEGMENTS,
    list_keys,
    make_conditions,
    make_parameters,
    make_whole,
)
from domain.access.scopes import Scope
from domain.analytics.mttr import PERCENTS, MttrSummary
from domain.analytics.periods import Grain
from domain.analytics.trends import AnalyticsFilter
from domain.sla.verdicts import Severity

_PERCENTILES = ", ".join(
    f"min(mttr_minutes) FILTER (WHERE so_far * 100 >= {percent} * total) AS p{percent}"
    for percent in PERCENTS
)


def _make_statement(of_sums: str, of_outages: str) -> str:
    return f"""
        WITH {SEGMENTS}, {LATE},
        part AS (
            SELECT f.severity, f.mttr_minutes, f.outages
            FROM segment JOIN analytics_histograms f ON f.grain = segment.grain
                AND f.starts_at >= segment.begins AND f.starts_at < segment.ends{of_sums}
            WHERE segment.grain <> 'outage'
            UNION ALL
            SELECT f.severity, f.mttr_minutes, 1
            FROM segment JOIN analytics_contributions f
                ON f.detected_at >= segment.begins AND f.detected_at < segment.ends{of_outages}
            WHERE segment.grain = 'outage' AND f.phase = 'judged' AND f.mttr_minutes IS NOT NULL
            UNION ALL
            SELECT f.severity, f.mttr_minutes, f.sign
            FROM late f JOIN bucket ON f.detected_at >= begins AND f.detected_at < ends{of_outages}
            WHERE f.phase = 'judged' AND f.mttr_minutes IS NOT NULL
        ),
        counted AS (
            SELECT severity, mttr_minutes, sum(outages) AS outages FROM part
            GROUP BY GROUPING SETS ((severity, mttr_minutes), (mttr_minutes))
            HAVING sum(outages) > 0
        ),
        ranked AS (
            SELECT *, sum(outages) OVER (PARTITION BY severity ORDER BY mttr_minutes) AS so_far,
                sum(outages) OVER (PARTITION BY severity) AS total
            FROM counted
        )
        SELECT severity, sum(outages) AS outages, sum(outages * mttr_minutes) AS minutes, {_PERCENTILES}
        FROM ranked GROUP BY severity
    """


async def list_summaries(
    connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter
) -> list[MttrSummary]:
    """Return the summary of all outages that are wanted, and then of each severity, whether it has any or not."""
    keys = await list_keys(connection, scope, wanted)
    rows = await connection.execute(
        text(_make_statement(*make_conditions(wanted, keys))),
        make_parameters(wanted, keys, [make_whole(wanted)], [Grain.MONTH, Grain.DAY]),
    )
    found = {
        row.severity: MttrSummary(
            None if row.severity is None else Severity(row.severity),
            int(row.outages),
            int(row.minutes),
            *(int(each) for each in (row.p50, row.p90, row.p95, row.p99)),
        )
        for row in rows
    }
    kinds = [None, *Severity]
    return [found.get(each, MttrSummary(each)) for each in kinds]
