"""The calls of /payments and /payments/retry-queue, as those pages make them."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    resolve_outage,
    settle_outage,
    wait_until,
)
from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import PAYMENT, make_page


@pytest.fixture(scope="module")
async def paid(api: httpx.AsyncClient) -> dict[str, Any]:
    """A penalty that is paid, and a reward after it."""
    payment: dict[str, Any] = (await settle_outage(api, 25))["payment"]
    await settle_outage(api, 5)
    return payment


async def test_the_list_shows_amounts_as_numbers(browser: Browser, paid: dict[str, Any]) -> None:
    params = {"page": 1, "page_size": 10}
    found = await browser.call("GET", "/payments", make_page(PAYMENT), params=params)
    assert {item["amount"] for item in found["items"]} >= {1000, 1500}
    assert all(item["amount"] > 0 for item in found["items"])


@pytest.mark.parametrize("status", ["completed", "confirmed"])
async def test_the_last_day_of_a_range_is_in_it(
    browser: Browser, paid: dict[str, Any], status: str
) -> None:
    day = paid["created_at"][:10]
    wanted = {"page": 1, "page_size": 200, "type": "penalty", "status": status}
    params = wanted | {"date_from": day, "date_to": day}
    found = await browser.call("GET", "/payments", make_page(PAYMENT), params=params)
    assert paid["id"] in [item["id"] for item in found["items"]]
    before = str(date.fromisoformat(day) - timedelta(days=1))
    found = await browser.call("GET", "/payments", params=wanted | {"date_to": before})
    assert paid["id"] not in [item["id"] for item in found["items"]]
    exact = wanted | {"date_from": f"{day}T00:00:00.000Z", "date_to": paid["created_at"]}
    found = await browser.call("GET", "/payments", params=exact)
    assert paid["id"] in [item["id"] for item in found["items"]]


async def test_the_retry_queue_is_what_failed_lately(browser: Browser) -> None:
    week_ago = str(datetime.now(UTC).date() - timedelta(days=7))
    params = {"page": 1, "page_size": 100, "status": "failed", "date_from": week_ago}
    await browser.call("GET", "/payments", make_page(PAYMENT), params=params)


async def test_a_payment_is_shown(browser: Browser, paid: dict[str, Any]) -> None:
    shown = await browser.call("GET", f"/payments/{paid['id']}", PAYMENT)
    assert (shown["status"], len(shown["transaction_hash"])) == ("confirmed", 64)
    await browser.refuse("GET", "/payments/pay_0", 404)


async def test_a_confirmed_payment_is_not_tried_again(
    browser: Browser, paid: dict[str, Any]
) -> None:
    detail = await browser.refuse("POST", f"/payments/{paid['id']}/retry", 409)
    assert "is confirmed" in detail
    await browser.refuse("POST", "/payments/pay_0/retry", 404)


@pytest.fixture
async def waiting(api: httpx.AsyncClient) -> AsyncIterator[str]:
    """A payment that the open circuit breaker keeps on hold; afterwards it is paid."""
    path = "/payments/circuit-breaker"
    assert (await api.post(path, json={"action": "open", "reason": "a test"})).status_code == 200
    try:
        outage_id = await declare_outage(api, policy=AT_ONCE)
        await resolve_outage(api, outage_id)

        async def look() -> str | None:
            found = await api.get("/payments", params={"outage_id": outage_id})
            on_hold = [each for each in found.json()["items"] if each["state"] == "on_hold"]
            return str(on_hold[0]["id"]) if on_hold else None

        yield await wait_until(look, f"the payment of {outage_id} is on hold")
    finally:
        await api.post(path, json={"action": "close", "reason": "the test is over"})


async def test_a_payment_that_waits_is_tried_again_and_that_is_on_record(
    browser: Browser, waiting: str
) -> None:
    """The circuit breaker still holds it: asking moves no money by itself."""
    for action in ("retry", "reconcile"):
        shown = await browser.call("POST", f"/payments/{waiting}/{action}", PAYMENT)
        assert shown["status"] == "pending"
    steps = await browser.call("GET", f"/payments/{waiting}/history")
    asked = [each["step"] for each in steps if each["step"].endswith("_requested")]
    assert asked == ["payment.retry_requested", "payment.reconcile_requested"]


async def test_a_confirmed_payment_is_reconciled_as_it_is(
    browser: Browser, paid: dict[str, Any]
) -> None:
    shown = await browser.call("POST", f"/payments/{paid['id']}/reconcile", PAYMENT)
    assert shown == paid


async def test_an_export_has_every_payment_of_the_filter(
    browser: Browser, paid: dict[str, Any]
) -> None:
    wanted = {"type": "penalty", "status": "confirmed"}
    listed = await browser.call("GET", "/payments", params=wanted | {"page_size": 200})
    text, headers = await browser.download("/payments/export", **wanted)
    assert headers["content-type"].startswith("text/csv")
    assert "payments.csv" in headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(text)))
    # Others may be confirmed between the two.
    assert {item["id"] for item in listed["items"]} <= {row["id"] for row in rows}
    assert {row["status"] for row in rows} == {"confirmed"}
    (row,) = [each for each in rows if each["id"] == paid["id"]]
    assert (row["amount"], row["amount_stroops"]) == ("1000", "10000000000")
    text, _ = await browser.download("/payments/export", date_to="2026-01-01")
    assert list(csv.DictReader(io.StringIO(text))) == []
