"""Analytics by the API: the same outage is in another day of another zone, and "no data" is not zero."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from adapters.time_zones import TZDATA
from tests.testkit.api_client import declare_outage, make_unique_id

# The night in which Berlin's clocks go on: half past eleven there, and the next day on Lord Howe Island.
DETECTED = "2026-03-28T22:30:00Z"


@pytest.fixture(scope="module")
async def site(api: httpx.AsyncClient) -> str:
    name = make_unique_id("night")
    for minutes, detected in ((25, DETECTED), (5, "2026-03-29T01:30:00Z"), (90, DETECTED)):
        outage_id = await declare_outage(api, site_name=name, detected_at=detected)
        body = {"mttr_minutes": minutes}
        answer = await api.post(f"/outages/{outage_id}/resolve", json=body)
        assert answer.status_code == 200, answer.text
    await declare_outage(api, site_name=name, detected_at=DETECTED)
    return name


async def ask(api: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("tz", "days"),
    [
        ("UTC", {"2026-03-28": 2, "2026-03-29": 1}),
        ("Europe/Berlin", {"2026-03-28": 2, "2026-03-29": 1}),
        ("America/New_York", {"2026-03-28": 3}),
        ("Australia/Lord_Howe", {"2026-03-29": 3}),
        ("Asia/Kolkata", {"2026-03-29": 3}),
    ],
)
async def test_the_days_are_those_of_the_zone(
    api: httpx.AsyncClient, site: str, tz: str, days: dict[str, int]
) -> None:
    asked = {"site": site, "date_from": "2026-03-27", "date_to": "2026-03-30", "tz": tz}
    answer = await api.get("/sla/analytics/trends", params=asked)
    points = answer.json()
    assert [each["date"] for each in points] == [f"2026-03-{day}" for day in range(27, 31)]
    assert {e["date"]: e["total_outages"] for e in points if e["total_outages"]} == days
    assert all(one["until"] == two["since"] for one, two in pairwise(points))
    assert answer.headers.get("Tzdata-Version") == (None if tz == "UTC" else TZDATA)
    assert points[0]["avg_mttr"] is None
    whole = await ask(api, "/sla/analytics/dashboard", **asked)
    assert (whole["total_outages"], whole["detected"], whole["open"]) == (3, 4, 1)
    assert whole["total_penalties"] == sum(each["penalties"] for each in points) == 8500


async def test_weeks_and_months_are_calendar_ones(api: httpx.AsyncClient, site: str) -> None:
    asked = {"site": site, "date_from": "2026-03-20", "date_to": "2026-04-02"}
    for bucket, days in (
        ("week", ["2026-03-16", "2026-03-23", "2026-03-30"]),
        ("month", ["2026-03-01", "2026-04-01"]),
    ):
        points = await ask(api, "/sla/analytics/trends", bucket=bucket, **asked)
        assert [each["date"] for each in points] == days
        assert sum(each["total_outages"] for each in points) == 3


async def test_minutes_to_repair_are_exact_and_none_are_null(
    api: httpx.AsyncClient, site: str
) -> None:
    found = await ask(api, "/sla/analytics/mttr", site=site)
    assert (found["outages"], found["mean_minutes"]) == (3, 40.0)
    assert [found[name] for name in ("p50", "p90", "p95", "p99")] == [25, 90, 90, 90]
    assert found["severities"]["critical"]["outages"] == 3
    empty = {"outages": 0} | dict.fromkeys(("mean_minutes", "p50", "p90", "p95", "p99"))
    assert found["severities"]["low"] == empty
    nothing = await ask(api, "/sla/performance/aggregation", site="nowhere")
    assert (nothing["violation_rate"], nothing["avg_mttr"], nothing["payout_sum"]) == (
        None,
        None,
        0,
    )


async def test_what_runs_is_exposed_and_the_forecast_says_when_it_may(
    api: httpx.AsyncClient,
) -> None:
    name, now = make_unique_id("running"), datetime.now(UTC)
    began = (now - timedelta(minutes=40)).isoformat()
    await declare_outage(api, site_name=name, detected_at=began)
    await declare_outage(api, site_name=name, severity="low", detected_at=began)
    found = await ask(api, "/sla/analytics/exposure", site=name)
    assert (found["running"], found["crossed"]) == (2, 1)
    worst, other = found["outages"]
    assert (worst["severity"], worst["amount"]) == ("critical", -found["penalties"])
    assert found["penalties"] in (2500, 2600)  # a minute may have gone by
    assert (other["crossed"], other["amount"]) == (False, 1200)
    assert datetime.fromisoformat(worst["crosses_at"]) == datetime.fromisoformat(began) + timedelta(
        minutes=16
    )
    forecast = await ask(api, "/sla/analytics/forecast", site=name, tz="Asia/Kolkata")
    assert forecast["journal_stroops"] == "0"
    assert forecast["tzdata"] == TZDATA
    since, until = (datetime.fromisoformat(forecast[each]) for each in ("since", "until"))
    assert since <= datetime.fromisoformat(forecast["at"]) < until


@pytest.mark.parametrize("tz", ["CET", "EST", "Mars/Olympus", "europe/berlin", ""])
async def test_a_zone_of_which_databases_say_different_things_is_refused(
    api: httpx.AsyncClient, tz: str
) -> None:
    for path in ("dashboard", "trends", "mttr", "forecast"):
        answer = await api.get(f"/sla/analytics/{path}", params={"tz": tz})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == "tz"
