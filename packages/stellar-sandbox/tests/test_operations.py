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

from stellar_sandbox.client import Box
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
from stellar_sandbox.testing.operation_results import code_of, run
from stellar_sandbox.testing.wallet import Desk, sign

NATIVE = Asset.native()


async def test_a_new_account_starts_at_its_ledger(desk: Desk, box: Box) -> None:
    def create(sequence: int, amount: str) -> Any:
        builder = desk.builder(FEES, sequence)
        return builder.append_create_account_op(STRANGER.public_key, amount)

    assert await run(desk, box, create(1, "0.5"), FEES) == ["CREATE_ACCOUNT_LOW_RESERVE"]
    assert await run(desk, box, create(2, "100000"), FEES) == ["CREATE_ACCOUNT_UNDERFUNDED"]
    assert await run(desk, box, create(3, "5"), FEES) == ["CREATE_ACCOUNT_SUCCESS"]
    account = box.account(STRANGER.public_key)
    assert account is not None
    assert account.sequence == box.network.ledger.head.sequence << 32
    assert await run(desk, box, create(4, "5"), FEES) == ["CREATE_ACCOUNT_ALREADY_EXIST"]


async def test_xlm_below_the_reserve_cannot_be_spent(desk: Desk, box: Box) -> None:
    def pay(sequence: int, amount: str) -> Any:
        return desk.builder(BARE, sequence).append_payment_op(FEES.public_key, NATIVE, amount)

    assert await run(desk, box, pay(1, "9"), BARE) == ["PAYMENT_UNDERFUNDED"]
    assert await run(desk, box, pay(2, "8.9"), BARE) == ["PAYMENT_SUCCESS"]


async def test_trust_is_opened_limited_and_closed(desk: Desk, box: Box) -> None:
    def trust(sequence: int, limit: str, asset: Asset = USDC) -> Any:
        return desk.builder(BARE, sequence).append_change_trust_op(asset, limit)

    nobody = Asset("USDC", STRANGER.public_key)
    assert await run(desk, box, trust(1, "5", nobody), BARE) == ["CHANGE_TRUST_NO_ISSUER"]
    assert await run(desk, box, trust(2, "5"), BARE) == ["CHANGE_TRUST_SUCCESS"]
    too_much = desk.builder(CHANNELS[0], 1)
    too_much.append_payment_op(BARE.public_key, USDC, "6", PAYER.public_key)
    assert await run(desk, box, too_much, CHANNELS[0], PAYER) == ["PAYMENT_LINE_FULL"]
    enough = desk.builder(CHANNELS[0], 2)
    enough.append_payment_op(BARE.public_key, USDC, "5", PAYER.public_key)
    assert await run(desk, box, enough, CHANNELS[0], PAYER) == ["PAYMENT_SUCCESS"]
    assert await run(desk, box, trust(3, "0"), BARE) == ["CHANGE_TRUST_INVALID_LIMIT"]
    back = desk.builder(BARE, 4).append_payment_op(ISSUER.public_key, USDC, "5")
    back.append_change_trust_op(USDC, "0")
    assert await run(desk, box, back, BARE) == ["PAYMENT_SUCCESS", "CHANGE_TRUST_SUCCESS"]
    account = box.account(BARE.public_key)
    assert account is not None
    assert account.sub_entries == 0


async def test_the_issuer_freezes_only_what_it_kept_the_right_to_freeze(
    desk: Desk, box: Box
) -> None:
    def freeze(sequence: int) -> Any:
        return desk.builder(ISSUER, sequence).append_set_trust_line_flags_op(
            SHOP.public_key, USDC, clear_flags=TrustLineFlags.AUTHORIZED_FLAG
        )

    assert await run(desk, box, freeze(1), ISSUER) == ["SET_TRUST_LINE_FLAGS_CANT_REVOKE"]
    allow = desk.builder(ISSUER, 2).append_set_options_op(
        set_flags=AuthorizationFlag.AUTHORIZATION_REVOCABLE
    )
    assert await run(desk, box, allow, ISSUER) == ["SET_OPTIONS_SUCCESS"]
    assert await run(desk, box, freeze(3), ISSUER) == ["SET_TRUST_LINE_FLAGS_SUCCESS"]
    payment = desk.payment(CHANNELS[0], 1)
    await desk.send(payment)
    box.close_ledger()
    found = await desk.server.get_transaction(payment.hash_hex())
    assert found.result_xdr is not None
    result = xdr.TransactionResult.from_xdr(found.result_xdr).result
    assert [code_of(item) for item in result.results or []] == ["PAYMENT_NOT_AUTHORIZED"]


