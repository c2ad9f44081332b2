"""/sla/analytics: what outages, verdicts and the journal add up to, in all and bucket by bucket."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from adapters.postgres.analytics import trends
from api.access.scopes import OutageScope
from api.dependencies import Database
from api.parsing.analytics_filters import Wanted
from api.parsing.zones import CallerZone
from api.views import to_number
from domain.access.scopes import Scope
from domain.analytics.periods import BUCKETS_MAX, BucketSize, list_buckets
from domain.analytics.trends import AnalyticsFilter, Totals, TrendPoint, make_points

router = APIRouter(prefix="/sla", tags=["analytics"])


class DashboardView(BaseModel):
    """
    Totals over the outages that are asked for, money in USDC; penalties are positive. Of `total_outages` the
    verdict stands; `detected` counts those too that are open, cancelled or voided. Null is "no data".
    """

    total_outages: int
    total_violations: int
    total_rewards: int | float
    total_rewards_stroops: str
    total_penalties: int | float
    total_penalties_stroops: str
    net_payout: int | float
    net_payout_stroops: str
    detected: int
    open: int
    cancelled: int
    voided: int
    avg_mttr: float | None
    tzdata: str | None


class TrendPointView(BaseModel):
    """
    The outages that were detected in one bucket, `date` being the first day of it, money in USDC; penalties
    are positive, and a mean of no outage is null.
    """

    date: str
    since: datetime
    until: datetime
    total_outages: int
    violations: int
    rewards: int | float
    rewards_stroops: str
    penalties: int | float
    penalties_stroops: str
    detected: int
    open: int
    cancelled: int
    voided: int
    avg_mttr: float | None

    @classmethod
    def of(cls, found: TrendPoint) -> "TrendPointView":
        totals = found.totals
        return cls(
            date=found.day.isoformat(),
            since=found.since,
            until=found.until,
            total_outages=totals.outages,
            violations=totals.violations,
            rewards=to_number(totals.rewards_stroops),
            rewards_stroops=str(totals.rewards_stroops),
            penalties=to_number(totals.penalties_stroops),
            penalties_stroops=str(totals.penalties_stroops),
            detected=totals.detected,
            open=totals.open,
            cancelled=totals.cancelled,
            voided=totals.voided,
            avg_mttr=totals.mean_minutes,
        )


class PerformanceView(BaseModel):
    """How repairs went: the share of violations, the mean minutes to repair, and what all of it pays; null is "no data"."""

    total_outages: int
    violation_rate: float | None
    avg_mttr: float | None
    payout_sum: int | float
    payout_sum_stroops: str


async def _get_totals(database: Database, scope: Scope, wanted: AnalyticsFilter) -> Totals:
    async with database.autocommit() as connection:
        return await trends.get_totals(connection, scope, wanted)


@router.get("/analytics/dashboard")
async def get_dashboard(
    database: Database, scope: OutageScope, wanted: Wanted, zone: CallerZone
) -> DashboardView:
    """Count the outages detected on those days (inclusive, of `tz`), and add up what the journal says they cost."""
    totals = await _get_totals(database, scope, wanted)
    rewards, penalties, net = totals.rewards_stroops, totals.penalties_stroops, totals.net_stroops
    return DashboardView(
        total_outages=totals.outages,
        total_violations=totals.violations,
        total_rewards=to_number(rewards),
        total_rewards_stroops=str(rewards),
        total_penalties=to_number(penalties),
        total_penalties_stroops=str(penalties),
        net_payout=to_number(net),
        net_payout_stroops=str(net),
        detected=totals.detected,
        open=totals.open,
        cancelled=totals.cancelled,
        voided=totals.voided,
        avg_mttr=totals.mean_minutes,
        tzdata=zone.tzdata,
    )


@router.get("/analytics/trends")
async def get_trends(
    database: Database,
    scope: OutageScope,
    wanted: Wanted,
    zone: CallerZone,
    days: Annotated[int, Query(ge=1, le=BUCKETS_MAX)] | None = None,
    bucket: BucketSize = BucketSize.DAY,
) -> list[TrendPointView]:
    """
    Show each day, week (from Monday) or month of `tz` from `date_from` to `date_to`, or of the last `days`, in
    their order; one without an outage has zeros. The header Tzdata-Version names the tables of the zone.
    """
    buckets = list_buckets(wanted.since, wanted.until, days, bucket, zone.zone, datetime.now(UTC))
    async with database.autocommit() as connection:
        found = await trends.list_totals(connection, scope, wanted, buckets)
    return [TrendPointView.of(each) for each in make_points(buckets, found)]


@router.get("/performance/aggregation")
async def get_performance(
    database: Database, scope: OutageScope, wanted: Wanted
) -> PerformanceView:
    """Show the share of violations and the mean minutes to repair over the newest verdict of each outage."""
    totals = await _get_totals(database, scope, wanted)
    return PerformanceView(
        total_outages=totals.outages,
        violation_rate=totals.violation_rate,
        avg_mttr=totals.mean_minutes,
        payout_sum=to_number(totals.net_stroops),
        payout_sum_stroops=str(totals.net_stroops),
    )
