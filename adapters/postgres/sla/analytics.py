"""Sums over verdicts in the database: of each outage the newest revision counts, and no other."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Subquery, cast, func, or_, select
from sqlalchemy import Date as DateType
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import list_outage_conditions
from adapters.postgres.tables import outages, sla_results
from domain.access.scopes import Scope
from domain.sla.analytics import AnalyticsFilter, DayTotals, Totals
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import SlaStatus

# Whose verdicts cost nobody anything: reopened, or the debt was voided.
_TAKEN_BACK = (OutageStatus.DECLARED, OutageStatus.VOIDED)


def _list_conditions(wanted: AnalyticsFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield outages.c.detected_at >= wanted.since
    if wanted.until is not None:
        yield outages.c.detected_at < wanted.until
    if wanted.severity is not None:
        yield sla_results.c.severity == wanted.severity
    if wanted.site is not None:
        yield or_(outages.c.site_id == wanted.site, outages.c.site_name == wanted.site)


def _select_newest(scope: Scope, wanted: AnalyticsFilter) -> Subquery:
    # The session's time zone is UTC, and the day is said in it whatever that is.
    day = cast(func.timezone("UTC", outages.c.detected_at), DateType).label("day")
    return (
        select(sla_results, day)
        .join(outages, outages.c.id == sla_results.c.outage_id)
        .where(
            outages.c.status.not_in(_TAKEN_BACK),
            *list_outage_conditions(scope),
            *_list_conditions(wanted),
        )
        .distinct(sla_results.c.outage_id)
        .order_by(sla_results.c.outage_id, sla_results.c.revision.desc())
        .subquery()
    )


def _list_sums(newest: Subquery) -> list[ColumnElement[int]]:
    amount = newest.c.amount_stroops
    return [
        func.count().label("outages"),
        func.count().filter(newest.c.status == SlaStatus.VIOLATED).label("violations"),
        func.coalesce(func.sum(amount).filter(amount > 0), 0).label("rewards_stroops"),
        func.coalesce(-func.sum(amount).filter(amount < 0), 0).label("penalties_stroops"),
        func.coalesce(func.sum(newest.c.mttr_minutes), 0).label("minutes"),
    ]


def _to_totals(row: Any) -> Totals:
    return Totals(
        row.outages,
        row.violations,
        int(row.rewards_stroops),
        int(row.penalties_stroops),
        int(row.minutes),
    )


async def get_totals(connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter) -> Totals:
    """Count verdicts and sum rewards and penalties over the newest revision of each outage."""
    newest = _select_newest(scope, wanted)
    rows = await connection.execute(select(*_list_sums(newest)).select_from(newest))
    return _to_totals(rows.one())


async def list_days(
    connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter
) -> list[DayTotals]:
    """Return the sums of each day that has a verdict."""
    newest = _select_newest(scope, wanted)
    rows = await connection.execute(
        select(newest.c.day, *_list_sums(newest)).group_by(newest.c.day).order_by(newest.c.day)
    )
    return [DayTotals(row.day, _to_totals(row)) for row in rows]
