"""/sla/analytics/mttr: how long repairs took, as a mean and as percentiles."""

from fastapi import APIRouter
from pydantic import BaseModel

from adapters.postgres.analytics import mttr
from api.access.scopes import OutageScope
from api.dependencies import Database
from api.parsing.analytics_filters import Wanted
from api.parsing.zones import CallerZone
from domain.analytics.mttr import MttrSummary
from domain.sla.verdicts import Severity

router = APIRouter(prefix="/sla/analytics", tags=["analytics"])


class MttrFiguresView(BaseModel):
    """Minutes to repair; the percentiles are exact, and each is what an outage took. Null is "no data"."""

    outages: int
    mean_minutes: float | None
    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None

    @classmethod
    def of(cls, found: MttrSummary) -> "MttrFiguresView":
        return cls(
            outages=found.outages,
            mean_minutes=found.mean_minutes,
            **{name: getattr(found, name) for name in ("p50", "p90", "p95", "p99")},
        )


class MttrView(MttrFiguresView):
    """Of all outages that are asked for, and of each severity."""

    severities: dict[Severity, MttrFiguresView]
    tzdata: str | None


@router.get("/mttr")
async def get_mttr(
    database: Database, scope: OutageScope, wanted: Wanted, zone: CallerZone
) -> MttrView:
    """Show how many minutes repairs took, of the outages detected on those days (inclusive, of `tz`)."""
    async with database.autocommit() as connection:
        whole, *parts = await mttr.list_summaries(connection, scope, wanted)
    return MttrView(
        **MttrFiguresView.of(whole).model_dump(),
        severities={
            each.severity: MttrFiguresView.of(each) for each in parts if each.severity is not None
        },
        tzdata=zone.tzdata,
    )
