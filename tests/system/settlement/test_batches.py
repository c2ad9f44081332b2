"""
Whole outages whose payments are settled in batches: classic, netted, with the signer killed
while they are under way. The chain's own history is the witness.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
)
from tests.testkit.stacks import Stacks

OUTAGES = 40
SIGNER = "settlement-worker"


@pytest.fixture
async def batching(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    settings = {"SETTLEMENT_RAIL": "classic", "NETTING_WINDOW_SECONDS": "2"}
    async with stacks.start(tmp_path / "data", ledger_seconds=0.5, settings=settings) as stack:
        yield stack


async def test_outages_are_settled_in_batches_and_each_allocation_once(batching: Stack) -> None:
    url = f"{batching.url}/api/v1"
    async with httpx.AsyncClient(
        base_url=url, headers={"X-API-Key": KEY}, timeout=30, trust_env=False
    ) as api:
        policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "decision_window_seconds": 1}
        (await api.post("/sla/policies", json=policy | {"terms": TERMS})).raise_for_status()
        outage_ids = [await declare_outage(api, policy=AT_ONCE) for _ in range(OUTAGES)]
        for index, outage_id in enumerate(outage_ids):
            await resolve_outage(api, outage_id, 5 if index % 2 else 25)
            if index == OUTAGES // 2:
                batching.kill(SIGNER)
        for outage_id in outage_ids:
            await wait_for_lifecycle(api, outage_id, "closed", 90)
        listed = await api.get("/payments", params={"page_size": 200})
        payments = {item["id"]: item for item in listed.json()["items"]}
        traces = [(await api.get(f"/payments/{id_}/trace")).json() for id_ in payments]
    assert batching.restarts[SIGNER] >= 1
    assert {payment["status"] for payment in payments.values()} == {"confirmed"}

    chain = {
        (seen.hash, seen.number): seen.amount_stroops
        for seen in await chain_history.list_transfers(batching.environment["STELLAR_RPC_URL"])
    }
    assert allocations(traces) == chain
    # Penalties and rewards go different ways, so there are at least two; far fewer than payments.
    assert 2 <= len(chain) < OUTAGES / 2


def allocations(traces: list[dict[str, Any]]) -> dict[tuple[str, int], int]:
    """Add up what payments say was their part of each transfer."""
    sums: dict[tuple[str, int], int] = defaultdict(int)
    for trace in traces:
        payment, attempt = trace["payment"], trace["attempts"][-1]
        assert attempt["status"] == "succeeded"
        assert attempt["amount_stroops"] == int(payment["amount_stroops"])
        sums[payment["transaction_hash"], int(attempt["number"])] += attempt["amount_stroops"]
    return dict(sums)
