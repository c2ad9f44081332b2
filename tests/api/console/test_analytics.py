"""The charts say what the API's figures are, in words and in a table as well."""

import httpx

from domain.access.permissions import Role
from tests.api.console.conftest import OpenPages
from tests.testkit.api_client import declare_outage, make_unique_id, resolve_outage, settle_outage

DAYS = {"date_from": "2026-01-30", "date_to": "2026-02-01"}


async def test_trends_are_drawn_and_a_day_without_data_is_a_gap(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    site = make_unique_id("Mast")
    await settle_outage(api, site_name=site)
    met = await declare_outage(api, site_name=site)
    await resolve_outage(api, met, 5)
    browser = await pages(Role.VIEWER, "/console/analytics")
    form = next(each for each in browser.page.forms if each.method == "get")
    page = await browser.send(form, site=site, **DAYS)
    assert browser.status == 200
    said = (await api.get("/sla/analytics/dashboard", params=DAYS | {"site": site})).json()
    assert (said["total_outages"], said["total_violations"]) == (2, 1)
    assert "1,000 USDC" in page.words
    rows = [row.split("</tr>")[0] for row in browser.text.split("<tr>")]
    (first,) = [row for row in rows if 'scope="row">2026-01-30<' in row]
    (second,) = [row for row in rows if 'scope="row">2026-01-31<' in row]
    assert first.count("no data") == 5
    assert ">2<" in second
    assert "no data" not in second
    drawn = browser.text.split('id="money-desc"')[1].split("</svg>")[0]
    assert "no data for 2 of 3" in drawn
    assert drawn.count('class="first"') == 1
    assert 'role="img"' in browser.text


async def test_what_runs_now_is_shown_with_what_it_would_cost(
    pages: OpenPages, api: httpx.AsyncClient
) -> None:
    site = make_unique_id("Mast")
    outage_id = await declare_outage(api, site_name=site)
    browser = await pages(Role.FINANCE, f"/console/analytics?site={site}")
    (shown,) = (await api.get("/sla/analytics/exposure", params={"site": site})).json()["outages"]
    assert shown["id"] == outage_id
    assert f"/console/outages/{outage_id}" in browser.page.links
    assert "1 outages run, 1 of them beyond what their agreement allows" in browser.page.words
    await browser.open(f"/console/analytics?site={site}&tz=Nowhere/At-All")
    assert browser.status == 422
    assert "tz:" in browser.page.refusal
