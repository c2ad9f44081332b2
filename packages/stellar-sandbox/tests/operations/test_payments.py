"""Money moves as on the network: by both ways, with its tag, all of a batch or nothing of it."""

from __future__ import annotations

from stellar_sdk import StrKey, scval, xdr

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import (
    BARE,
    CHANNELS,
    CONTRACT,
    FARM,
    PAYER,
    SHOP,
    STRANGER,
    USDC,
    build_muxed_address,
)
from stellar_sandbox.testing.wallet import Wallet, sign

CHANNEL = CHANNELS[0]


async def test_a_contract_transfer_arrives_with_its_tag_and_says_so(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    envelope = await wallet.build_transfer(CHANNEL, 1, build_muxed_address(SHOP, 777), 25_000_000)

    assert await wallet.send(envelope) == "PENDING"
    assert await wallet.read_status(envelope) == "NOT_FOUND"
    sandbox.close_ledger()

    found = await wallet.server.get_transaction(envelope.hash_hex())
    assert found.status.value == "SUCCESS"
    assert sandbox.read_balance(SHOP.public_key) == 25_000_000
    assert found.events is not None
    assert found.events.contract_events_xdr is not None
    [[text]] = found.events.contract_events_xdr
    event = xdr.ContractEvent.from_xdr(text)
    assert event.contract_id is not None
    assert event.body.v0 is not None
    assert StrKey.encode_contract(event.contract_id.contract_id.hash) == CONTRACT
    assert scval.to_native(event.body.v0.data) == {"amount": 25_000_000, "to_muxed_id": 777}
    assert found.result_meta_xdr is not None
    meta = xdr.TransactionMeta.from_xdr(found.result_meta_xdr).v4
    assert meta is not None
    assert meta.soroban_meta is not None
    assert meta.soroban_meta.return_value is not None
    assert scval.to_native(meta.soroban_meta.return_value) is None


async def test_the_fee_is_charged_and_what_was_not_used_comes_back(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    envelope = await wallet.build_transfer(CHANNEL, 1)
    before = sandbox.read_account(CHANNEL.public_key)
    await wallet.send(envelope)
    sandbox.close_ledger()

    after = sandbox.read_account(CHANNEL.public_key)
    found = await wallet.server.get_transaction(envelope.hash_hex())
    assert found.result_xdr is not None
    charged = xdr.TransactionResult.from_xdr(found.result_xdr).fee_charged.int64
    assert before is not None
    assert after is not None
    assert before.balance - after.balance == charged
    assert 10_000 < charged < envelope.transaction.fee


async def test_a_classic_payment_leaves_the_same_event(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    builder = wallet.start_transaction(CHANNEL, 1)
    builder.append_payment_op(build_muxed_address(FARM, 9), USDC, "1.5", PAYER.public_key)
    envelope = sign(builder.build(), CHANNEL, PAYER)
    await wallet.send(envelope)
    sandbox.close_ledger()

    found = await wallet.server.get_transaction(envelope.hash_hex())
    assert sandbox.read_balance(FARM.public_key) == 15_000_000
    assert found.events is not None
    assert found.events.contract_events_xdr is not None
    [[text]] = found.events.contract_events_xdr
    body = xdr.ContractEvent.from_xdr(text).body.v0
    assert body is not None
    assert scval.to_native(body.topics[0]) == "transfer"
    assert scval.to_native(body.data) == {"amount": 15_000_000, "to_muxed_id": 9}


async def test_a_failing_batch_names_every_bad_payment_and_pays_nobody(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    envelope = wallet.build_payment(
        CHANNEL, 1, (SHOP, "1"), (BARE, "1"), (STRANGER, "1"), (FARM, "1")
    )
    await wallet.send(envelope)
    sandbox.close_ledger()

    found = await wallet.server.get_transaction(envelope.hash_hex())
    assert found.status.value == "FAILED"
    assert found.result_xdr is not None
    result = xdr.TransactionResult.from_xdr(found.result_xdr).result
    codes = [item.tr.payment_result.code.name for item in result.results or []]  # type: ignore[union-attr]
    assert codes == [
        "PAYMENT_SUCCESS",
        "PAYMENT_NO_TRUST",
        "PAYMENT_NO_DESTINATION",
        "PAYMENT_SUCCESS",
    ]
    assert sandbox.read_balance(SHOP.public_key) == sandbox.read_balance(FARM.public_key) == 0
    account = sandbox.read_account(CHANNEL.public_key)
    assert account is not None
    assert account.sequence == 1


async def test_simulation_names_what_stands_in_the_way(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    async def trouble(target: str, stroops: int) -> str:
        args = [
            scval.to_address(PAYER.public_key),
            scval.to_address(target),
            scval.to_int128(stroops),
        ]
        builder = wallet.start_transaction(CHANNEL, 1)
        builder.append_invoke_contract_function_op(
            CONTRACT, "transfer", args, source=PAYER.public_key
        )
        answer = await wallet.server.simulate_transaction(builder.build())
        return (answer.error or "").partition("\n")[0]

    assert await trouble(BARE.public_key, 1) == "HostError: Error(Contract, #13)"
    assert await trouble(STRANGER.public_key, 1) == "HostError: Error(Contract, #6)"
    assert await trouble(SHOP.public_key, -1) == "HostError: Error(Contract, #8)"
    assert await trouble(SHOP.public_key, 10**15) == "HostError: Error(Contract, #10)"
    assert await trouble(SHOP.public_key, 0) == ""


async def test_what_fails_after_a_good_simulation_costs_its_sequence(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    first = await wallet.build_transfer(CHANNEL, 1, stroops=900_000 * 10_000_000)
    second = await wallet.build_transfer(CHANNELS[1], 1, stroops=900_000 * 10_000_000)
    await wallet.send(first)
    await wallet.send(second)
    sandbox.close_ledger()

    outcomes = {await wallet.read_status(first), await wallet.read_status(second)}
    assert outcomes == {"SUCCESS", "FAILED"}
    for channel in CHANNELS[:2]:
        account = sandbox.read_account(channel.public_key)
        assert account is not None
        assert account.sequence == 1
