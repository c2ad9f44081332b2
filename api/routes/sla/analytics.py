"""/sla/analytics: what the verdicts add up to, in all and day by day."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from adapters.postgres.sla import analytics
from api.access.scopes import OutageScope
from api.bodies import Text
from api.dependencies import Database
from api.parsing.bounds import Bound, parse_bounds
from api.views import to_number
from domain.access.scopes import Scope
from domain.sla.analytics import (
    DAYS_MAX,
    AnalyticsFilter,
    DayTotals,
    Totals,
    choose_days,
    fill_days,
)
from domain.sla.verdicts import Severity

router = APIRouter(prefix="/sla", tags=["sla"])


class DashboardView(BaseModel):
    """Totals over the judged outages that are asked for, in USDC; penalties are positive."""

    total_outages: int
    total_violations: int
    total_rewards: int | float
    total_rewards_stroops: str
    total_penalties: int | float
    total_penalties_stroops: str
    net_payout: int | float
    net_payout_stroops: str


class TrendPointView(BaseModel):
    """The verdicts on the outages that were detected on one day (UTC), in USDC; penalties are positive."""

    date: str
    total_outages: int
    violations: int
    rewards: int | float
    rewards_stroops: str
    penalties: int | float
    penalties_stroops: str

    @classmethod
    def of(cls, found: DayTotals) -> "TrendPointView":
        totals = found.totals
        return cls(
            date=found.day.isoformat(),
            total_outages=totals.outages,
            violations=totals.violations,
            rewards=to_number(totals.rewards_stroops),
            rewards_stroops=str(totals.rewards_stroops),
            penalties=to_number(totals.penalties_stroops),
            penalties_stroops=str(totals.penalties_stroops),
        )


class PerformanceView(BaseModel):
    """How repairs went: the share of violations, the mean minutes to repair, and what all of it pays."""

    total_outages: int
    violation_rate: float
    avg_mttr: float
    payout_sum: int | float
    payout_sum_stroops: str


async def get_filter(
    date_from: Bound = None,
    date_to: Bound = None,
    severity: Severity | None = None,
    site: Annotated[Text, Query(max_length=200)] | None = None,
) -> AnalyticsFilter:
    """Both dates are inclusive days (UTC); `site` is an id or a name."""
    since, until = parse_bounds(date_from, date_to)
    return AnalyticsFilter(since, until, severity, site)


Wanted = Annotated[AnalyticsFilter, Depends(get_filter)]


async def _get_totals(database: Database, scope: Scope, wanted: AnalyticsFilter) -> Totals:
    async with database.autocommit() as connection:
        return await analytics.get_totals(connection, scope, wanted)


@router.get("/analytics/dashboard")
async def get_dashboard(database: Database, scope: OutageScope, wanted: Wanted) -> DashboardView:
    """Count and sum the verdicts on outages detected on those days (UTC, inclusive); `site` is an id or a name."""
    totals = await _get_totals(database, scope, wanted)
    rewards, penalties = totals.rewards_stroops, totals.penalties_stroops
    return DashboardView(
        total_outages=totals.outages,
        total_violations=totals.violations,
        total_rewards=to_number(rewards),
        total_rewards_stroops=str(rewards),
        total_penalties=to_number(penalties),
        total_penalties_stroops=str(penalties),
        net_payout=to_number(rewards - penalties),
        net_payout_stroops=str(rewards - penalties),
    )


@router.get("/analytics/trends")
async def get_trends(
    database: Database,
    scope: OutageScope,
    wanted: Wanted,
    days: Annotated[int, Query(ge=1, le=DAYS_MAX)] | None = None,
    tz: Literal["UTC"] = "UTC",
    bucket: Literal["day"] = "day",
) -> list[TrendPointView]:
    """
    Show each day from `date_from` to `date_to`, or the last `days`, in their order; a day without a
    verdict has zeros. Days are those of UTC.
    """
    first, last = choose_days(wanted.since, wanted.until, days, datetime.now(UTC))
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    bounded = AnalyticsFilter(
        wanted.since or begin, wanted.until or end, wanted.severity, wanted.site
    )
    async with database.autocommit() as connection:
        found = await analytics.list_days(connection, scope, bounded)
    return [TrendPointView.of(each) for each in fill_days(first, last, found)]


@router.get("/performance/aggregation")
async def get_performance(
    database: Database, scope: OutageScope, wanted: Wanted
) -> PerformanceView:
    """Show the share of violations and the mean minutes to repair over the newest verdict of each outage."""
    totals = await _get_totals(database, scope, wanted)
    count = totals.outages or 1
    payout = totals.rewards_stroops - totals.penalties_stroops
    return PerformanceView(
        total_outages=totals.outages,
        violation_rate=round(totals.violations / count, 4),
        avg_mttr=round(totals.minutes / count, 2),
        payout_sum=to_number(payout),
        payout_sum_stroops=str(payout),
    )
