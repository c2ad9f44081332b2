"""Fees and room: who pays more replaces or outbids what waits, and a ledger takes only so much."""

from __future__ import annotations

import pytest
from stellar_sdk import Keypair, xdr
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.envelopes.envelope_parser import parse_envelope
from stellar_sandbox.ledger.fees import MAX_DISK_READ_ENTRIES, count_disk_read_entries
from stellar_sandbox.network.surge_pricing import SOROBAN_LEDGER_LIMITS, measure_resources
from stellar_sandbox.testing.accounts import CHANNELS, FEES, PASSPHRASE, PAYER, SHOP
from stellar_sandbox.testing.wallet import Wallet, bump, sign

CHANNEL = CHANNELS[0]


async def test_a_tenfold_fee_bump_replaces_what_waits_even_with_another_inside(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    waiting = wallet.build_payment(CHANNEL, 1, fee=100)
    cancel = wallet.start_transaction(CHANNEL, 1, 100).append_bump_sequence_op(0).build()
    sign(cancel, CHANNEL)
    await wallet.send(waiting)

    assert await wallet.send(bump(cancel, 500)) == "ERROR txINSUFFICIENT_FEE"
    assert await wallet.send(bump(cancel, 1_000)) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(waiting) == "NOT_FOUND"
    assert sandbox.read_balance(SHOP.public_key) == 0


async def test_a_bumped_payment_is_found_by_both_of_its_hashes(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    inner = wallet.build_payment(CHANNEL, 1, fee=100)
    outer = bump(inner, 5_000)

    assert await wallet.send(outer) == "PENDING"
    assert await wallet.send(inner) == "DUPLICATE"
    sandbox.close_ledger()
    assert await wallet.read_status(inner) == await wallet.read_status(outer) == "SUCCESS"
    found = await wallet.server.get_transaction(inner.hash_hex())
    assert found.fee_bump is True
    assert found.result_xdr is not None
    result = xdr.TransactionResult.from_xdr(found.result_xdr).result
    assert result.code.name == "txFEE_BUMP_INNER_SUCCESS"
    assert result.inner_result_pair is not None
    assert result.inner_result_pair.transaction_hash.hash == inner.hash()
    channel = sandbox.read_account(CHANNEL.public_key)
    assert channel is not None
    assert channel.balance == 100 * 10_000_000


async def test_a_bump_that_bids_too_little_is_refused_with_what_it_needed(wallet: Wallet) -> None:
    waiting = await wallet.build_transfer(CHANNEL, 1)
    await wallet.send(waiting)

    answer = await wallet.server.send_transaction(bump(waiting, 5_000))  # type: ignore[arg-type]
    assert answer.error_result_xdr is not None
    needed = xdr.TransactionResult.from_xdr(answer.error_result_xdr).fee_charged.int64
    data = waiting.transaction.soroban_data
    assert data is not None
    assert needed == 10 * 1_000 * 2 + data.resource_fee.int64


async def test_a_payer_of_fees_must_afford_everything_that_waits(wallet: Wallet) -> None:
    first = bump(wallet.build_payment(CHANNEL, 1), 600 * 10_000_000 // 2)
    second = bump(wallet.build_payment(CHANNELS[1], 1), 600 * 10_000_000 // 2)

    assert await wallet.send(first) == "PENDING"
    assert await wallet.send(second) == "ERROR txINSUFFICIENT_BALANCE"


async def test_a_fee_payer_that_acts_for_itself_stands_in_its_own_way(wallet: Wallet) -> None:
    transfer = await wallet.build_transfer(CHANNEL, 1)
    await wallet.send(bump(transfer, 1_000))
    own = sign(wallet.start_transaction(FEES, 1).append_bump_sequence_op(0).build(), FEES)

    assert await wallet.send(own) == "TRY_AGAIN_LATER"


async def test_a_full_queue_makes_room_only_for_a_better_bid(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    sandbox.network.ledger.surge_pricing.classic_limits = (1,)
    for channel, fee in zip(CHANNELS, (200, 300), strict=False):
        assert await wallet.send(wallet.build_payment(channel, 1, fee=fee)) == "PENDING"

    answer = await wallet.server.send_transaction(wallet.build_payment(CHANNELS[2], 1, fee=150))
    assert answer.error_result_xdr is not None
    refused = xdr.TransactionResult.from_xdr(answer.error_result_xdr)
    assert refused.result.code.name == "txINSUFFICIENT_FEE"
    assert refused.fee_charged.int64 == 201
    assert await wallet.send(wallet.build_payment(CHANNELS[3], 1, fee=400)) == "PENDING"
    assert await wallet.send(wallet.build_payment(CHANNELS[0], 1, fee=200)) == "TRY_AGAIN_LATER"


@pytest.mark.parametrize("kind", range(len(SOROBAN_LEDGER_LIMITS)))
async def test_a_ledger_has_only_so_much_room_for_calls_of_every_kind(
    wallet: Wallet, sandbox: StellarSandbox, kind: int
) -> None:
    transfers = [await wallet.build_transfer(channel, 1) for channel in CHANNELS[:3]]
    needs = [
        measure_resources(parse_envelope(envelope.to_xdr(), PASSPHRASE)) for envelope in transfers
    ]
    limits = list(SOROBAN_LEDGER_LIMITS)
    limits[kind] = needs[0][kind] + needs[1][kind] + needs[2][kind] - 1
    sandbox.network.ledger.surge_pricing.soroban_limits = tuple(limits)
    for envelope in transfers:
        assert await wallet.send(envelope) == "PENDING"

    sandbox.close_ledger()
    outcomes = sorted([await wallet.read_status(envelope) for envelope in transfers])
    assert outcomes == ["NOT_FOUND", "SUCCESS", "SUCCESS"]
    sandbox.close_ledger()
    assert {await wallet.read_status(envelope) for envelope in transfers} == {"SUCCESS"}


async def test_a_better_bid_does_not_make_what_waits_younger(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    waiting = wallet.build_payment(CHANNEL, 1, fee=100)
    await wallet.send(waiting)
    sandbox.network.ledger.surge_pricing.classic_limits = (0,)
    sandbox.close_ledger(3)
    better = bump(waiting, 5_000)

    sandbox.network.ledger.surge_pricing.classic_limits = (2,)
    assert await wallet.send(better) == "PENDING"
    sandbox.network.ledger.surge_pricing.classic_limits = (0,)
    sandbox.close_ledger()
    assert await wallet.send(better) == "TRY_AGAIN_LATER"


async def test_what_lost_its_place_to_another_is_refused_as_its_sequence_is_used(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    other = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client(1)))
    loser, winner = (
        wallet.build_payment(CHANNEL, 1, fee=100),
        wallet.build_payment(CHANNEL, 1, fee=200),
    )
    assert await wallet.send(loser) == await other.send(winner) == "PENDING"

    sandbox.close_ledger()
    assert await wallet.send(loser) == "ERROR txBAD_SEQ"
    assert await wallet.send(winner) == "TRY_AGAIN_LATER"


@pytest.mark.parametrize(("more", "expected"), [(0, "PENDING"), (1, "ERROR txSOROBAN_INVALID")])
async def test_a_call_reads_only_so_many_entries_from_disk(
    wallet: Wallet, more: int, expected: str
) -> None:
    envelope = await wallet.build_transfer(CHANNEL, 1)
    data = envelope.transaction.soroban_data
    assert data is not None
    footprint = data.resources.footprint
    declared = count_disk_read_entries(data.resources)
    for number in range(MAX_DISK_READ_ENTRIES - declared + more):
        owner = Keypair.from_raw_ed25519_seed(number.to_bytes(32, "big")).xdr_account_id()
        row = xdr.LedgerKey(
            xdr.LedgerEntryType.ACCOUNT, account=xdr.LedgerKeyAccount(account_id=owner)
        )
        footprint.read_only.append(row)
    data.resources.disk_read_bytes = xdr.Uint32(100_000)
    data.resource_fee = xdr.Int64(10_000_000)
    envelope.transaction.fee = 10_001_000
    envelope.signatures.clear()

    assert await wallet.send(sign(envelope, CHANNEL, PAYER)) == expected
