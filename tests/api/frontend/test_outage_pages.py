"""The calls of /outages, /outages/[id] and /outages/new, as those pages make them."""

import time
from typing import Any

import pytest

from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import OUTAGE, PAYMENT, SLA_STATUS, make_page


def fill_form(**changes: Any) -> dict[str, Any]:
    """Return what the form of /outages/new sends: its own id, and lists that may be empty."""
    form = {
        "id": f"OUT-{time.time_ns() // 1000}",
        "site_name": "Tower 7",
        "severity": "critical",
        "status": "open",
        "detected_at": "2026-01-31T12:00:00.000Z",
        "description": "no power at the mast",
        "affected_services": [],
    }
    return form | changes


async def declare(browser: Browser, **changes: Any) -> str:
    made = await browser.call("POST", "/outages", OUTAGE, status=201, json=fill_form(**changes))
    return str(made["id"])


async def test_a_new_outage_is_shown_at_once(browser: Browser) -> None:
    form = fill_form(site_id="TWR-7", affected_subscribers=1200, assigned_to="crew 2")
    made = await browser.call("POST", "/outages", OUTAGE, status=201, json=form)
    assert made["id"] == form["id"]
    shown = await browser.call("GET", f"/outages/{form['id']}", OUTAGE)
    assert (shown["status"], shown["affected_services"]) == ("open", [])
    assert (shown["affected_subscribers"], shown["assigned_to"]) == (1200, "crew 2")


async def test_an_outage_that_is_over_needs_no_time_of_its_end(browser: Browser) -> None:
    form = fill_form(status="resolved", detected_at="2026-11-01T12:00:00.000Z")
    made = await browser.call("POST", "/outages", OUTAGE, status=201, json=form)
    assert (made["status"], made["sla_status"]["status"]) == ("resolved", "violated")
    # Sent twice by a double click, it is the same outage.
    again = await browser.call("POST", "/outages", OUTAGE, json=form)
    assert again["resolved_at"] == made["resolved_at"]


async def test_the_list_is_filtered_and_sorted_in_both_spellings(browser: Browser) -> None:
    word = f"site{time.time_ns()}"
    for severity in ("low", "critical", "medium", "high"):
        await declare(browser, site_name=word, severity=severity)
    page = {"page": 1, "page_size": 10, "search": word}
    for sorting in (
        {"sort": "-severity"},
        {"sort_field": "severity", "sort_order": "desc"},
        {"sort_by": "severity", "sort_direction": "desc"},
    ):
        found = await browser.call("GET", "/outages", make_page(OUTAGE), params=page | sorting)
        shown = [item["severity"] for item in found["items"]]
        assert shown == ["critical", "high", "medium", "low"]
    wanted = page | {"severity": "low", "status": "open"}
    found = await browser.call("GET", "/outages", make_page(OUTAGE), params=wanted)
    assert (found["total"], found["page_size"]) == (1, 10)


async def test_the_edit_form_saves_what_was_changed(browser: Browser) -> None:
    outage_id = await declare(browser)
    form = {
        "site_name": "Tower 8",
        "severity": "high",
        "status": "open",
        "description": "",
        "affected_services": ["lte"],
        "affected_subscribers": None,
        "assigned_to": None,
        "root_cause": "storm",
        "resolution_notes": None,
    }
    shown = await browser.call("PUT", f"/outages/{outage_id}", OUTAGE, json=form)
    assert form.items() <= shown.items()


async def test_the_edit_form_of_a_judged_outage_may_change_its_notes(browser: Browser) -> None:
    outage_id = await declare(browser)
    await browser.call("POST", f"/outages/{outage_id}/resolve", json={"mttr_minutes": 25})
    form = {
        "site_name": "Tower 7",
        "severity": "critical",
        "status": "resolved",
        "description": "no power at the mast",
        "affected_services": [],
        "affected_subscribers": None,
        "assigned_to": None,
        "root_cause": "storm",
        "resolution_notes": "new mast",
    }
    shown = await browser.call("PUT", f"/outages/{outage_id}", OUTAGE, json=form)
    assert (shown["root_cause"], shown["resolution_notes"]) == ("storm", "new mast")
    assert shown["sla_status"]["amount"] == -1000
    await browser.refuse("PUT", f"/outages/{outage_id}", 409, json=form | {"severity": "low"})


