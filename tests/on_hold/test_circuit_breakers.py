"""The circuit breaker on the whole product: only an admin switches it, and new payments wait."""

import asyncio
from typing import Any

import httpx

from devstack.environment.stack import Stack
from tests.testkit.api_client import wait_for_lifecycle
from tests.testkit.settlement.approval_client import (
    CIRCUIT_BREAKER,
    count_transfers,
    declare_resolved_outage,
    wait_for_payment,
)


async def test_only_an_admin_may_switch_the_circuit_breaker_and_must_give_a_reason(
    people: dict[str, httpx.AsyncClient],
) -> None:
    for name in ("ada", "kim"):
        answer = await people[name].post(CIRCUIT_BREAKER, json={"action": "open", "reason": "odd"})
        assert answer.status_code == 403
    for body in ({"action": "open"}, {"action": "open", "reason": " "}, {"action": "trip"}):
        assert (await people["admin"].post(CIRCUIT_BREAKER, json=body)).status_code == 422
    again = await people["admin"].post(
        CIRCUIT_BREAKER, json={"action": "close", "reason": "to be sure"}
    )
    assert again.json()["detail"] == "the circuit breaker is closed already"
    assert (await people["kim"].get(CIRCUIT_BREAKER)).json()["is_open"] is False


async def test_the_circuit_breaker_stops_new_payments_while_sent_ones_are_observed(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    admin = people["admin"]
    before = len(await list_events(admin))
    early = await asyncio.gather(*(declare_resolved_outage(admin, 25) for _ in range(6)))
    sent = [
        (await wait_for_payment(admin, outage_id, "submitted", "confirmed"))["number"]
        for outage_id in early
    ]
    opened = await admin.post(
        CIRCUIT_BREAKER, json={"action": "open", "reason": "something is odd"}
    )
    assert (opened.json()["is_open"], opened.json()["changed_by"]) == (True, "admin")
    await asyncio.sleep(1)  # every worker sees the switch within a second
    late = await asyncio.gather(*(declare_resolved_outage(admin, 25) for _ in range(4)))
    on_hold = [await wait_for_payment(admin, outage_id, "on_hold") for outage_id in late]
    assert {payment["status_reason"] for payment in on_hold} == {
        "the circuit breaker is open: something is odd"
    }
    for outage_id in early:
        await wait_for_lifecycle(admin, outage_id, "closed", 30)
    chain = await count_transfers(limited)
    assert [chain[number] for number in sent] == [1] * len(sent)
    assert [chain[payment["number"]] for payment in on_hold] == [0] * len(on_hold)

    closed = await admin.post(CIRCUIT_BREAKER, json={"action": "close", "reason": "it was not odd"})
    assert closed.json()["is_open"] is False
    for outage_id in late:
        await wait_for_lifecycle(admin, outage_id, "closed", 30)
    chain = await count_transfers(limited)
    assert [chain[payment["number"]] for payment in on_hold] == [1] * len(on_hold)
    feed = (await list_events(admin))[before:]
    reported = [item for item in feed if item["type"].startswith("settlement.circuit_breaker")]
    assert [(item["type"], item["data"]["reason"], item["outage_id"]) for item in reported] == [
        ("settlement.circuit_breaker_opened", "something is odd", None),
        ("settlement.circuit_breaker_closed", "it was not odd", None),
    ]


async def list_events(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = "0-0"
    while True:
        page = (await client.get("/events", params={"after": cursor, "limit": 1000})).json()
        found += page["items"]
        if not page["items"]:
            return found
        cursor = page["next"]
