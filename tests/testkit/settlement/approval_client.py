"""A client for payments on hold: owe one, wait for it, approve it, count its transfers."""

from collections import Counter
from typing import Any

import httpx

from devstack.environment.stack import Stack
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_until,
)

CIRCUIT_BREAKER = "/payments/circuit-breaker"


async def declare_resolved_outage(client: httpx.AsyncClient, minutes: float) -> str:
    outage_id = await declare_outage(client, id=make_unique_id("HELD"), policy=AT_ONCE)
    await resolve_outage(client, outage_id, minutes)
    return outage_id


async def wait_for_payment(
    client: httpx.AsyncClient, outage_id: str, *states: str
) -> dict[str, Any]:
    """Wait until an outage's payment is in one of these states."""

    async def look() -> dict[str, Any] | None:
        listed = (await client.get("/payments", params={"outage_id": outage_id})).json()["items"]
        return listed[0] if listed and listed[0]["state"] in states else None

    return await wait_until(look, f"the payment of {outage_id} is {' or '.join(states)}", 60)


async def count_transfers(stack: Stack) -> Counter[str]:
    seen = await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    return Counter(str(transfer.number) for transfer in seen)


async def approve_payment(
    client: httpx.AsyncClient, payment_id: str, **body: Any
) -> httpx.Response:
    return await client.post(f"/payments/{payment_id}/approvals", json=body)
