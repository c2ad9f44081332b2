"""What accounts do besides paying: trust, flags, signers, sequences, money left to be claimed."""

from __future__ import annotations

from typing import Any

from stellar_sdk import (
    Asset,
    Signer,
)
from stellar_sdk.operation.set_options import AuthorizationFlag

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import (
    BARE,
    CHANNELS,
    FEES,
    ISSUER,
    PAYER,
    SHOP,
    STRANGER,
    USDC,
    XLM,
)
from stellar_sandbox.testing.operation_results import submit_and_close
from stellar_sandbox.testing.wallet import Wallet, sign

NATIVE = Asset.native()


async def test_a_new_account_starts_at_its_ledger(wallet: Wallet, sandbox: StellarSandbox) -> None:
    def create(sequence: int, amount: str) -> Any:
        builder = wallet.start_transaction(FEES, sequence)
        return builder.append_create_account_op(STRANGER.public_key, amount)

    assert await submit_and_close(wallet, sandbox, create(1, "0.5"), FEES) == [
        "CREATE_ACCOUNT_LOW_RESERVE"
    ]
    assert await submit_and_close(wallet, sandbox, create(2, "100000"), FEES) == [
        "CREATE_ACCOUNT_UNDERFUNDED"
    ]
    assert await submit_and_close(wallet, sandbox, create(3, "5"), FEES) == [
        "CREATE_ACCOUNT_SUCCESS"
    ]
    account = sandbox.read_account(STRANGER.public_key)
    assert account is not None
    assert account.sequence == sandbox.network.ledger.last_closed.sequence << 32
    assert await submit_and_close(wallet, sandbox, create(4, "5"), FEES) == [
        "CREATE_ACCOUNT_ALREADY_EXIST"
    ]


async def test_xlm_below_the_reserve_cannot_be_spent(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    def pay(sequence: int, amount: str) -> Any:
        return wallet.start_transaction(BARE, sequence).append_payment_op(
            FEES.public_key, NATIVE, amount
        )

    assert await submit_and_close(wallet, sandbox, pay(1, "9"), BARE) == ["PAYMENT_UNDERFUNDED"]
    assert await submit_and_close(wallet, sandbox, pay(2, "8.9"), BARE) == ["PAYMENT_SUCCESS"]


async def test_thresholds_ask_for_more_than_one_signature(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    second = CHANNELS[7]
    shared = wallet.start_transaction(PAYER, 1).append_set_options_op(
        med_threshold=2, high_threshold=2, signer=Signer.ed25519_public_key(second.public_key, 1)
    )
    assert await submit_and_close(wallet, sandbox, shared, PAYER) == ["SET_OPTIONS_SUCCESS"]

    alone = wallet.build_payment(CHANNELS[0], 1)
    assert await wallet.send(alone) == "ERROR txFAILED"
    together = wallet.build_payment(CHANNELS[0], 1)
    together.sign(second)
    assert await wallet.send(together) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(together) == "SUCCESS"


async def test_a_sequence_can_be_bumped_past_what_waits(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    channel = CHANNELS[0]
    jump = wallet.start_transaction(channel, 1).append_bump_sequence_op(100)
    assert await submit_and_close(wallet, sandbox, jump, channel) == ["BUMP_SEQUENCE_SUCCESS"]

    assert await wallet.send(wallet.build_payment(channel, 2)) == "ERROR txBAD_SEQ"
    assert await wallet.send(wallet.build_payment(channel, 101)) == "PENDING"


async def test_what_the_box_does_not_know_is_refused(wallet: Wallet) -> None:
    bid = wallet.start_transaction(PAYER, 1).append_manage_buy_offer_op(NATIVE, USDC, "1", "1")

    assert await wallet.send(sign(bid.build(), PAYER)) == "ERROR txFAILED"


async def test_a_full_lane_takes_the_best_bids_at_the_lowest_of_them(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    sandbox.network.ledger.surge_pricing.classic_limits = (2,)
    fees = dict(zip(CHANNELS, (200, 900, 500, 300), strict=False))
    sent = {fee: wallet.build_payment(channel, 1, fee=fee) for channel, fee in fees.items()}
    for fee in (200, 300, 500, 900):
        assert await wallet.send(sent[fee]) == "PENDING"
    sandbox.close_ledger()

    outcomes = {fee: await wallet.read_status(envelope) for fee, envelope in sent.items()}
    assert outcomes == {900: "SUCCESS", 500: "SUCCESS", 300: "NOT_FOUND", 200: "NOT_FOUND"}
    for channel in (CHANNELS[1], CHANNELS[2]):
        account = sandbox.read_account(channel.public_key)
        assert account is not None
        assert account.balance == 100 * XLM - 500


async def test_options_that_the_network_or_the_box_refuses(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    revocable, clawback = (
        AuthorizationFlag.AUTHORIZATION_REVOCABLE,
        AuthorizationFlag.AUTHORIZATION_CLAWBACK_ENABLED,
    )

    def options(sequence: int, **given: Any) -> Any:
        return wallet.start_transaction(ISSUER, sequence).append_set_options_op(**given)

    heir = options(1, inflation_dest=SHOP.public_key)
    assert await submit_and_close(wallet, sandbox, heir, ISSUER) == ["ERROR txFAILED"]
    refused = ["SET_OPTIONS_AUTH_REVOCABLE_REQUIRED"]
    assert (
        await submit_and_close(wallet, sandbox, options(1, set_flags=clawback), ISSUER) == refused
    )
    good = options(2, set_flags=revocable | clawback)
    assert await submit_and_close(wallet, sandbox, good, ISSUER) == ["SET_OPTIONS_SUCCESS"]
    assert (
        await submit_and_close(wallet, sandbox, options(3, clear_flags=revocable), ISSUER)
        == refused
    )
