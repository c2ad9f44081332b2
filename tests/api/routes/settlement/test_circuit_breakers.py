"""The circuit breaker over HTTP: it pages whoever subscribed, and says who switched it and why."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.webhook_receiver import WebhookReceiver

PATH = "/payments/circuit-breaker"


@pytest.fixture(autouse=True)
async def closed(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """The stack that all tests share settles again afterwards."""
    yield
    await api.post(PATH, json={"action": "close", "reason": "the test is over"})
    assert (await api.get(PATH)).json()["is_open"] is False


async def test_opening_it_pages_and_is_on_record(api: httpx.AsyncClient) -> None:
    reason = make_unique_id("odd")
    async with WebhookReceiver() as pager:
        kinds = ["settlement.circuit_breaker_opened", "settlement.circuit_breaker_closed"]
        webhook = (await api.post("/webhooks", json={"url": pager.url, "events": kinds})).json()
        opened = await api.post(PATH, json={"action": "open", "reason": reason})
        assert opened.status_code == 200
        assert (await api.get(PATH)).json() == opened.json()
        said = {"is_open": True, "reason": reason, "changed_by": "admin"}
        assert said.items() <= opened.json().items()

        async def delivered() -> dict[str, Any] | None:
            listed = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()
            return listed[0] if listed and listed[0]["status"] == "success" else None

        delivery = await wait_until(delivered, "the pager rings")
        assert (delivery["event"], delivery["outage_id"]) == (
            "settlement.circuit_breaker_opened",
            None,
        )
        assert any(reason.encode() in each.body for each in pager.received)
        await api.delete(f"/webhooks/{webhook['id']}")


async def test_it_is_not_opened_twice(api: httpx.AsyncClient) -> None:
    reasons = [make_unique_id("odd"), make_unique_id("odder")]
    answers = [await api.post(PATH, json={"action": "open", "reason": why}) for why in reasons]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[1].json()["detail"] == "the circuit breaker is open already"
    assert (await api.get(PATH)).json()["reason"] == reasons[0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "open"}, "reason"),
        ({"action": "open", "reason": ""}, "reason"),
        ({"action": "open", "reason": "   "}, "reason"),
        ({"action": "open", "reason": "x" * 301}, "reason"),
        ({"action": "open", "reason": "\x00"}, "reason"),
        ({"action": "trip", "reason": "odd"}, "action"),
        ({"reason": "odd"}, "action"),
        ({"action": "open", "reason": "odd", "for": 5}, "for"),
    ],
)
async def test_a_crooked_order_is_refused(
    api: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await api.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert (await api.get(PATH)).json()["is_open"] is False
