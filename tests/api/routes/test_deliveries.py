"""What a receiver did not take waits, is listed with every attempt, and delivered again; nothing is dropped."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.testkit.api_client import (
    declare_outage,
    make_unique_id,
    settle_outage,
    wait_until,
)
from tests.testkit.webhook_receiver import Received, WebhookReceiver


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as one:
        yield one


@pytest.fixture
async def path(api: httpx.AsyncClient, receiver: WebhookReceiver) -> AsyncIterator[str]:
    """The path of a subscription to declared outages."""
    body = {"url": receiver.url, "events": ["outage.created"]}
    answer = await api.post("/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    yield f"/webhooks/{answer.json()['id']}"
    await api.delete(f"/webhooks/{answer.json()['id']}")


async def find_delivery(
    api: httpx.AsyncClient, path: str, outage_id: str, status: str
) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found = (await api.get(f"{path}/deliveries", params={"status": status})).json()
        return next((each for each in found if each["outage_id"] == outage_id), None)

    return await wait_until(look, f"the delivery of {outage_id} is {status}")


async def wait_for_event(receiver: WebhookReceiver, type_: str) -> Received:
    async def look() -> Received | None:
        found = (each for each in receiver.received if json.loads(each.body)["type"] == type_)
        return next(found, None)

    return await wait_until(look, f"the receiver hears {type_}")


async def test_what_happens_during_a_pause_waits_and_is_then_delivered(
    api: httpx.AsyncClient, receiver: WebhookReceiver, path: str
) -> None:
    (await api.patch(path, json={"active": False})).raise_for_status()
    outage_ids = [await declare_outage(api) for _ in range(3)]
    waiting = [await find_delivery(api, path, each, "pending") for each in outage_ids]
    assert [each["attempts"] for each in waiting] == [0, 0, 0]
    assert receiver.received == []
    (await api.patch(path, json={"active": True})).raise_for_status()
    for outage_id in outage_ids:
        delivered = await find_delivery(api, path, outage_id, "success")
        assert (delivered["attempts"], delivered["next_attempt_at"]) == (1, None)
    assert len(receiver.received) == 3


async def test_every_attempt_is_on_record(
    api: httpx.AsyncClient, receiver: WebhookReceiver, path: str
) -> None:
    receiver.answers = [503]
    outage_id = await declare_outage(api)

    async def tried() -> dict[str, Any] | None:
        shown = await find_delivery(api, path, outage_id, "pending")
        return shown if shown["attempts"] else None

    waiting = await wait_until(tried, "it was tried")
    assert waiting["problem"] == "the receiver answered 503"
    assert waiting["next_attempt_at"] > waiting["created_at"]
    again = await api.post(f"{path}/deliveries/{waiting['id']}/retry")
    assert again.status_code == 200, again.text
    await find_delivery(api, path, outage_id, "success")
    shown = (await api.get(f"{path}/deliveries/{waiting['id']}")).json()
    history = [
        (each["attempt"], each["response_code"], each["problem"]) for each in shown["history"]
    ]
    assert history == [(1, 503, "the receiver answered 503"), (2, 200, "")]
    assert all(each["latency_ms"] >= 0 for each in shown["history"])


async def test_a_receiver_that_is_gone_is_disabled_and_gets_it_all_when_it_is_back(
    api: httpx.AsyncClient, receiver: WebhookReceiver, path: str
) -> None:
    began = datetime.now(UTC).isoformat()
    receiver.answers = [410]
    outage_id = await declare_outage(api)
    failed = await find_delivery(api, path, outage_id, "failed")
    assert failed["problem"] == "the receiver answered 410"
    webhook = (await api.get(path)).json()
    assert (webhook["active"], webhook["disabled_reason"]) == (
        False,
        "it answered 410 Gone: it wants no events any more",
    )
    since = {"since": began}
    assert (await api.post(f"{path}/redeliver", json=since)).status_code == 409
    assert (await api.post(f"{path}/test")).status_code == 409

    (await api.patch(path, json={"active": True})).raise_for_status()
    webhook = (await api.get(path)).json()
    assert (webhook["active"], webhook["disabled_reason"], webhook["failures"]) == (True, None, 0)
    redelivered = await api.post(f"{path}/redeliver", json=since)
    assert (redelivered.status_code, redelivered.json()["deliveries"]) == (200, 1)
    await find_delivery(api, path, outage_id, "success")
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    job_id = redelivered.json()["job_id"]
    assert (await api.get(f"/jobs/{job_id}")).json()["kind"] == "redelivery"
    assert (await api.post(f"{path}/redeliver", json=since)).json()["deliveries"] == 0


@pytest.mark.parametrize("since", ["2099-01-01T00:00:00Z", "2026-01-01T00:00:00"])
async def test_events_are_redelivered_since_an_instant_of_the_past(
    api: httpx.AsyncClient, path: str, since: str
) -> None:
    refused = await api.post(f"{path}/redeliver", json={"since": since})
    assert refused.status_code == 422
    assert "since" in refused.text


@pytest.mark.parametrize("keyed", [False, True])
async def test_a_subscription_is_tried_with_an_event_of_its_own(
    api: httpx.AsyncClient, receiver: WebhookReceiver, path: str, keyed: bool
) -> None:
    """With a key, too: then the delivery is committed with the answer."""
    headers = {"Idempotency-Key": make_unique_id("try")} if keyed else {}
    answer = await api.post(f"{path}/test", headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json()["event"] == "webhook.test"
    heard = await wait_for_event(receiver, "webhook.test")
    assert heard.headers["webhook-id"] == answer.json()["event_id"]


async def test_a_test_event_is_sent_to_the_subscription_that_is_tried_alone(
    api: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    """Also where it, or another one, has subscribed to such events."""
    body = {"url": receiver.url, "events": ["webhook.test"]}
    tried, other = [(await api.post("/webhooks", json=body)).json()["id"] for _ in range(2)]
    answer = await api.post(f"/webhooks/{tried}/test")
    assert answer.status_code == 201, answer.text
    heard = await wait_for_event(receiver, "webhook.test")
    assert heard.headers["webhook-id"] == answer.json()["event_id"]
    assert (await api.get(f"/webhooks/{other}/deliveries")).json() == []
    (shown,) = (await api.get(f"/webhooks/{tried}/deliveries")).json()
    assert shown["id"] == answer.json()["id"]
    for each in (tried, other):
        await api.delete(f"/webhooks/{each}")


async def test_the_deliveries_of_a_subscription_that_ended_are_given_up(
    api: httpx.AsyncClient, receiver: WebhookReceiver, path: str
) -> None:
    receiver.answers = [500] * 3
    outage_id = await declare_outage(api)
    waiting = await find_delivery(api, path, outage_id, "pending")
    (await api.delete(path)).raise_for_status()

    async def is_given_up() -> bool:
        timeline = (await api.get(f"/outages/{outage_id}/timeline")).json()["items"]
        about = [each for each in timeline if each["evidence"].get("delivery_id") == waiting["id"]]
        return [each["step"] for each in about] == ["webhook.failed"]

    await wait_until(is_given_up, "it is given up")


async def test_the_workflow_of_an_outage_reaches_to_its_webhooks(
    api: httpx.AsyncClient, receiver: WebhookReceiver, temporal: Any
) -> None:
    """It ends when each was tried once, and says how many were taken; a dead receiver holds up nobody."""
    async with WebhookReceiver() as gone:
        dead = gone.url
    paths = []
    for url in (receiver.url, dead):
        made = await api.post("/webhooks", json={"url": url, "events": ["outage.closed"]})
        paths.append(f"/webhooks/{made.json()['id']}")
    try:
        outage = await settle_outage(api)
        handle = temporal.get_workflow_handle(f"outage/{outage['id']}")
        assert await handle.result() == "closed"
        lines = await handle.query("timeline")
        said = "closed; 1 of 2 deliveries are accepted; the others are tried on"
        assert lines[-1]["what"] == said
        assert len(receiver.received) == 1
        failed = await find_delivery(api, paths[1], outage["id"], "pending")
        assert (failed["attempts"], failed["problem"]) == (
            1,
            "no answer: it refused the connection",
        )
    finally:
        for path in paths:
            await api.delete(path)


async def test_what_was_given_up_is_recovered_when_a_receiver_is_enabled(
    api: httpx.AsyncClient, receiver: WebhookReceiver, path: str
) -> None:
    began = datetime.now(UTC).isoformat()
    receiver.answers = [410]
    outage_id = await declare_outage(api)
    await find_delivery(api, path, outage_id, "failed")
    await wait_until(lambda: _is_disabled(api, path), "it is disabled")
    for wrong in (
        {"active": False, "recover_since": began},
        {"active": True, "recover_since": "2099-01-01T00:00:00Z"},
    ):
        refused = await api.patch(path, json=wrong)
        assert refused.status_code == 422
        assert "recover_since" in refused.text
    assert (await api.get(path)).json()["probe_at"] is None  # it is gone, and not probed
    enabled = await api.patch(path, json={"active": True, "recover_since": began})
    assert enabled.status_code == 204, enabled.text
    delivered = await find_delivery(api, path, outage_id, "success")
    assert delivered["attempts"] == 2


async def _is_disabled(api: httpx.AsyncClient, path: str) -> bool:
    return not (await api.get(path)).json()["active"]
