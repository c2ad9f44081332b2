"""What was owed, what the chain did about it, and what the book says of both."""

from typing import Any

import httpx
import pytest

from sandbox.stack import Stack
from tests.support import settled


@pytest.fixture(scope="module")
async def penalty(api: httpx.AsyncClient) -> dict[str, Any]:
    """The payment of an outage of 25 minutes where 15 were promised."""
    payment: dict[str, Any] = (await settled(api, 25))["payment"]
    return payment


async def test_a_penalty_is_paid_to_the_beneficiary(penalty: dict[str, Any], stack: Stack) -> None:
    environment = stack.environment
    expected = {
        "type": "penalty",
        "status": "confirmed",
        "state": "confirmed",
        "amount": 1000,
        "amount_stroops": "10000000000",
        "asset_code": "USDC",
        "from_address": environment["STELLAR_BOND_ADDRESS"],
        "to_address": environment["STELLAR_BENEFICIARY_ADDRESS"],
        "parked_reason": None,
        "revision": 1,
    }
    assert {name: penalty[name] for name in expected} == expected
    assert len(penalty["transaction_hash"]) == 64
    assert penalty["ledger"] > 0
    assert penalty["confirmed_at"] >= penalty["created_at"][:19]
