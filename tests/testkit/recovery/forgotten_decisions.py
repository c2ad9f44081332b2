"""A dispute that is decided, and paid, after a backup: the restored database knows neither."""

import httpx

from tests.testkit.api_client import (
    TERMS,
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)

DISPUTED, DECISION_SECONDS = "disputed", 90


async def publish_policy(caller: httpx.AsyncClient) -> None:
    policy = {"name": DISPUTED, "dispute_window_seconds": 60, "terms": TERMS}
    policy |= {"decision_window_seconds": DECISION_SECONDS}
    (await caller.post("/sla/policies", json=policy)).raise_for_status()


async def dispute_outage(caller: httpx.AsyncClient) -> tuple[str, str]:
    """Object to a penalty of 1000 USDC; return the outage and the dispute."""
    outage_id = await declare_outage(caller, id=make_unique_id("DISPUTED"), policy=DISPUTED)
    await resolve_outage(caller, outage_id)
    objection = {"outage_id": outage_id, "reason": "the power was out"}
    filed = await caller.post("/sla/disputes", json=objection)
    assert filed.status_code == 201, filed.text
    return outage_id, str(filed.json()["id"])


async def decide(decider: httpx.AsyncClient, outage_id: str, dispute_id: str) -> None:
    """Make a reward of the penalty, which is paid."""
    decision = {"action": "resolve", "mttr_minutes": 8}
    answer = await decider.patch(f"/sla/disputes/{dispute_id}", json=decision)
    assert answer.status_code == 200, answer.text
    await wait_for_lifecycle(decider, outage_id, "closed", 90)


async def check_forgotten_decision(caller: httpx.AsyncClient, outage_id: str) -> None:
    """
    Check that the penalty, which stands when the time to decide has run out, waits beside the reward that was paid;
    nobody repeats the decision.
    """

    async def is_blocked() -> str | None:
        found = (await caller.get("/payments", params={"outage_id": outage_id})).json()["items"]
        return str(found[0]["status_reason"]) if found and found[0]["state"] == "blocked" else None

    said = await wait_until(is_blocked, "the payment is blocked", DECISION_SECONDS + 60)
    assert "paid 1125 for revision 2 of the verdict" in said
    assert f"POST /outages/{outage_id}/void" in said
