"""/agreements/{agreement}/uptime: by calendar month, in the agreement's own time zone."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from adapters.postgres.analytics import uptime
from adapters.postgres.sla.agreements import agreements
from adapters.time_zones import TZDATA
from api.access.permissions import require
from api.access.scopes import OutageScope, TermsScope
from api.bodies import Body, Text
from api.dependencies import Asked, Database
from api.parsing.analytics_filters import Site
from api.parsing.zones import name_zone
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.analytics.uptime import Uptime, UptimeMonth, list_months, make_months
from domain.sla.intake.calendars.time_zones import NAME_MAX
from services.sla.agreements.change_zone import ChangeZone, change_zone

router = APIRouter(prefix="/agreements", tags=["analytics"])
AgreementName = Annotated[Text, Path(max_length=100)]
Month = Annotated[Text, Query(max_length=7, description="A month like 2026-01")]
Service = Annotated[Text, Query(max_length=200, description="an affected service")]


class ZoneBody(Body):
    """In which zone the months of an agreement begin: UTC, or a name such as Europe/Berlin."""

    time_zone: Annotated[Text, Field(max_length=NAME_MAX)]


class ZoneView(BaseModel):
    agreement: str
    time_zone: str


class UptimeFiguresView(BaseModel):
    """Seconds of the month that have passed, and for how many of them it was down; null is "no data"."""

    outages: int
    seconds: int
    down_seconds: int
    uptime_percent: float | None

    @classmethod
    def of(cls, found: Uptime) -> "UptimeFiguresView":
        return cls(
            outages=found.outages,
            seconds=found.seconds,
            down_seconds=found.down_seconds,
            uptime_percent=found.percent,
        )


class SiteUptimeView(UptimeFiguresView):
    site: str


class UptimeMonthView(UptimeFiguresView):
    """The agreement is down while any of its sites is; `sites` are those that were, the worst first."""

    month: str
    since: datetime
    until: datetime
    sites: list[SiteUptimeView]

    @classmethod
    def make(cls, found: UptimeMonth) -> "UptimeMonthView":
        return cls(
            **UptimeFiguresView.of(found.whole).model_dump(),
            month=f"{found.month.day:%Y-%m}",
            since=found.month.since,
            until=found.month.until,
            sites=[
                SiteUptimeView(**UptimeFiguresView.of(each).model_dump(), site=each.site or "")
                for each in found.sites
            ],
        )


class UptimeView(BaseModel):
    agreement: str
    time_zone: str
    tzdata: str | None
    months: list[UptimeMonthView]


@router.get("/{agreement}/uptime", responses=declare_problems(404))
async def get_uptime(
    agreement: AgreementName,
    database: Database,
    scope: OutageScope,
    month_from: Month | None = None,
    month_to: Month | None = None,
    site: Site | None = None,
    service: Service | None = None,
) -> UptimeView:
    """
    Show how much of each calendar month was without an outage, of the whole agreement, a site or a service.
    What overlaps is down once; what runs is down until now; months are those of the agreement's time zone.
    """
    now = datetime.now(UTC)
    async with database.autocommit() as connection:
        await agreements.get_agreement(connection, agreement, scope)
        zone = name_zone("time_zone", await agreements.get_zone(connection, agreement))
        months = list_months(month_from, month_to, zone.zone, now)
        found = await uptime.list_downtimes(connection, agreement, months, now, site, service)
    shown = [UptimeMonthView.make(each) for each in make_months(months, *found)]
    return UptimeView(agreement=agreement, time_zone=zone.name, tzdata=zone.tzdata, months=shown)


@router.get("/{agreement}/time-zone", responses=declare_problems(404))
async def get_time_zone(
    agreement: AgreementName, database: Database, scope: TermsScope
) -> ZoneView:
    """Show in which zone the months of an agreement begin."""
    async with database.autocommit() as connection:
        await agreements.get_agreement(connection, agreement, scope)
        name = await agreements.get_zone(connection, agreement)
    return ZoneView(agreement=agreement, time_zone=name)


@router.put(
    "/{agreement}/time-zone",
    dependencies=[require(Permission.POLICIES_WRITE)],
    responses=declare_problems(404),
)
async def put_time_zone(
    agreement: AgreementName, body: ZoneBody, database: Database, asked: Asked
) -> ZoneView:
    """Set in which zone the months of an agreement begin, of all its uptime; it changes no verdict."""
    name = name_zone("time_zone", body.time_zone).name
    wanted = ChangeZone(agreement, name, TZDATA, asked, datetime.now(UTC))
    await change_zone(database, wanted)
    return ZoneView(agreement=agreement, time_zone=name)
