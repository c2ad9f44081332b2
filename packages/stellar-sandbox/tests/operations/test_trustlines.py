"""Trust is opened, limited, frozen and closed."""

from __future__ import annotations

from typing import Any

from stellar_sdk import (
    Asset,
    TrustLineFlags,
    xdr,
)
from stellar_sdk.operation.set_options import AuthorizationFlag

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import (
    BARE,
    CHANNELS,
    ISSUER,
    PAYER,
    SHOP,
    STRANGER,
    USDC,
)
from stellar_sandbox.testing.operation_results import get_code, submit_and_close
from stellar_sandbox.testing.wallet import Wallet


async def test_trust_is_opened_limited_and_closed(wallet: Wallet, sandbox: StellarSandbox) -> None:
    def trust(sequence: int, limit: str, asset: Asset = USDC) -> Any:
        return wallet.start_transaction(BARE, sequence).append_change_trust_op(asset, limit)

    nobody = Asset("USDC", STRANGER.public_key)
    assert await submit_and_close(wallet, sandbox, trust(1, "5", nobody), BARE) == [
        "CHANGE_TRUST_NO_ISSUER"
    ]
    assert await submit_and_close(wallet, sandbox, trust(2, "5"), BARE) == ["CHANGE_TRUST_SUCCESS"]
    too_much = wallet.start_transaction(CHANNELS[0], 1)
    too_much.append_payment_op(BARE.public_key, USDC, "6", PAYER.public_key)
    assert await submit_and_close(wallet, sandbox, too_much, CHANNELS[0], PAYER) == [
        "PAYMENT_LINE_FULL"
    ]
    enough = wallet.start_transaction(CHANNELS[0], 2)
    enough.append_payment_op(BARE.public_key, USDC, "5", PAYER.public_key)
    assert await submit_and_close(wallet, sandbox, enough, CHANNELS[0], PAYER) == [
        "PAYMENT_SUCCESS"
    ]
    assert await submit_and_close(wallet, sandbox, trust(3, "0"), BARE) == [
        "CHANGE_TRUST_INVALID_LIMIT"
    ]
    back = wallet.start_transaction(BARE, 4).append_payment_op(ISSUER.public_key, USDC, "5")
    back.append_change_trust_op(USDC, "0")
    assert await submit_and_close(wallet, sandbox, back, BARE) == [
        "PAYMENT_SUCCESS",
        "CHANGE_TRUST_SUCCESS",
    ]
    account = sandbox.read_account(BARE.public_key)
    assert account is not None
    assert account.num_sub_entries == 0


async def test_the_issuer_freezes_only_what_it_kept_the_right_to_freeze(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    def freeze(sequence: int) -> Any:
        return wallet.start_transaction(ISSUER, sequence).append_set_trust_line_flags_op(
            SHOP.public_key, USDC, clear_flags=TrustLineFlags.AUTHORIZED_FLAG
        )

    assert await submit_and_close(wallet, sandbox, freeze(1), ISSUER) == [
        "SET_TRUST_LINE_FLAGS_CANT_REVOKE"
    ]
    allow = wallet.start_transaction(ISSUER, 2).append_set_options_op(
        set_flags=AuthorizationFlag.AUTHORIZATION_REVOCABLE
    )
    assert await submit_and_close(wallet, sandbox, allow, ISSUER) == ["SET_OPTIONS_SUCCESS"]
    assert await submit_and_close(wallet, sandbox, freeze(3), ISSUER) == [
        "SET_TRUST_LINE_FLAGS_SUCCESS"
    ]
    payment = wallet.build_payment(CHANNELS[0], 1)
    await wallet.send(payment)
    sandbox.close_ledger()
    found = await wallet.server.get_transaction(payment.hash_hex())
    assert found.result_xdr is not None
    result = xdr.TransactionResult.from_xdr(found.result_xdr).result
    assert [get_code(item) for item in result.results or []] == ["PAYMENT_NOT_AUTHORIZED"]
