"""The calls of the panel with the disputes of an outage."""

import httpx
import pytest

from tests.conftest import KEY
from tests.testkit.api_client import declare_outage, resolve_outage
from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import DISPUTE, OUTAGE, make_page


@pytest.fixture
async def judged(api: httpx.AsyncClient) -> str:
    """An outage with a penalty of 1000, whose dispute window is open."""
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    return outage_id


async def _file(browser: Browser, outage_id: str) -> str:
    body = {"outage_id": outage_id, "reason": "It was planned work."}
    await browser.call("POST", "/sla/disputes", status=201, json=body)
    (item,) = (await _list(browser, outage_id))["items"]
    return str(item["id"])


async def _list(browser: Browser, outage_id: str, **more: str) -> dict[str, list[dict[str, str]]]:
    params = {"outage_id": outage_id, "page": 1, "page_size": 5} | more
    found: dict[str, list[dict[str, str]]] = await browser.call(
        "GET", "/sla/disputes", make_page(DISPUTE), params=params
    )
    return found


async def test_an_outage_without_a_verdict_has_an_empty_page(
    browser: Browser, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(api)
    found = await _list(browser, outage_id)
    assert (found["items"], found["total"]) == ([], 0)
    body = {"outage_id": outage_id, "reason": "too early"}
    assert await browser.refuse("POST", "/sla/disputes", 409, json=body)


async def test_a_dispute_is_filed_and_listed_by_status(browser: Browser, judged: str) -> None:
    await _file(browser, judged)
    found = await _list(browser, judged, status="open")
    assert [item["reason"] for item in found["items"]] == ["It was planned work."]
    for status in ("under_review", "resolved", "rejected", "withdrawn", "expired"):
        assert (await _list(browser, judged, status=status))["items"] == []


@pytest.mark.parametrize(("action", "status"), [("resolve", "resolved"), ("reject", "rejected")])
async def test_a_dispute_is_decided(
    browser: Browser, colleague: Browser, judged: str, action: str, status: str
) -> None:
    dispute_id = await _file(browser, judged)
    body = {"action": action, "resolution_note": "checked"}
    await colleague.call("PATCH", f"/sla/disputes/{dispute_id}", json=body)
    (item,) = (await _list(browser, judged, status=status))["items"]
    assert item["resolution_note"] == "checked"
    body = {"action": "resolve" if action == "reject" else "reject"}
    assert status in await colleague.refuse("PATCH", f"/sla/disputes/{dispute_id}", 409, json=body)


async def test_a_decision_may_correct_the_severity(
    browser: Browser, colleague: Browser, judged: str
) -> None:
    """Before anything is paid: the outage is judged again, by the terms of the other severity."""
    dispute_id = await _file(browser, judged)
    body = {"action": "resolve", "severity": "high"}
    await colleague.call("PATCH", f"/sla/disputes/{dispute_id}", json=body)
    shown = await browser.call("GET", f"/outages/{judged}", OUTAGE)
    assert (shown["severity"], shown["sla_status"]["threshold_minutes"]) == ("high", 30)
    assert (shown["sla_status"]["amount"], shown["sla_status"]["revision"]) == (750, 2)
    newest, first = await browser.call("GET", f"/sla/results/{judged}")
    assert (newest["severity"], first["severity"]) == ("high", "critical")
    # The same decision again is the same; another severity is another decision.
    await colleague.call("PATCH", f"/sla/disputes/{dispute_id}", json=body)
    other = body | {"severity": "low"}
    detail = await colleague.refuse("PATCH", f"/sla/disputes/{dispute_id}", 409, json=other)
    assert "as high" in detail


async def test_a_rejection_corrects_nothing(
    browser: Browser, colleague: Browser, judged: str
) -> None:
    dispute_id = await _file(browser, judged)
    body = {"action": "reject", "severity": "high"}
    detail = await colleague.refuse("PATCH", f"/sla/disputes/{dispute_id}", 422, json=body)
    assert detail.startswith("severity: ")


async def test_a_dispute_is_withdrawn_by_who_filed_it(browser: Browser, judged: str) -> None:
    dispute_id = await _file(browser, judged)
    found = await browser.call("POST", f"/sla/disputes/{dispute_id}/withdraw", DISPUTE)
    assert found["status"] == "withdrawn"
    shown = await browser.call("GET", f"/outages/{judged}", OUTAGE)
    assert shown["sla_status"]["amount"] == -1000
    # It is withdrawn, and so decided: a second time changes nothing.
    again = await browser.call("POST", f"/sla/disputes/{dispute_id}/withdraw", DISPUTE)
    assert again["decided_at"] == found["decided_at"]
    body = {"action": "resolve"}
    assert "withdrawn" in await browser.refuse(
        "PATCH", f"/sla/disputes/{dispute_id}", 409, json=body
    )


async def test_a_dispute_has_a_trail_of_its_own(
    browser: Browser, colleague: Browser, judged: str
) -> None:
    dispute_id = await _file(browser, judged)
    await colleague.call("PATCH", f"/sla/disputes/{dispute_id}", json={"action": "review"})
    await colleague.call("PATCH", f"/sla/disputes/{dispute_id}", json={"action": "reject"})
    steps = await browser.call("GET", f"/sla/disputes/{dispute_id}/history")
    assert [each["step"] for each in steps] == [
        "dispute.filed",
        "dispute.review_began",
        "dispute.decided",
    ]
    assert steps[0]["evidence"]["reason"] == "It was planned work."
    assert KEY not in str(steps)


async def test_nobody_withdraws_what_another_has_filed(
    browser: Browser, judged: str, colleague: Browser
) -> None:
    dispute_id = await _file(browser, judged)
    detail = await colleague.refuse("POST", f"/sla/disputes/{dispute_id}/withdraw", 403)
    assert "only by who filed it" in detail
    assert (await _list(browser, judged, status="open"))["items"] != []
