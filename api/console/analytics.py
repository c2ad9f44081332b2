"""/console/analytics: what runs now costs, what verdicts add up to, and how long repairs take, in charts and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from markupsafe import Markup

from api.access.scopes import OutageScope
from api.console.forms.submissions import read_form
from api.console.pages import render_page, show_usdc
from api.dependencies import Caller, Database, Running
from api.parsing.analytics_filters import Wanted
from api.parsing.zones import CallerZone, NamedZone
from api.rendering.charts import ChartSeries, render_bars, render_curve
from api.routes.analytics import exposure, mttr, trends
from api.routes.analytics.exposure import ExposureView, ForecastView
from api.routes.analytics.mttr import MttrFiguresView, MttrView
from api.routes.analytics.trends import DashboardView, TrendPointView
from domain.access.scopes import Scope
from domain.analytics.periods import BucketSize
from domain.analytics.trends import AnalyticsFilter
from domain.money import STROOPS_PER_UNIT

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
BUCKETS, EXPOSED_MAX = 30, 20
COLUMNS = ("Detected", "Judged", "Violations", "Penalties", "Rewards")
NO_DATA = "no data"


@dataclass(frozen=True, slots=True)
class ShownChart:
    key: str
    title: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class AnalyticsFigures:
    """What the API's routes answer to one filter."""

    points: Sequence[TrendPointView]
    totals: DashboardView
    repairs: MttrView
    exposed: ExposureView
    forecast: ForecastView


async def read_figures(
    database: Database, scope: Scope, wanted: AnalyticsFilter, zone: NamedZone, bucket: BucketSize
) -> AnalyticsFigures:
    count = None if wanted.since else BUCKETS
    return AnalyticsFigures(
        await trends.get_trends(database, scope, wanted, zone, count, bucket),
        await trends.get_dashboard(database, scope, wanted, zone),
        await mttr.get_mttr(database, scope, wanted, zone),
        await exposure.get_exposure(database, scope, wanted, EXPOSED_MAX),
        await exposure.get_forecast(database, scope, wanted, zone),
    )


@router.get("/analytics")
async def show_analytics(
    request: Request,
    engine: Running,
    caller: Caller,
    scope: OutageScope,
    wanted: Wanted,
    zone: CallerZone,
    bucket: Annotated[BucketSize, Query()] = BucketSize.DAY,
) -> Response:
    """Show the charts, with every figure of theirs in a table beside them."""
    found = await read_figures(engine.database, scope, wanted, zone, bucket)
    return render_page(
        *(request, caller, "analytics.html"),
        asked=dict(request.query_params),
        buckets=list(map(str, BucketSize)),
        bucket=str(bucket),
        zone=zone.name,
        figures=list_figures(found),
        exposed=found.exposed,
        exposure_chart=draw_exposure(found.exposed),
        charts=draw_trends(found.points, bucket),
        columns=COLUMNS,
        rows=[(each.date, list_cells(each)) for each in found.points],
        repairs=list_repairs(found.repairs),
    )


def list_figures(found: AnalyticsFigures) -> list[tuple[str, str]]:
    totals, forecast = found.totals, found.forecast
    mean = totals.avg_mttr
    projected = forecast.projected_stroops
    return [
        ("Outages detected", str(totals.detected)),
        ("Judged", str(totals.total_outages)),
        ("Violations", str(totals.total_violations) if totals.total_outages else NO_DATA),
        ("Mean minutes to repair", NO_DATA if mean is None else f"{mean:,.1f}"),
        ("Penalties", show_usdc(totals.total_penalties_stroops)),
        ("Rewards", show_usdc(totals.total_rewards_stroops)),
        ("Exposure now", show_usdc(found.exposed.penalties_stroops)),
        (
            f"Penalties by {forecast.until:%Y-%m-%d}, at this rate",
            NO_DATA if projected is None else show_usdc(projected),
        ),
    ]


def draw_exposure(exposed: ExposureView) -> ShownChart:
    """Draw what each outage that runs would owe if it was repaired now."""
    title = "Penalties of what runs now, in USDC"
    owed = [max(-int(each.amount_stroops), 0) / STROOPS_PER_UNIT for each in exposed.outages]
    labels = [each.id for each in exposed.outages]
    series = [ChartSeries("penalty", owed)]
    return ShownChart("exposure", title, render_bars("exposure", title, labels, series, "USDC"))


def draw_trends(points: Sequence[TrendPointView], bucket: BucketSize) -> list[ShownChart]:
    """Draw the trends; where nothing was detected, or nothing judged, there is a gap."""
    days = [each.date for each in points]

    def take(name: str) -> list[float | None]:
        return [
            int(getattr(each, name)) / STROOPS_PER_UNIT if each.detected else None
            for each in points
        ]

    money = [
        ChartSeries("penalties", take("penalties_stroops")),
        ChartSeries("rewards", take("rewards_stroops")),
    ]
    judged = [each.violations if each.total_outages else None for each in points]
    repaired = ChartSeries("mean minutes", [each.avg_mttr for each in points])
    paid = f"Penalties (left, red) and rewards (right, green) by {bucket}, in USDC"
    broken, lasting = f"Violations by {bucket}", f"Mean minutes to repair by {bucket}"
    violations = ChartSeries("violations", judged)
    return [
        ShownChart("money", paid, render_bars("money", paid, days, money, "USDC")),
        ShownChart("violations", broken, render_bars("violations", broken, days, [violations], "")),
        ShownChart("repairs", lasting, render_curve("repairs", lasting, days, repaired, "minutes")),
    ]


def list_cells(each: TrendPointView) -> list[str]:
    if not each.detected:
        return [NO_DATA] * len(COLUMNS)
    violations = str(each.violations) if each.total_outages else NO_DATA
    money = (each.penalties_stroops, each.rewards_stroops)
    return [str(each.detected), str(each.total_outages), violations, *map(show_usdc, money)]


def list_repairs(repairs: MttrView) -> list[tuple[str, list[Any]]]:
    """Return the rows of the table of minutes to repair."""
    rows: list[tuple[str, MttrFiguresView]] = [("all", repairs)]
    rows += [(str(name), each) for name, each in repairs.severities.items()]
    return [
        (
            name,
            [
                each.outages,
                NO_DATA if each.mean_minutes is None else f"{each.mean_minutes:,.1f}",
                *(NO_DATA if m is None else m for m in (each.p50, each.p90, each.p95, each.p99)),
            ],
        )
        for name, each in rows
    ]
