"""
The network misbehaves, by plan: money still moves exactly once, and what cannot move waits for help.

The faults are switched on in the chain in a box, over its own port, and counted there: a test that
met no misfortune proves nothing.
"""

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from devstack.environment.stack import Stack
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_until,
)
from workflows.payments import PaymentWorkflow

OUTAGES = 12
SEND = "sendTransaction"


@pytest.fixture
async def chain(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """The chain's fault plan, empty again afterwards."""
    url = stack.environment["STELLAR_RPC_URL"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        yield client
        (await client.post("/faults", json={"faults": []})).raise_for_status()


async def plan(chain: httpx.AsyncClient, *faults: dict[str, Any]) -> None:
    (await chain.post("/faults", json={"seed": 7, "faults": list(faults)})).raise_for_status()


async def struck(chain: httpx.AsyncClient, kind: str, more_than: int = -1) -> int:
    """How often a fault has struck, once that is more than before; 0 until then."""
    count = int((await chain.get("/faults")).json()["counts"].get(kind, 0))
    return count if count > more_than else 0


async def payment_of(api: httpx.AsyncClient, outage_id: str) -> dict[str, Any] | None:
    listed = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
    return listed[0] if listed else None


async def closed(api: httpx.AsyncClient, outage_ids: list[str]) -> bool:
    for outage_id in outage_ids:
        if (await api.get(f"/outages/{outage_id}")).json()["lifecycle"] != "closed":
            return False
    return True


async def test_whatever_a_send_is_answered_each_payment_is_made_once(
    api: httpx.AsyncClient, stack: Stack, chain: httpx.AsyncClient
) -> None:
    kinds = ["reset_before", "reset_after", "bad_gateway", "garbage", "internal_error"]
    kinds += ["too_many_requests", "dropped_transaction"]
    sends = [{"kind": kind, "method": SEND, "rate": 0.3, "times": 4} for kind in kinds]
    await plan(
        chain,
        {"kind": "racy_not_found", "rate": 0.5},
        {"kind": "bad_gateway", "method": "getTransactions", "rate": 0.2, "times": 10},
        *sends,
    )
    outage_ids = [await declare_outage(api, policy=AT_ONCE) for _ in range(OUTAGES)]
    for outage_id in outage_ids:
        await resolve_outage(api, outage_id)
    await wait_until(lambda: closed(api, outage_ids), "every outage is closed", 90)

    met = (await chain.get("/faults")).json()["counts"]
    assert {kind for kind in kinds if met.get(kind)} >= {"reset_after", "bad_gateway"}
    assert sum(met.get(kind, 0) for kind in kinds) >= 8
    seen = Counter(
        str(t.number)
        for t in await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    )
    for outage_id in outage_ids:
        payment = await payment_of(api, outage_id)
        assert payment is not None
        assert (payment["status"], seen[payment["number"]]) == ("confirmed", 1)


async def test_payments_go_on_while_nodes_die_fall_behind_and_change_the_rules(
    api: httpx.AsyncClient, stack: Stack, chain: httpx.AsyncClient
) -> None:
    """Three nodes: at each moment one is down, another lags, and the rules change in between."""
    outage_ids: list[str] = []
    for turn in range(3):
        before = await struck(chain, "node_down")
        down, late = turn, (turn + 1) % 3
        await plan(
            chain,
            {"kind": "node_down", "node": down},
            {"kind": "lagging_node", "node": late, "value": 10},
            {"kind": "lagging_history", "node": (turn + 2) % 3, "value": 2},
            {"kind": "protocol_upgrade", "value": 28 + turn},
        )
        declared = [await declare_outage(api, policy=AT_ONCE) for _ in range(4)]
        for outage_id in declared:
            await resolve_outage(api, outage_id)
        outage_ids += declared
        await wait_until(partial(closed, api, declared), "every outage is closed", 90)
        # Payments may never have needed that node; whoever looks after all of them has asked it.
        await wait_until(
            partial(struck, chain, "node_down", more_than=before), "the node was found down"
        )
    await plan(chain)  # the witness asks a node that would lag
    seen = Counter(
        str(t.number)
        for t in await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    )
    for outage_id in outage_ids:
        payment = await payment_of(api, outage_id)
        assert payment is not None
        assert (payment["status"], seen[payment["number"]]) == ("confirmed", 1)


async def test_a_payee_without_a_trustline_is_paid_once_it_has_one_again(
    api: httpx.AsyncClient, stack: Stack, chain: httpx.AsyncClient, temporal: Client
) -> None:
    payee = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]
    await plan(chain, {"kind": "removed_trustline", "address": payee})
    outage_id = await declare_outage(api, id=make_unique_id("PARKED"), policy=AT_ONCE)
    await resolve_outage(api, outage_id)

    async def find_blocked() -> dict[str, Any] | None:
        payment = await payment_of(api, outage_id)
        return payment if payment and payment["state"] == "blocked" else None

    payment = await wait_until(find_blocked, "the payment is blocked")
    assert payment["status"] == "failed"
    assert "no trustline" in payment["status_reason"]
    assert (await api.get(f"/outages/{outage_id}")).json()["lifecycle"] == "settling"

    await plan(chain)
    handle = temporal.get_workflow_handle_for(PaymentWorkflow.run, f"payment/{outage_id}/1")
    await handle.signal(PaymentWorkflow.retry)
    await wait_until(lambda: closed(api, [outage_id]), "the outage is closed")
    settled = await payment_of(api, outage_id)
    assert settled is not None
    assert settled["status"] == "confirmed"
