"""/console/analytics: what the verdicts add up to, as charts and as the table of their figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import Markup

from api.access.scopes import OutageScope
from api.console.forms.submissions import read_form
from api.console.pages import render_page, show_usdc
from api.dependencies import Caller, Database, Running
from api.rendering.charts import ChartSeries, render_bars, render_curve
from api.routes.sla import analytics
from api.routes.sla.analytics import Wanted
from domain.access.scopes import Scope
from domain.money import STROOPS_PER_UNIT

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
DAYS = 30
COLUMNS = ("Outages", "Violations", "Penalties", "Rewards")


@dataclass(frozen=True, slots=True)
class Chart:
    key: str
    title: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Trend:
    """A day as the charts take it; None where nothing was judged."""

    day: str
    outages: int
    violations: int | None
    penalties_stroops: int | None
    rewards_stroops: int | None


async def read_trends(database: Database, scope: Scope, wanted: Wanted) -> list[Trend]:
    """Return the days of the API's trend, in their order: a day without a verdict is no data, and not zero."""
    found = await analytics.get_trends(database, scope, wanted, None if wanted.since else DAYS)
    return [
        Trend(
            each.date,
            each.total_outages,
            each.violations if each.total_outages else None,
            int(each.penalties_stroops) if each.total_outages else None,
            int(each.rewards_stroops) if each.total_outages else None,
        )
        for each in found
    ]


@router.get("/analytics")
async def show_analytics(
    request: Request, engine: Running, caller: Caller, scope: OutageScope, wanted: Wanted
) -> Response:
    database = engine.database
    trends = await read_trends(database, scope, wanted)
    total = await analytics.get_dashboard(database, scope, wanted)
    repairs = await analytics.get_performance(database, scope, wanted)
    known = bool(total.total_outages)
    figures = [
        ("Outages judged", total.total_outages),
        ("Violations", total.total_violations),
        ("Share of violations", f"{repairs.violation_rate:.1%}" if known else "no data"),
        ("Mean minutes to repair", repairs.avg_mttr if known else "no data"),
        ("Penalties", show_usdc(total.total_penalties_stroops)),
        ("Rewards", show_usdc(total.total_rewards_stroops)),
    ]
    return render_page(
        *(request, caller, "analytics.html"),
        asked=dict(request.query_params),
        figures=figures,
        charts=draw_charts(trends),
        columns=COLUMNS,
        rows=[(each.day, list_cells(each)) for each in trends],
    )


def draw_charts(trends: Sequence[Trend]) -> list[Chart]:
    days = [each.day for each in trends]

    def take(name: str, unit: int = 1) -> list[float | None]:
        values = (getattr(each, name) for each in trends)
        return [None if value is None else value / unit for value in values]

    money = [
        ChartSeries("penalties", take("penalties_stroops", STROOPS_PER_UNIT)),
        ChartSeries("rewards", take("rewards_stroops", STROOPS_PER_UNIT)),
    ]
    violations = ChartSeries("violations", take("violations"))
    title = "Penalties (red) and rewards (green) a day, in USDC"
    other = "Violations a day"
    return [
        Chart("money", title, render_bars("money", title, days, money, "USDC")),
        Chart("violations", other, render_curve("violations", other, days, violations, "")),
    ]


def list_cells(each: Trend) -> list[str]:
    if not each.outages:
        return ["no data"] * len(COLUMNS)
    money = (each.penalties_stroops, each.rewards_stroops)
    return [str(each.outages), str(each.violations), *map(show_usdc, money)]
