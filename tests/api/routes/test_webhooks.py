"""Subscribers get each event once, signed, and again until they have acknowledged it."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from domain.webhooks import encode_secret, verify
from tests.testkit.api_client import declare_outage, resolve_outage, wait_until
from tests.testkit.webhook_receiver import Received, WebhookReceiver

SECRET = encode_secret(bytes(range(32)))


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as one:
        yield one


async def _subscribe(api: httpx.AsyncClient, url: str, *events: str, **rest: Any) -> dict[str, Any]:
    answer = await api.post("/webhooks", json={"url": url, "events": list(events)} | rest)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def _heard(receiver: WebhookReceiver, outage_id: str, times: int = 1) -> list[Received]:
    async def look() -> list[Received] | None:
        about = [each for each in receiver.received if outage_id.encode() in each.body]
        return about if len(about) >= times else None

    return await wait_until(look, f"the receiver hears of {outage_id} {times} times")


async def _delivery(api: httpx.AsyncClient, webhook_id: str, status: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found = (await api.get(f"/webhooks/{webhook_id}/deliveries")).json()
        return next((each for each in found if each["status"] == status), None)

    return await wait_until(look, f"a delivery of {webhook_id} is {status}")


async def test_an_event_arrives_signed(api: httpx.AsyncClient, receiver: WebhookReceiver) -> None:
    webhook = await _subscribe(api, receiver.url, "sla.breached", secret=SECRET)
    assert webhook["secret"] == SECRET
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    (heard,) = await _heard(receiver, outage_id)
    assert heard.headers["content-type"] == "application/json"
    assert verify(SECRET, heard.headers, heard.body, int(time.time()))
    assert not verify(SECRET, heard.headers, heard.body + b" ", int(time.time()))
    message = json.loads(heard.body)
    assert message.keys() == {"type", "timestamp", "schema_version", "outage_sequence", "data"}
    assert (message["schema_version"], message["outage_sequence"]) == (1, 3)
    assert (message["type"], message["data"]["amount_stroops"]) == ("sla.breached", "-10000000000")
    delivery = await _delivery(api, webhook["id"], "success")
    assert (delivery["attempts"], delivery["response_code"]) == (1, 200)
    assert delivery["event_id"] == heard.headers["webhook-id"]
    assert (delivery["event"], delivery["outage_id"]) == ("sla.breached", outage_id)
    timeline = (await api.get(f"/outages/{outage_id}/timeline")).json()["items"]
    assert delivery["id"] in [item["evidence"].get("delivery_id") for item in timeline]
    await api.delete(f"/webhooks/{webhook['id']}")


async def test_a_receiver_that_failed_hears_it_again_under_the_same_id(
    api: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    receiver.answers = [500]
    webhook = await _subscribe(api, receiver.url, "outage.created")
    outage_id = await declare_outage(api)
    waiting = await _delivery(api, webhook["id"], "pending")
    first, second = await _heard(receiver, outage_id, times=2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == waiting["event_id"]
    assert first.body == second.body
    assert verify(webhook["secret"], second.headers, second.body, int(time.time()))
    delivery = await _delivery(api, webhook["id"], "success")
    assert (delivery["attempts"], delivery["response_code"]) == (2, 200)
    await api.delete(f"/webhooks/{webhook['id']}")


async def test_a_dead_receiver_holds_up_nobody(api: httpx.AsyncClient) -> None:
    async with WebhookReceiver() as gone:
        url = gone.url
    webhook = await _subscribe(api, url, "outage.created")
    outage_id = await declare_outage(api)
    assert (await resolve_outage(api, outage_id))["sla"]["amount"] == -1000

    async def tried() -> dict[str, Any] | None:
        found = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()
        return found[0] if found and found[0]["attempts"] else None

    delivery = await wait_until(tried, "the delivery was tried")
    assert (delivery["status"], delivery["response_code"]) == ("pending", None)
    assert delivery["problem"] == "no answer: it refused the connection"
    await api.delete(f"/webhooks/{webhook['id']}")


async def test_a_subscriber_hears_only_what_it_asked_for(
    api: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    webhook = await _subscribe(api, receiver.url, "outage.resolved")
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    (heard,) = await _heard(receiver, outage_id)
    assert json.loads(heard.body)["type"] == "outage.resolved"
    await api.delete(f"/webhooks/{webhook['id']}")


async def test_a_subscription_is_listed_changed_and_deleted(
    api: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    webhook = await _subscribe(api, receiver.url, "outage.created")
    assert webhook.pop("secret").startswith("whsec_")
    assert webhook.pop("public_key") is None
    assert webhook in (await api.get("/webhooks")).json()
    path = f"/webhooks/{webhook['id']}"
    change = {"events": ["outage.closed", "payment.blocked"], "active": False}
    assert (await api.patch(path, json=change)).status_code == 204
    assert (webhook | change) in (await api.get("/webhooks")).json()
    await declare_outage(api)
    assert (await api.get(f"{path}/deliveries")).json() == []
    assert (await api.delete(path)).status_code == 204
    assert webhook["id"] not in [each["id"] for each in (await api.get("/webhooks")).json()]
    for answer in (
        await api.delete(path),
        await api.patch(path, json={"active": True}),
        await api.patch(path, json={}),
        await api.get(f"{path}/deliveries"),
    ):
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"webhook {webhook['id']!r} does not exist"


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        ("secret", "must start with whsec_"),
        ("whsec_*", "is not base64"),
        ("whsec_YQ==", "must be 24 to 64 bytes"),
    ],
)
async def test_a_poor_secret_is_refused(
    api: httpx.AsyncClient, receiver: WebhookReceiver, secret: str, complaint: str
) -> None:
    body = {"url": receiver.url, "events": ["outage.created"], "secret": secret}
    answer = await api.post("/webhooks", json=body)
    assert answer.status_code == 422
    assert complaint in answer.json()["detail"]


@pytest.mark.parametrize(
    "url", ["ftp://x.test", "x.test", "http://", "http://u:p@x.test", "http://[", "https://a..b/"]
)
async def test_what_cannot_be_posted_to_is_refused(api: httpx.AsyncClient, url: str) -> None:
    answer = await api.post("/webhooks", json={"url": url, "events": ["outage.created"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "url"
