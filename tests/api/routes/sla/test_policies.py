"""What a verdict would pay under each policy, and what all policies together have cost."""

from typing import Any

import httpx
import pytest

from tests.testkit.api_client import (
    TERMS,
    declare_outage,
    format_time_after,
    make_unique_id,
    resolve_outage,
)


async def _publish(api: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await api.post("/sla/policies", json={"name": "tests", "terms": TERMS} | changes)


def _terms(severity: str, **changes: int) -> dict[str, Any]:
    return TERMS | {severity: TERMS[severity] | changes}


@pytest.mark.parametrize(
    ("severity", "minutes", "amount", "rating"),
    [
        ("critical", 15, 750, "good"),
        ("critical", 15.9, 750, "good"),
        ("critical", 16, -100, "poor"),
        ("critical", 7.999, 1500, "exceptional"),
        ("low", 89.5, 900, "excellent"),
        ("low", 0, 1200, "exceptional"),
    ],
)
async def test_a_preview_counts_whole_minutes(
    api: httpx.AsyncClient, severity: str, minutes: float, amount: int, rating: str
) -> None:
    body = {"severity": severity, "mttr_minutes": minutes}
    answer = await api.post("/sla/preview", json=body)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["amount"], shown["rating"]) == (amount, rating)
    assert shown["amount_stroops"] == str(amount * 10_000_000)
    assert shown["status"] == ("met" if amount > 0 else "violated")
    assert shown["payment_type"] == ("reward" if amount > 0 else "penalty")
    assert shown["threshold_minutes"] == TERMS[severity]["threshold_minutes"]


async def test_minutes_that_no_outage_can_have_taken_are_refused(api: httpx.AsyncClient) -> None:
    for minutes in (2**32 - 1, 10 * 366 * 1440):
        answer = await api.post("/sla/preview", json={"severity": "low", "mttr_minutes": minutes})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "mttr_minutes"


async def test_minutes_beyond_the_calendar_are_refused_and_hold_nothing_up(
    api: httpx.AsyncClient,
) -> None:
    outage_id = await declare_outage(api)
    beyond = {"mttr_minutes": 2**32 - 1}
    answer = await api.post(f"/outages/{outage_id}/resolve", json=beyond)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "mttr_minutes"
    assert (await resolve_outage(api, outage_id))["sla"]["amount"] == -1000


async def test_the_terms_in_force_are_shown(api: httpx.AsyncClient) -> None:
    assert (await api.get("/sla/config")).json() == TERMS


async def test_a_version_is_published_once(api: httpx.AsyncClient) -> None:
    name = make_unique_id("promise").lower()
    first = await _publish(api, name=name)
    again = await _publish(api, name=name)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    shown = first.json()
    assert shown["effective_from"] is None, "it holds from the beginning"
    assert (await _publish(api, name=name, effective_from=None)).json() == shown
    assert (shown["version"], shown["terms_hash"]) == (1, "1417728228875630226")
    assert len(shown["digest"]) == 64
    assert (await api.get(f"/sla/policies/{name}/1")).json() == shown
    assert shown in (await api.get("/sla/policies")).json()
    other = await _publish(api, name=name, terms=_terms("low", reward_base=601))
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "effective_from"


async def test_an_outage_keeps_the_version_of_the_day_it_began(api: httpx.AsyncClient) -> None:
    name = make_unique_id("promise").lower()
    await _publish(api, name=name)
    change = {
        "terms": _terms("critical", penalty_per_minute=200),
        "effective_from": format_time_after(60),
    }
    second = await _publish(api, name=name, **change)
    assert second.json()["version"] == 2
    for start, version, amount in (
        (format_time_after(59), 1, -1000),
        (format_time_after(60), 2, -2000),
    ):
        outage_id = await declare_outage(api, policy=name, detected_at=start)
        answer = await api.post(f"/outages/{outage_id}/resolve", json={"mttr_minutes": 25})
        assert answer.json()["outage"]["policy_version"] == version
        assert answer.json()["sla"]["amount"] == amount


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"terms": {"low": TERMS["low"]}}, "terms"),
        ({"terms": _terms("critical", threshold_minutes=61)}, "threshold_minutes"),
        ({"terms": _terms("critical", penalty_per_minute=49)}, "penalty_per_minute"),
        ({"terms": _terms("low", reward_base=15)}, "reward_base"),
        ({"terms": _terms("low", penalty_per_minute=26)}, "terms.medium.penalty_per_minute"),
        ({"terms": _terms("low", penalty_per_minute="10")}, "terms.low.penalty_per_minute"),  # type: ignore[arg-type]
        ({"dispute_window_seconds": -1}, "dispute_window_seconds"),
        ({"decision_window_seconds": 10**9}, "decision_window_seconds"),
        ({"effective_from": "2026-01-01"}, "effective_from"),
        ({"name": "Not A Name"}, "name"),
    ],
)
async def test_a_policy_the_contract_would_refuse_is_refused(
    api: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    before = (await api.get("/sla/policies")).json()
    answer = await _publish(api, **change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert (await api.get("/sla/policies")).json() == before


async def test_an_unknown_version_is_not_found(api: httpx.AsyncClient) -> None:
    for path in ("/sla/policies/standard/99", "/sla/policies/nothing/1"):
        assert (await api.get(path)).status_code == 404


async def test_the_dashboard_counts_verdicts(api: httpx.AsyncClient) -> None:
    before = (await api.get("/sla/analytics/dashboard")).json()
    await resolve_outage(api, await declare_outage(api), 25)
    await resolve_outage(api, await declare_outage(api), 5)
    after = (await api.get("/sla/analytics/dashboard")).json()
    expected = {
        "total_outages": 2,
        "total_violations": 1,
        "total_rewards": 1500,
        "total_rewards_stroops": 15_000_000_000,
        "total_penalties": 1000,
        "total_penalties_stroops": 10_000_000_000,
        "net_payout": 500,
        "net_payout_stroops": 5_000_000_000,
        "detected": 2,
        "open": 0,
        "cancelled": 0,
        "voided": 0,
    }
    assert {name: int(after[name]) - int(before[name]) for name in expected} == expected
    assert set(after) - set(expected) == {"avg_mttr", "tzdata"}


async def test_the_dashboard_counts_what_it_is_asked_for(api: httpx.AsyncClient) -> None:
    site = make_unique_id("Tower")
    late = await declare_outage(api, site_name=site)
    early = await declare_outage(
        api, site_name="elsewhere", site_id=site, severity="low", detected_at="2026-01-30T23:59:59Z"
    )
    for outage_id in (late, early):
        answer = await api.post(f"/outages/{outage_id}/resolve", json={"mttr_minutes": 25})
        assert answer.status_code == 200, answer.text

    async def count(**asked: str) -> int:
        answer = await api.get("/sla/analytics/dashboard", params={"site": site} | asked)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total_outages"])

    assert await count() == 2
    assert await count(severity="low") == 1
    assert await count(date_from="2026-01-31") == 1
    assert await count(date_to="2026-01-30") == 1
    assert await count(date_from="2026-01-30", date_to="2026-01-31") == 2
    assert await count(site="nowhere") == 0
