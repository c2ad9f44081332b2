"""/sla/analytics/exposure and /forecast: what runs now, and what a period will have cost."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from adapters.postgres.analytics import exposure, trends
from api.access.scopes import OutageScope
from api.dependencies import Database
from api.parsing.analytics_filters import WantedNow
from api.parsing.zones import CallerZone
from api.views import to_number
from domain.analytics.exposure import ExposedOutage, compute_exposure, make_forecast
from domain.analytics.periods import BucketSize, find_period
from domain.analytics.trends import AnalyticsFilter
from domain.sla.verdicts import Severity

router = APIRouter(prefix="/sla/analytics", tags=["analytics"])
SHOWN_MAX = 500


class ExposedOutageView(BaseModel):
    """An outage that runs; `amount` is what it would owe if it was repaired now, a penalty negative."""

    id: str
    site_name: str
    severity: Severity
    agreement: str
    detected_at: datetime
    minutes: int
    threshold_minutes: int
    crosses_at: datetime
    crossed: bool
    penalty_per_minute: int
    amount: int | float
    amount_stroops: str

    @classmethod
    def of(cls, found: ExposedOutage) -> "ExposedOutageView":
        outage = found.outage
        return cls(
            id=outage.id,
            site_name=outage.site_name,
            severity=outage.severity,
            agreement=outage.agreement,
            detected_at=outage.detected_at,
            minutes=found.minutes,
            threshold_minutes=outage.terms.threshold_minutes,
            crosses_at=outage.crosses_at,
            crossed=found.crossed,
            penalty_per_minute=outage.terms.penalty_per_minute,
            amount=to_number(found.amount_stroops),
            amount_stroops=str(found.amount_stroops),
        )


class ExposureView(BaseModel):
    """What all that runs would owe if it was repaired at `at`; `outages` begins with what owes most."""

    at: datetime
    running: int
    crossed: int
    penalties: int | float
    penalties_stroops: str
    rewards: int | float
    rewards_stroops: str
    outages: list[ExposedOutageView]


class ForecastView(BaseModel):
    """
    The penalties of the outages detected in a period, by its end: `journal` so far, `exposure` of those that
    run, and both at the same rate (`projected`, null in the first hour); `unrepaired` if none ends before.
    """

    period: str
    since: datetime
    until: datetime
    at: datetime
    journal_stroops: str
    exposure_stroops: str
    projected: int | float | None
    projected_stroops: str | None
    unrepaired_stroops: str
    tzdata: str | None


@router.get("/exposure")
async def get_exposure(
    database: Database,
    scope: OutageScope,
    wanted: WantedNow,
    limit: Annotated[int, Query(ge=1, le=SHOWN_MAX)] = 100,
) -> ExposureView:
    """Show what the outages that run would owe if they were repaired now, and when each crosses its threshold."""
    async with database.autocommit() as connection:
        running = await exposure.list_running(connection, scope, wanted)
    found = compute_exposure(running, datetime.now(UTC))
    return ExposureView(
        at=found.at,
        running=len(found.outages),
        crossed=found.crossed,
        penalties=to_number(found.penalties_stroops),
        penalties_stroops=str(found.penalties_stroops),
        rewards=to_number(found.rewards_stroops),
        rewards_stroops=str(found.rewards_stroops),
        outages=[ExposedOutageView.of(each) for each in found.outages[:limit]],
    )


@router.get("/forecast")
async def get_forecast(
    database: Database,
    scope: OutageScope,
    wanted: WantedNow,
    zone: CallerZone,
    period: BucketSize = BucketSize.MONTH,
) -> ForecastView:
    """Show what penalties the current day, week or month of `tz` is heading for; docs/analytics.md has the method."""
    now = datetime.now(UTC)
    whole = find_period(period, zone.zone, now)
    bounded = AnalyticsFilter(
        whole.since, whole.until, wanted.severity, wanted.site, wanted.agreement
    )
    async with database.autocommit() as connection:
        totals = await trends.get_totals(connection, scope, bounded)
        running = await exposure.list_running(connection, scope, wanted)
    found = make_forecast(whole, running, totals.penalties_stroops, now)
    projected = found.projected_stroops
    return ForecastView(
        period=whole.day.isoformat(),
        since=whole.since,
        until=whole.until,
        at=now,
        journal_stroops=str(found.journal_stroops),
        exposure_stroops=str(found.exposure_stroops),
        projected=None if projected is None else to_number(projected),
        projected_stroops=None if projected is None else str(projected),
        unrepaired_stroops=str(found.unrepaired_stroops),
        tzdata=zone.tzdata,
    )
