"""Secrets of webhooks are kept encrypted, replaced with an overlap, and may be key pairs."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.credentials.webhook_secrets import verify_by_any
from adapters.postgres.database import Database
from domain.access.webhook_secrets import SECRETS_MAX
from tests.testkit.api_client import wait_until
from tests.testkit.webhook_receiver import Received, WebhookReceiver

Subscribe = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as one:
        yield one


@pytest.fixture
async def subscribe(api: httpx.AsyncClient, receiver: WebhookReceiver) -> AsyncIterator[Subscribe]:
    """Return what subscribes the receiver; its subscriptions end with the test."""
    made: list[str] = []

    async def make(**rest: Any) -> dict[str, Any]:
        body = {"url": receiver.url, "events": ["outage.created"]} | rest
        answer = await api.post("/webhooks", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        return dict(answer.json())

    yield make
    for webhook_id in made:
        await api.delete(f"/webhooks/{webhook_id}")


async def receive_test(
    api: httpx.AsyncClient, receiver: WebhookReceiver, webhook: dict[str, Any]
) -> Received:
    """Have a test event sent, and return it."""
    before = len(receiver.received)
    (await api.post(f"/webhooks/{webhook['id']}/test")).raise_for_status()

    async def look() -> Received | None:
        return receiver.received[before] if len(receiver.received) > before else None

    return await wait_until(look, "the test event arrives")


def is_genuine(key: str, received: Received) -> bool:
    return verify_by_any([key], received.headers, received.body, int(time.time()))


async def test_a_secret_is_replaced_with_an_overlap(
    api: httpx.AsyncClient, receiver: WebhookReceiver, subscribe: Subscribe
) -> None:
    webhook = await subscribe()
    path = f"/webhooks/{webhook['id']}/secrets"
    rotated = await api.post(path, json={})
    assert rotated.status_code == 201, rotated.text
    new = rotated.json()["secret"]
    assert new != webhook["secret"]
    both = await receive_test(api, receiver, webhook)
    assert len(both.headers["webhook-signature"].split(" ")) == 2
    assert is_genuine(webhook["secret"], both)
    assert is_genuine(new, both)

    newest = (await api.post(path, json={"overlap_hours": 0})).json()["secret"]
    alone = await receive_test(api, receiver, webhook)
    assert [is_genuine(key, alone) for key in (webhook["secret"], new, newest)] == [
        *(False, False, True)
    ]
    listed = (await api.get(path)).json()
    assert [each["number"] for each in listed] == [3, 2, 1]
    assert listed[0]["expires_at"] is None
    assert not any("secret" in each for each in listed)


async def test_an_endpoint_may_verify_by_a_public_key(
    api: httpx.AsyncClient, receiver: WebhookReceiver, subscribe: Subscribe
) -> None:
    webhook = await subscribe(scheme="v1a")
    assert webhook["secret"] is None
    assert webhook["public_key"].startswith("whpk_")
    heard = await receive_test(api, receiver, webhook)
    assert heard.headers["webhook-signature"].startswith("v1a,")
    assert is_genuine(webhook["public_key"], heard)
    assert not is_genuine(webhook["public_key"], Received(heard.headers, heard.body + b" "))


async def test_a_secret_of_ones_own_is_of_the_scheme_that_has_one(
    api: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    body = {"url": receiver.url, "events": ["outage.created"], "scheme": "v1a"}
    refused = await api.post("/webhooks", json=body | {"secret": "whsec_" + "A" * 32})
    assert refused.status_code == 422
    assert "secret: is of the scheme v1 alone" in refused.text


async def test_no_secret_stands_in_the_database_and_none_outlives_its_subscription(
    api: httpx.AsyncClient, receiver: WebhookReceiver, database: Database, subscribe: Subscribe
) -> None:
    webhook = await subscribe()
    (await api.post(f"/webhooks/{webhook['id']}/secrets", json={})).raise_for_status()
    wanted = text("SELECT secret FROM webhook_secrets WHERE webhook_id = :id").bindparams(
        id=webhook["id"]
    )
    async with database.autocommit() as connection:
        kept = (await connection.execute(wanted)).scalars().all()
    assert len(kept) == 2
    assert not any(b"whsec_" in secret or b"whsk_" in secret for secret in kept)
    (await api.delete(f"/webhooks/{webhook['id']}")).raise_for_status()
    async with database.autocommit() as connection:
        assert (await connection.execute(wanted)).scalars().all() == []
    assert (await api.post(f"/webhooks/{webhook['id']}/secrets", json={})).status_code == 404


async def test_an_event_never_bears_more_signatures_than_a_receiver_reads(
    api: httpx.AsyncClient, subscribe: Subscribe
) -> None:
    path = f"/webhooks/{(await subscribe())['id']}/secrets"
    for _ in range(SECRETS_MAX - 1):
        assert (await api.post(path, json={})).status_code == 201
    refused = await api.post(path, json={})
    assert refused.status_code == 409
    assert "wait until one has, or send overlap_hours 0" in refused.json()["detail"]
    assert len((await api.get(path)).json()) == SECRETS_MAX
    assert (await api.post(path, json={"overlap_hours": 0})).status_code == 201
    assert (await api.post(path, json={})).status_code == 201
