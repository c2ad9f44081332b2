"""Money that is left to be claimed."""

from __future__ import annotations

from typing import Any

from stellar_sdk import (
    Claimant,
    ClaimPredicate,
    Keypair,
)

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import (
    FARM,
    PAYER,
    SHOP,
    USDC,
    XLM,
)
from stellar_sandbox.testing.operation_results import submit_and_close
from stellar_sandbox.testing.wallet import Wallet, sign


async def test_money_is_left_for_somebody_and_fetched_once(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    close_time = sandbox.network.ledger.last_closed.close_time
    claimants = [
        Claimant(FARM.public_key, ClaimPredicate.predicate_unconditional()),
        Claimant(SHOP.public_key, ClaimPredicate.predicate_before_absolute_time(close_time)),
    ]
    leave = wallet.start_transaction(PAYER, 1).append_create_claimable_balance_op(
        USDC, "3", claimants
    )
    envelope = leave.build()
    balance_id = envelope.transaction.get_claimable_balance_id(0)
    assert await wallet.send(sign(envelope, PAYER)) == "PENDING"
    sandbox.close_ledger()
    payer = sandbox.read_account(PAYER.public_key)
    assert payer is not None
    assert payer.num_sponsoring == 2

    def fetch(who: Keypair, sequence: int) -> Any:
        return wallet.start_transaction(who, sequence).append_claim_claimable_balance_op(balance_id)

    late = await submit_and_close(wallet, sandbox, fetch(SHOP, 1), SHOP)
    assert late == ["CLAIM_CLAIMABLE_BALANCE_CANNOT_CLAIM"]
    assert await submit_and_close(wallet, sandbox, fetch(FARM, 1), FARM) == [
        "CLAIM_CLAIMABLE_BALANCE_SUCCESS"
    ]
    assert sandbox.read_balance(FARM.public_key) == 3 * XLM
    gone = await submit_and_close(wallet, sandbox, fetch(FARM, 2), FARM)
    assert gone == ["CLAIM_CLAIMABLE_BALANCE_DOES_NOT_EXIST"]
    payer = sandbox.read_account(PAYER.public_key)
    assert payer is not None
    assert payer.num_sponsoring == 0
