"""The calls of the dashboard: two together, of the same filter, which must agree."""

import time
from itertools import pairwise

import pytest

from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import KPIS, TREND

DAYS = {"date_from": "2026-01-01", "date_to": "2026-01-07"}
# Detected on, minutes to repair: a penalty of 1000, a reward of 1500, and two late on one day.
OUTAGES = [
    ("02T23:59:59.999Z", 25),
    ("03T00:00:00.000Z", 5),
    ("07T12:00:00.000Z", 25),
    ("07T13:00:00.000Z", 20),
]


@pytest.fixture(scope="module")
async def site(browser: Browser) -> str:
    """Outages of one site that nothing else has."""
    name = f"site{time.time_ns()}"
    for n, (began, minutes) in enumerate(OUTAGES):
        form = {
            "id": f"{name}-{n}",
            "site_name": name,
            "site_id": f"{name}-id",
            "severity": "critical",
            "status": "open",
            "detected_at": f"2026-01-{began}",
            "description": "",
            "affected_services": [],
        }
        await browser.call("POST", "/outages", status=201, json=form)
        body = {"mttr_minutes": minutes}
        await browser.call("POST", f"/outages/{form['id']}/resolve", json=body)
    return name


async def test_the_totals_are_numbers_and_penalties_are_positive(
    browser: Browser, site: str
) -> None:
    params = DAYS | {"site": site, "severity": "critical"}
    found = await browser.call("GET", "/sla/analytics/dashboard", KPIS, params=params)
    shown = {name: found[name] for name in KPIS}
    assert shown == {
        "total_outages": 4,
        "total_violations": 3,
        "total_rewards": 1500,
        "total_penalties": 2500,
    }


async def test_a_trend_has_each_day_once_in_order_and_those_without_outages(
    browser: Browser, site: str
) -> None:
    params = DAYS | {"site": f"{site}-id"}
    found = await browser.call("GET", "/sla/analytics/trends", [TREND], params=params)
    days = [each["date"] for each in found]
    assert days == [f"2026-01-0{n}" for n in range(1, 8)]
    assert all(one < other for one, other in pairwise(days))
    shown = [(each["total_outages"], each["violations"], each["penalties"]) for each in found]
    assert shown == [
        (0, 0, 0),
        (1, 1, 1000),
        (1, 0, 0),
        (0, 0, 0),
        (0, 0, 0),
        (0, 0, 0),
        (2, 2, 1500),
    ]
    assert [each["rewards"] for each in found] == [0, 0, 1500, 0, 0, 0, 0]


async def test_the_trend_adds_up_to_the_totals(browser: Browser) -> None:
    totals = await browser.call("GET", "/sla/analytics/dashboard", KPIS, params=DAYS)
    points = await browser.call("GET", "/sla/analytics/trends", [TREND], params=DAYS)
    for field, summed in (
        ("total_outages", "total_outages"),
        ("total_violations", "violations"),
        ("total_rewards", "rewards"),
        ("total_penalties", "penalties"),
    ):
        assert sum(each[summed] for each in points) == totals[field]


async def test_a_filter_that_nothing_passes_is_zeros(browser: Browser) -> None:
    params = DAYS | {"site": "nowhere"}
    found = await browser.call("GET", "/sla/analytics/dashboard", KPIS, params=params)
    assert [found[name] for name in KPIS] == [0, 0, 0, 0]
    points = await browser.call("GET", "/sla/analytics/trends", [TREND], params=params)
    assert len(points) == 7


async def test_without_dates_the_trend_is_of_the_last_week(browser: Browser) -> None:
    assert len(await browser.call("GET", "/sla/analytics/trends", [TREND])) == 7
    asked = {"days": 30}
    assert len(await browser.call("GET", "/sla/analytics/trends", [TREND], params=asked)) == 30


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"date_from": "2026-01-08", "date_to": "2026-01-07"}, "date_from"),
        ({"date_from": "0001-01-01"}, "date_from"),
        ({"date_from": "yesterday"}, "date_from"),
        ({"date_to": "2026-02-30"}, "date_to"),
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"days": 0}, "days"),
    ],
)
async def test_what_is_no_range_of_days_is_refused(
    browser: Browser, params: dict[str, object], field: str
) -> None:
    detail = await browser.refuse("GET", "/sla/analytics/trends", 422, params=params)
    assert detail.startswith(f"{field}: ")
