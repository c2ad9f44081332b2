"""Uptime by the API: what overlaps is down once, a month is that of the agreement's zone, and what runs counts."""

from typing import Any

import httpx

from adapters.time_zones import TZDATA
from tests.testkit.api_client import declare_outage, make_unique_id


async def resolve(api: httpx.AsyncClient, outage_id: str, at: str) -> None:
    answer = await api.post(f"/outages/{outage_id}/resolve", json={"resolved_at": at})
    assert answer.status_code == 200, answer.text


async def ask(api: httpx.AsyncClient, **params: Any) -> Any:
    answer = await api.get("/agreements/default/uptime", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_overlaps_is_down_once_and_is_cut_at_the_month_of_the_zone(
    api: httpx.AsyncClient,
) -> None:
    site = make_unique_id("overlap")
    for began, ended in (
        ("2026-03-31T20:00:00Z", "2026-03-31T23:00:00Z"),
        ("2026-03-31T21:00:00Z", "2026-03-31T21:30:00Z"),
        ("2026-03-31T22:30:00Z", "2026-04-01T00:30:00Z"),
    ):
        outage_id = await declare_outage(
            api, site_name=site, detected_at=began, affected_services=["power"]
        )
        await resolve(api, outage_id, ended)
    asked = {"month_from": "2026-03", "month_to": "2026-04", "site": site}
    utc = await ask(api, **asked)
    assert (utc["time_zone"], utc["tzdata"]) == ("UTC", None)
    assert [each["down_seconds"] for each in utc["months"]] == [4 * 3600, 1800]
    assert [each["outages"] for each in utc["months"]] == [3, 1]
    march = utc["months"][0]
    assert march["uptime_percent"] == round(100 * (31 * 24 - 4) / (31 * 24), 5)
    assert [each["site"] for each in march["sites"]] == [site]
    try:
        body = {"time_zone": "Europe/Berlin"}
        answer = await api.put("/agreements/default/time-zone", json=body)
        assert answer.json() == {"agreement": "default", **body}
        berlin = await ask(api, **asked)
        assert (berlin["time_zone"], berlin["tzdata"]) == ("Europe/Berlin", TZDATA)
        assert [each["down_seconds"] for each in berlin["months"]] == [2 * 3600, 2 * 3600 + 1800]
        assert berlin["months"][0]["seconds"] == (31 * 24 - 1) * 3600
        assert (await ask(api, service="voice", **asked))["months"][0]["down_seconds"] == 0
        assert (await ask(api, service="power", **asked))["months"][0]["down_seconds"] == 7200
    finally:
        await api.put("/agreements/default/time-zone", json={"time_zone": "UTC"})
    trail = await api.get("/audit", params={"action": "agreement.zone_changed"})
    assert [each["subject"] for each in trail.json()["items"][:2]] == ["agreement/default"] * 2


async def test_what_is_no_zone_no_month_and_no_agreement_is_refused(
    api: httpx.AsyncClient,
) -> None:
    answer = await api.put("/agreements/default/time-zone", json={"time_zone": "CET"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "time_zone")
    found = await api.get("/agreements/default/time-zone")
    assert found.json()["time_zone"] == "UTC"
    answer = await api.get("/agreements/default/uptime", params={"month_from": "March"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "month_from")
    for path in ("uptime", "time-zone"):
        assert (await api.get(f"/agreements/none/{path}")).status_code == 404
    answer = await api.put("/agreements/none/time-zone", json={"time_zone": "UTC"})
    assert answer.status_code == 404
