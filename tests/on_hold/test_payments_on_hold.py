"""
Limits, approvals and the circuit breaker on the whole product: a payment on hold does not move, an admitted
one moves once. The chain's own history is the proof.
"""

from typing import Any

import httpx

from devstack.environment.stack import Stack
from tests.testkit.api_client import wait_for_lifecycle, wait_until
from tests.testkit.settlement.approval_client import (
    approve_payment,
    count_transfers,
    declare_resolved_outage,
    wait_for_payment,
)

MAY_NOT = (
    "this request needs the permission payments:approve, which the role operator does not have"
)


async def collect_refusals(
    people: dict[str, httpx.AsyncClient], payment_id: str
) -> list[tuple[str, int, str]]:
    """Collect who may not approve: an operator, the maker, and whoever has approved."""
    found = []
    for name in ("kim", "eve", "ada"):
        answer = await approve_payment(people[name], payment_id)
        found.append((name, answer.status_code, answer.json()["detail"]))
    return found


async def list_queued(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/payments/approvals")).json()
    return [item["payment"]["id"] for item in page["items"]]


async def test_a_reward_above_the_limit_settles_after_two_approvals_and_not_before(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    outage_id = await declare_resolved_outage(people["eve"], 5)  # she resolves it: 1500 USDC
    payment = await wait_for_payment(people["admin"], outage_id, "on_hold")
    id_, number = payment["id"], payment["number"]
    assert payment["status"] == "pending"
    assert payment["status_reason"] == "1500 USDC waits for approval by 2 people, 0 have approved"

    first = await approve_payment(people["ada"], id_, note="seen the tower")
    assert first.status_code == 201, first.text
    assert await collect_refusals(people, id_) == [
        ("kim", 403, MAY_NOT),
        (
            "eve",
            403,
            f"eve is a maker of payment {id_} and may not approve it; ask another person",
        ),
        ("ada", 409, f"ada has approved payment {id_}; a second person must approve it as well"),
    ]
    shown = (await people["kim"].get(f"/payments/{id_}/approvals")).json()
    assert (shown["makers"], shown["approvers_needed"]) == (["eve"], 2)
    (given,) = shown["approvals"]
    assert (given["approver"], given["note"]) == ("ada", "seen the tower")
    assert given["digest"] == shown["digest"]
    assert id_ in await list_queued(people["bob"])
    assert (await count_transfers(limited))[number] == 0
    assert (await people["bob"].get(f"/payments/{id_}/trace")).json()["attempts"] == []

    second = await approve_payment(people["bob"], id_)
    assert second.status_code == 201
    # Its workflow may have gone on already; it never says that somebody is missing.
    approved = (None, "1500 USDC is approved by 2 people, and goes on")
    assert second.json()["payment"]["status_reason"] in approved
    await wait_for_lifecycle(people["admin"], outage_id, "closed", 20)
    assert (await count_transfers(limited))[number] == 1
    assert id_ not in await list_queued(people["bob"])
    timeline = (await people["admin"].get(f"/outages/{outage_id}/timeline")).json()["items"]
    acted = [item["actor"] for item in timeline if item["step"] == "payment.approved"]
    assert acted == ["ada", "bob"]


async def test_a_confirmed_payment_takes_no_approval_and_no_withdrawal(
    people: dict[str, httpx.AsyncClient],
) -> None:
    outage_id = await declare_resolved_outage(people["eve"], 5)
    payment = await wait_for_payment(people["admin"], outage_id, "on_hold")
    for name in ("ada", "bob"):
        assert (await approve_payment(people[name], payment["id"])).status_code == 201
    await wait_for_lifecycle(people["admin"], outage_id, "closed", 20)
    for late in (
        await approve_payment(people["admin"], payment["id"]),
        await withdraw_approval(people, payment),
    ):
        assert late.status_code == 409
        assert "is confirmed" in late.json()["detail"]


async def withdraw_approval(
    people: dict[str, httpx.AsyncClient], payment: dict[str, Any]
) -> httpx.Response:
    return await people["ada"].delete(f"/payments/{payment['id']}/approvals")


async def test_a_withdrawn_approval_does_not_count(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    outage_id = await declare_resolved_outage(people["eve"], 5)
    payment = await wait_for_payment(people["admin"], outage_id, "on_hold")
    assert (await withdraw_approval(people, payment)).status_code == 409
    assert (await approve_payment(people["ada"], payment["id"])).status_code == 201
    gone = await withdraw_approval(people, payment)
    assert gone.status_code == 200
    assert gone.json()["approvals"][0]["voided_reason"] == "withdrawn"
    assert (await approve_payment(people["bob"], payment["id"])).status_code == 201

    async def says_who() -> bool:
        shown = (await people["admin"].get(f"/payments/{payment['id']}")).json()
        return str(shown["status_reason"]).endswith("1 has approved")

    await wait_until(says_who, "the payment says who is missing")
    assert (await count_transfers(limited))[payment["number"]] == 0
    assert (await approve_payment(people["ada"], payment["id"])).status_code == 201
    await wait_for_lifecycle(people["admin"], outage_id, "closed", 20)
    assert (await count_transfers(limited))[payment["number"]] == 1


async def test_a_payment_above_the_cap_stays_on_hold_whoever_approves(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    outage_id = await declare_resolved_outage(people["kim"], 15 + 51)
    payment = await wait_for_payment(people["kim"], outage_id, "on_hold")
    assert payment["status_reason"] == (
        "5100 USDC is above the cap of 5000 USDC a payment: raise SETTLEMENT_CAP_PER_PAYMENT, "
        "or settle it outside of the engine"
    )
    assert payment["id"] not in await list_queued(people["bob"]), "two would approve in vain"
    for name in ("ada", "bob"):
        assert (await approve_payment(people[name], payment["id"])).status_code == 201
    assert (await wait_for_payment(people["kim"], outage_id, "on_hold"))["transaction_hash"] is None
    assert (await count_transfers(limited))[payment["number"]] == 0


async def test_a_payment_below_every_limit_needs_no_approval_and_is_counted(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    def used(shown: dict[str, Any], side: str, account: str) -> int:
        found = [each for each in shown[side] if each["account"] == account]
        return int(found[0]["spent"]["amount_stroops"]) if found else 0

    bond = limited.environment["STELLAR_BOND_ADDRESS"]
    payee = limited.environment["STELLAR_BENEFICIARY_ADDRESS"]
    before = (await people["kim"].get("/payments/limits")).json()
    assert before["cap_per_day"] == {"amount": 500000.5, "amount_stroops": "5000005000000"}
    assert before["cap_per_payment"]["amount"] == 5000
    assert before["approval_above"]["amount"] == 1200
    assert before["cap_per_payee_per_day"] is None
    await wait_for_lifecycle(
        people["kim"], await declare_resolved_outage(people["kim"], 25), "closed", 20
    )
    after = (await people["kim"].get("/payments/limits")).json()
    assert used(after, "treasuries", bond) - used(before, "treasuries", bond) == 10_000_000_000
    assert used(after, "payees", payee) - used(before, "payees", payee) == 10_000_000_000
    shown = next(each for each in after["treasuries"] if each["account"] == bond)
    left = int(shown["left"]["amount_stroops"])
    assert left == 5_000_005_000_000 - int(shown["spent"]["amount_stroops"])
    assert [each["left"] for each in after["payees"]] == [None] * len(after["payees"])


async def test_an_approver_says_what_they_were_shown(
    limited: Stack, people: dict[str, httpx.AsyncClient]
) -> None:
    outage_id = await declare_resolved_outage(people["eve"], 5)
    id_ = (await wait_for_payment(people["admin"], outage_id, "on_hold"))["id"]
    other = await approve_payment(people["ada"], id_, digest="0" * 64)
    assert (other.status_code, "is not as you saw it" in other.text) == (409, True)
    shown = (await people["ada"].get(f"/payments/{id_}/approvals")).json()
    assert shown["approvals"] == []
    for name in ("ada", "bob"):
        answer = await approve_payment(people[name], id_, digest=shown["digest"])
        assert answer.status_code == 201, answer.text
    await wait_for_lifecycle(people["admin"], outage_id, "closed", 60)
