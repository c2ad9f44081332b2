"""Payments as the API shows them: what was owed, what the chain moved, and the postings of both."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from devstack.environment.stack import Stack
from tests.testkit.api_client import declare_outage, resolve_outage, settle_outage


@pytest.fixture(scope="module")
async def penalty(api: httpx.AsyncClient) -> dict[str, Any]:
    """The payment of an outage of 25 minutes where 15 were agreed."""
    payment: dict[str, Any] = (await settle_outage(api, 25))["payment"]
    return payment


async def _found(api: httpx.AsyncClient, payment: dict[str, Any], **wanted: Any) -> bool:
    page = await api.get("/payments", params={"page_size": 200} | wanted)
    assert page.status_code == 200, page.text
    return payment["id"] in [item["id"] for item in page.json()["items"]]


async def test_a_penalty_is_paid_to_the_beneficiary(penalty: dict[str, Any], stack: Stack) -> None:
    expected = {
        "type": "penalty",
        "status": "confirmed",
        "state": "confirmed",
        "amount": 1000,
        "amount_stroops": "10000000000",
        "asset_code": "USDC",
        "from_address": stack.environment["STELLAR_BOND_ADDRESS"],
        "to_address": stack.environment["STELLAR_BENEFICIARY_ADDRESS"],
        "reason_code": None,
        "status_reason": None,
        "revision": 1,
    }
    assert expected.items() <= penalty.items()
    assert len(penalty["transaction_hash"]) == 64
    assert penalty["ledger"] > 0
    assert penalty["confirmed_at"]


async def test_a_reward_is_paid_to_the_provider(api: httpx.AsyncClient, stack: Stack) -> None:
    reward = (await settle_outage(api, 5))["payment"]
    assert (reward["type"], reward["amount"]) == ("reward", 1500)
    assert reward["from_address"] == stack.environment["STELLAR_POOL_ADDRESS"]
    assert reward["to_address"] == stack.environment["STELLAR_PROVIDER_ADDRESS"]


async def test_the_payment_announced_is_the_one_made(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    announced = (await resolve_outage(api, outage_id))["payment"]
    assert announced["status"] == "pending"
    assert (await api.get(f"/payments/{announced['id']}")).status_code == 404
    made = (await settle_outage(api))["payment"]
    assert announced.keys() == made.keys()


async def test_a_payment_is_found_by_its_id(
    api: httpx.AsyncClient, penalty: dict[str, Any]
) -> None:
    assert (await api.get(f"/payments/{penalty['id']}")).json() == penalty


async def test_payments_are_filtered(api: httpx.AsyncClient, penalty: dict[str, Any]) -> None:
    for status in ("confirmed", "completed"):
        assert await _found(api, penalty, status=status)
    for status in ("pending", "failed"):
        assert not await _found(api, penalty, status=status)
    assert await _found(api, penalty, type="penalty")
    assert not await _found(api, penalty, type="reward")
    assert await _found(api, penalty, outage_id=penalty["outage_id"])
    assert not await _found(api, penalty, outage_id="another")


async def test_both_dates_of_a_range_are_in_it(
    api: httpx.AsyncClient, penalty: dict[str, Any]
) -> None:
    day = date.fromisoformat(penalty["created_at"][:10])
    before, after = day - timedelta(1), day + timedelta(1)
    assert await _found(api, penalty, date_from=str(day), date_to=str(day))
    assert await _found(api, penalty, date_from=str(before), date_to=str(after))
    assert not await _found(api, penalty, date_to=str(before))
    assert not await _found(api, penalty, date_from=str(after))


async def test_payments_are_paged_newest_first(api: httpx.AsyncClient) -> None:
    newest = (await settle_outage(api, 5))["payment"]
    # What other tests declared may be owed meanwhile, and is newer.
    listed = (await api.get("/payments", params={"page_size": 50})).json()["items"]
    assert newest["id"] in [item["id"] for item in listed]
    instants = [item["created_at"] for item in listed]
    assert instants == sorted(instants, reverse=True)
    page = (await api.get("/payments", params={"page_size": 1})).json()
    assert page["items"][0]["created_at"] >= newest["created_at"]
    assert (page["page"], page["page_size"]) == (1, 1)
    assert page["total"] > 1
    second = (await api.get("/payments", params={"page_size": 1, "page": 2})).json()
    assert second["items"][0]["created_at"] <= page["items"][0]["created_at"]
    assert second["items"][0]["id"] != page["items"][0]["id"]


async def test_the_trace_goes_from_the_debt_to_the_proof(
    api: httpx.AsyncClient, penalty: dict[str, Any]
) -> None:
    trace = (await api.get(f"/payments/{penalty['id']}/trace")).json()
    assert trace["payment"] == penalty
    last = trace["attempts"][-1]
    assert (last["status"], last["hash"]) == ("succeeded", penalty["transaction_hash"])
    assert last["sequence"] > 0
    postings = {
        (each["kind"], each["account"], each["amount_stroops"]) for each in trace["postings"]
    }
    owed = penalty["amount_stroops"]
    payable, reserved = (f"{kind}:{penalty['to_address']}" for kind in ("payable", "reserved"))
    assert postings == {
        ("accrual", "expense:penalty", owed),
        ("accrual", payable, f"-{owed}"),
        ("reservation", payable, owed),
        ("reservation", reserved, f"-{owed}"),
        ("settlement", reserved, owed),
        ("settlement", f"treasury:{penalty['from_address']}", f"-{owed}"),
    }


async def test_the_journal_sums_to_zero(api: httpx.AsyncClient, penalty: dict[str, Any]) -> None:
    accounts = (await api.get("/payments/ledger")).json()
    balances = {each["account"]: int(each["balance_stroops"]) for each in accounts}
    assert sum(balances.values()) == 0
    assert balances["expense:penalty"] >= int(penalty["amount_stroops"])
    assert balances[f"treasury:{penalty['from_address']}"] <= -int(penalty["amount_stroops"])


async def test_the_journal_and_the_chain_agree_on_what_was_paid(
    api: httpx.AsyncClient, penalty: dict[str, Any], stack: Stack
) -> None:
    question = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "getTransaction",
        "params": {"hash": penalty["transaction_hash"]},
    }
    async with httpx.AsyncClient(trust_env=False) as chain:
        answer = await chain.post(stack.environment["STELLAR_RPC_URL"], json=question)
    result = answer.json()["result"]
    assert (result["status"], result["ledger"]) == ("SUCCESS", penalty["ledger"])


@pytest.mark.parametrize("path", ["/payments/pay_0", "/payments/pay_0/trace"])
async def test_an_unknown_payment_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 404
    assert answer.json()["detail"] == "payment 'pay_0' does not exist"
