"""The calls of /webhooks: subscriptions and their deliveries, and a delivery that is tried again."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.postgres import deliveries
from adapters.postgres.database import Database
from tests.testkit.api_client import build_outage, wait_until
from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import DELIVERY, WEBHOOK
from tests.testkit.webhook_receiver import WebhookReceiver

EVENTS = ["outage.created", "outage.resolved", "payment.processed", "sla.breached"]


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as one:
        yield one


async def _subscribe(browser: Browser, url: str, events: list[str]) -> str:
    await browser.call("POST", "/webhooks", status=201, json={"url": url, "events": events})
    listed = await browser.call("GET", "/webhooks", [WEBHOOK])
    (found,) = [each for each in listed if each["url"] == url]
    return str(found["id"])


async def _wait_for_delivery(browser: Browser, webhook_id: str, **wanted: Any) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        path = f"/webhooks/{webhook_id}/deliveries"
        found: list[dict[str, Any]] = await browser.call("GET", path, [DELIVERY])
        return next((each for each in found if wanted.items() <= each.items()), None)

    return await wait_until(look, f"a delivery of {webhook_id} is {wanted}")


async def _wait_for_posts(receiver: WebhookReceiver, count: int) -> None:
    async def look() -> bool:
        return len(receiver.received) >= count

    await wait_until(look, f"the receiver was posted to {count} times")


async def test_the_four_events_of_the_form_are_subscribed_to_edited_and_ended(
    browser: Browser, receiver: WebhookReceiver
) -> None:
    webhook_id = await _subscribe(browser, receiver.url, EVENTS)
    shown = await browser.call("GET", f"/webhooks/{webhook_id}", WEBHOOK)
    assert (shown["active"], shown["events"]) == (True, EVENTS)
    body = {"url": receiver.url, "events": EVENTS[:1]}
    await browser.call("PATCH", f"/webhooks/{webhook_id}", status=204, json=body)
    shown = await browser.call("GET", f"/webhooks/{webhook_id}", WEBHOOK)
    assert (shown["events"], shown["active"]) == (EVENTS[:1], True)
    await browser.call("DELETE", f"/webhooks/{webhook_id}", status=204)
    await browser.refuse("GET", f"/webhooks/{webhook_id}", 404)


async def test_a_url_that_cannot_be_posted_to_is_explained(browser: Browser) -> None:
    body = {"url": "ftp://x.test", "events": EVENTS}
    assert (await browser.refuse("POST", "/webhooks", 422, json=body)).startswith("url: ")


async def test_a_delivery_that_waits_is_posted_at_once(
    browser: Browser, receiver: WebhookReceiver
) -> None:
    """By itself its fourth attempt would be due in two minutes; the receiver gets it without that."""
    receiver.answers = [500, 500, 500]
    webhook_id = await _subscribe(browser, receiver.url, ["outage.created"])
    await browser.call("POST", "/outages", status=201, json=build_outage())
    waiting = await _wait_for_delivery(browser, webhook_id, attempts=1)
    assert (waiting["status"], waiting["response_code"]) == ("pending", 500)
    path = f"/webhooks/{webhook_id}/deliveries/{waiting['id']}/retry"
    for posted in (2, 3, 4):
        await browser.call("POST", path, DELIVERY)
        await _wait_for_posts(receiver, posted)
    await _wait_for_delivery(browser, webhook_id, status="success", response_code=200)
    ids = {each.headers["webhook-id"] for each in receiver.received}
    assert len(ids) == 1
    assert "was accepted" in await browser.refuse("POST", path, 409)
    await browser.call("DELETE", f"/webhooks/{webhook_id}", status=204)


async def test_a_delivery_that_was_given_up_is_posted_again(
    browser: Browser, receiver: WebhookReceiver, database: Database
) -> None:
    receiver.answers = [410]
    webhook_id = await _subscribe(browser, receiver.url, ["outage.created"])
    await browser.call("POST", "/outages", status=201, json=build_outage())
    failed = await _wait_for_delivery(browser, webhook_id, status="failed")
    # It answered that it is gone, and so it was disabled.
    on = {"active": True}
    await browser.call("PATCH", f"/webhooks/{webhook_id}", status=204, json=on)
    path = f"/webhooks/{webhook_id}/deliveries/{failed['id']}/retry"
    assert (await browser.call("POST", path, DELIVERY))["status"] in ("pending", "success")
    await _wait_for_delivery(browser, webhook_id, status="success")
    async with database.transaction() as connection:
        record = await deliveries.get_delivery(connection, webhook_id, failed["id"])
    assert record.problem is None
    await browser.call("DELETE", f"/webhooks/{webhook_id}", status=204)


async def test_what_is_no_delivery_of_this_webhook_is_not_found(
    browser: Browser, receiver: WebhookReceiver
) -> None:
    webhook_id = await _subscribe(browser, receiver.url, ["outage.created"])
    path = f"/webhooks/{webhook_id}/deliveries/dlv_0/retry"
    assert "has no delivery" in await browser.refuse("POST", path, 404)
    await browser.refuse("POST", "/webhooks/whk_0/deliveries/dlv_0/retry", 404)
    await browser.call("DELETE", f"/webhooks/{webhook_id}", status=204)