async def test_the_edit_form_resolves_without_a_time(browser: Browser) -> None:
    outage_id = await declare(browser, detected_at="2026-11-01T12:00:00.000Z")
    shown = await browser.call("PUT", f"/outages/{outage_id}", OUTAGE, json={"status": "resolved"})
    assert shown["status"] == "resolved"
    assert shown["sla_status"]["payment_type"] == "penalty"


async def test_several_outages_are_assigned_by_one_field_each(browser: Browser) -> None:
    for outage_id in [await declare(browser) for _ in range(3)]:
        body = {"assigned_to": "night shift"}
        shown = await browser.call("PUT", f"/outages/{outage_id}", OUTAGE, json=body)
        assert (shown["assigned_to"], shown["site_name"]) == ("night shift", "Tower 7")


async def test_a_deleted_outage_is_cancelled(browser: Browser) -> None:
    outage_id = await declare(browser)
    await browser.call("DELETE", f"/outages/{outage_id}")
    shown = await browser.call("GET", f"/outages/{outage_id}", OUTAGE)
    assert shown["status"] == "cancelled"


async def test_a_judged_outage_is_not_deleted(browser: Browser) -> None:
    outage_id = await declare(browser)
    await browser.call("POST", f"/outages/{outage_id}/resolve", json={"mttr_minutes": 25})
    assert "cannot be cancelled" in await browser.refuse("DELETE", f"/outages/{outage_id}", 409)
    body = {"reason": "too late"}
    await browser.refuse("POST", f"/outages/{outage_id}/cancel", 409, json=body)
    shown = await browser.call("GET", f"/outages/{outage_id}", OUTAGE)
    assert shown["status"] == "resolved"


@pytest.mark.parametrize("minutes", [0, 12, 7.9, 22.5, 1e6])
async def test_a_preview_takes_any_number(browser: Browser, minutes: float) -> None:
    body = {"severity": "critical", "mttr_minutes": minutes}
    shown = await browser.call("POST", "/sla/preview", SLA_STATUS, json=body)
    assert (shown["amount"] < 0) == (minutes > 15)


async def test_resolving_answers_outage_verdict_and_payment(browser: Browser) -> None:
    outage_id = await declare(browser)
    announced = {name: shape for name, shape in PAYMENT.items() if name != "created_at"}
    found = await browser.call(
        "POST",
        f"/outages/{outage_id}/resolve",
        {"outage": OUTAGE, "sla": SLA_STATUS, "payment": announced},
        json={"mttr_minutes": 25},
    )
    assert (found["sla"]["amount"], found["payment"]["amount"]) == (-1000, 1000)
    again = {"mttr_minutes": 5}
    assert await browser.refuse("POST", f"/outages/{outage_id}/resolve", 409, json=again)


async def test_a_verdict_is_computed_again(browser: Browser) -> None:
    outage_id = await declare(browser)
    path = f"/outages/{outage_id}/recompute-sla"
    assert "not judged yet" in await browser.refuse("POST", path, 409)
    await browser.call("POST", f"/outages/{outage_id}/resolve", json={"mttr_minutes": 25})
    found = await browser.call("POST", path, {"sla": SLA_STATUS, "payment": type(None)})
    assert (found["sla"]["amount"], found["agrees"]) == (-1000, True)
    asked = {"outage_id": outage_id, "severity": "low", "mttr_minutes": 125}
    shown = await browser.call("GET", "/sla/calculate", SLA_STATUS, params=asked)
    assert shown["amount"] == -50


async def test_what_is_exported_is_what_is_listed(browser: Browser) -> None:
    word = f"=SUM({time.time_ns()})"
    outage_id = await declare(browser, site_name=word, severity="low")
    wanted = {
        "status": "open",
        "severity": "low",
        "start_date": "2026-01-31",
        "end_date": "2026-01-31",
    }
    text, headers = await browser.download("/outages/export", format="csv", **wanted)
    assert "outages.csv" in headers["content-disposition"]
    # A spreadsheet would run what begins with an equals sign.
    assert f"{outage_id},'{word}" in text
    text, _ = await browser.download("/outages/export", format="json", **wanted)
    assert outage_id in text
    text, _ = await browser.download("/outages/export", start_date="2026-02-01", severity="low")
    assert outage_id not in text


async def test_an_unknown_parameter_is_refused(browser: Browser) -> None:
    detail = await browser.refuse("GET", "/outages", 422, params={"colour": "red"})
    assert "colour" in detail
