"""What accounts do besides paying: trust, flags, signers, sequences, money left to be claimed."""

from __future__ import annotations

from typing import Any

from stellar_sdk import (
    Asset,
    Claimant,
    ClaimPredicate,
    Keypair,
    Signer,
    TrustLineFlags,
    xdr,
)
from stellar_sdk.operation.set_options import AuthorizationFlag

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import (
    BARE,
    CHANNELS,
    FARM,
    FEES,
    ISSUER,
    PAYER,
    SHOP,
    STRANGER,
    USDC,
    XLM,
)
from stellar_sandbox.testing.operation_results import get_code, submit_and_close
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


async def test_what_the_box_does_not_know_is_refused(wallet: Wallet) -> None:
    data = wallet.start_transaction(PAYER, 1).append_manage_data_op("name", "value").build()

    assert await wallet.send(sign(data, PAYER)) == "ERROR txFAILED"


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