async def test_thresholds_ask_for_more_than_one_signature(desk: Desk, box: Box) -> None:
    second = CHANNELS[7]
    shared = desk.builder(PAYER, 1).append_set_options_op(
        med_threshold=2, high_threshold=2, signer=Signer.ed25519_public_key(second.public_key, 1)
    )
    assert await run(desk, box, shared, PAYER) == ["SET_OPTIONS_SUCCESS"]

    alone = desk.payment(CHANNELS[0], 1)
    assert await desk.send(alone) == "ERROR txFAILED"
    together = desk.payment(CHANNELS[0], 1)
    together.sign(second)
    assert await desk.send(together) == "PENDING"
    box.close_ledger()
    assert await desk.outcome(together) == "SUCCESS"


async def test_a_sequence_can_be_bumped_past_what_waits(desk: Desk, box: Box) -> None:
    channel = CHANNELS[0]
    jump = desk.builder(channel, 1).append_bump_sequence_op(100)
    assert await run(desk, box, jump, channel) == ["BUMP_SEQUENCE_SUCCESS"]

    assert await desk.send(desk.payment(channel, 2)) == "ERROR txBAD_SEQ"
    assert await desk.send(desk.payment(channel, 101)) == "PENDING"


async def test_money_is_left_for_somebody_and_fetched_once(desk: Desk, box: Box) -> None:
    here = box.network.ledger.head.close_time
    claimants = [
        Claimant(FARM.public_key, ClaimPredicate.predicate_unconditional()),
        Claimant(SHOP.public_key, ClaimPredicate.predicate_before_absolute_time(here)),
    ]
    leave = desk.builder(PAYER, 1).append_create_claimable_balance_op(USDC, "3", claimants)
    envelope = leave.build()
    balance_id = envelope.transaction.get_claimable_balance_id(0)
    assert await desk.send(sign(envelope, PAYER)) == "PENDING"
    box.close_ledger()
    payer = box.account(PAYER.public_key)
    assert payer is not None
    assert payer.sponsoring == 2

    def fetch(who: Keypair, sequence: int) -> Any:
        return desk.builder(who, sequence).append_claim_claimable_balance_op(balance_id)

    late = await run(desk, box, fetch(SHOP, 1), SHOP)
    assert late == ["CLAIM_CLAIMABLE_BALANCE_CANNOT_CLAIM"]
    assert await run(desk, box, fetch(FARM, 1), FARM) == ["CLAIM_CLAIMABLE_BALANCE_SUCCESS"]
    assert box.balance(FARM.public_key) == 3 * XLM
    gone = await run(desk, box, fetch(FARM, 2), FARM)
    assert gone == ["CLAIM_CLAIMABLE_BALANCE_DOES_NOT_EXIST"]
    payer = box.account(PAYER.public_key)
    assert payer is not None
    assert payer.sponsoring == 0


async def test_what_the_box_does_not_know_is_refused(desk: Desk) -> None:
    data = desk.builder(PAYER, 1).append_manage_data_op("name", "value").build()

    assert await desk.send(sign(data, PAYER)) == "ERROR txFAILED"


async def test_a_full_lane_takes_the_best_bids_at_the_lowest_of_them(desk: Desk, box: Box) -> None:
    box.network.ledger.lanes.classic = (2,)
    fees = dict(zip(CHANNELS, (200, 900, 500, 300), strict=False))
    sent = {fee: desk.payment(channel, 1, fee=fee) for channel, fee in fees.items()}
    for fee in (200, 300, 500, 900):
        assert await desk.send(sent[fee]) == "PENDING"
    box.close_ledger()

    outcomes = {fee: await desk.outcome(envelope) for fee, envelope in sent.items()}
    assert outcomes == {900: "SUCCESS", 500: "SUCCESS", 300: "NOT_FOUND", 200: "NOT_FOUND"}
    for channel in (CHANNELS[1], CHANNELS[2]):
        account = box.account(channel.public_key)
        assert account is not None
        assert account.balance == 100 * XLM - 500


async def test_options_that_the_network_or_the_box_refuses(desk: Desk, box: Box) -> None:
    revocable, clawback = (
        AuthorizationFlag.AUTHORIZATION_REVOCABLE,
        AuthorizationFlag.AUTHORIZATION_CLAWBACK_ENABLED,
    )

    def options(sequence: int, **given: Any) -> Any:
        return desk.builder(ISSUER, sequence).append_set_options_op(**given)

    heir = options(1, inflation_dest=SHOP.public_key)
    assert await run(desk, box, heir, ISSUER) == ["ERROR txFAILED"]
    refused = ["SET_OPTIONS_AUTH_REVOCABLE_REQUIRED"]
    assert await run(desk, box, options(1, set_flags=clawback), ISSUER) == refused
    good = options(2, set_flags=revocable | clawback)
    assert await run(desk, box, good, ISSUER) == ["SET_OPTIONS_SUCCESS"]
    assert await run(desk, box, options(3, clear_flags=revocable), ISSUER) == refused
