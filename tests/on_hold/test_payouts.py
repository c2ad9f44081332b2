"""A change of payout address and what was approved before it, on the whole product."""

import asyncio

import httpx

from devstack.environment.stack import Stack
from tests.testkit.api_client import wait_for_lifecycle, wait_until
from tests.testkit.settlement.approval_client import (
    CIRCUIT_BREAKER,
    approve_payment,
    count_transfers,
    declare_resolved_outage,
    wait_for_payment,
)
from tests.testkit.settlement.wallet_client import load_beneficiary, prove_wallet


async def test_a_changed_payout_address_voids_earlier_approvals(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    """Approved by two, and not yet signed: both must approve again, and the old address is paid."""
    admin, where = people["admin"], "/agreements/default/payouts/provider"
    owner = load_beneficiary(limited)
    elsewhere = owner.public_key
    await prove_wallet(admin, owner)
    await admin.post(
        CIRCUIT_BREAKER, json={"action": "open", "reason": "nothing is signed for now"}
    )
    await asyncio.sleep(1)  # every worker sees the switch within a second
    outage_id = await declare_resolved_outage(people["eve"], 5)
    payment = await wait_for_payment(admin, outage_id, "on_hold")
    for name in ("ada", "bob"):
        assert (await approve_payment(people[name], payment["id"])).status_code == 201

    asked = await admin.put(where, json={"address": elsewhere})
    assert asked.status_code == 200, asked.text
    assert payment["id"] in asked.json()["approvals_voided"]
    shown = (await admin.get(f"/payments/{payment['id']}/approvals")).json()
    assert {each["voided_reason"] for each in shown["approvals"]} == {
        "the provider of default is to be paid at another address"
    }
    await admin.post(CIRCUIT_BREAKER, json={"action": "close", "reason": "go on"})

    await wait_for_missing_approvals(admin, payment["id"])
    assert (await count_transfers(limited))[payment["number"]] == 0
    # Another admin than who asked calls it off; the audit trail names both.
    assert (await people["ada"].delete(where)).status_code == 403
    assert (await people["root"].delete(where)).status_code == 204
    (change,) = (await admin.get(where)).json()
    assert (change["asked_by"], change["cancelled_by"]) == ("admin", "root")
    for name in ("ada", "bob"):
        assert (await approve_payment(people[name], payment["id"])).status_code == 201
    await wait_for_lifecycle(admin, outage_id, "closed", 60)
    paid = await wait_for_payment(admin, outage_id, "confirmed")
    assert paid["to_address"] == limited.environment["STELLAR_PROVIDER_ADDRESS"]
    assert (await count_transfers(limited))[payment["number"]] == 1


async def wait_for_missing_approvals(client: httpx.AsyncClient, payment_id: str) -> None:
    async def waits() -> bool:
        sentence = (await client.get(f"/payments/{payment_id}")).json()["status_reason"]
        return str(sentence).endswith("waits for approval by 2 people, 0 have approved")

    await wait_until(waits, "it waits for approval anew", 90)
