"""Reserves that one account pays for another: begun, used and ended within one transaction."""

from __future__ import annotations

from typing import Any

from stellar_sdk import Keypair, xdr

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.ledger.entries import BASE_RESERVE
from stellar_sandbox.testing.accounts import CHANNELS, FEES, PAYER, STRANGER, USDC, derive_keypair
from stellar_sandbox.testing.operation_results import submit_and_close
from stellar_sandbox.testing.wallet import Wallet

BEGIN, CREATE, END = (
    "BEGIN_SPONSORING_FUTURE_RESERVES_SUCCESS",
    "CREATE_ACCOUNT_SUCCESS",
    "END_SPONSORING_FUTURE_RESERVES_SUCCESS",
)


def sponsoring(wallet: Wallet, sequence: int, target: Keypair = STRANGER, amount: str = "0") -> Any:
    builder = wallet.start_transaction(PAYER, sequence)
    builder.append_begin_sponsoring_future_reserves_op(target.public_key)
    return builder.append_create_account_op(target.public_key, amount)


async def account(wallet: Wallet, owner: Keypair) -> xdr.AccountEntry:
    wanted = xdr.LedgerKey(
        xdr.LedgerEntryType.ACCOUNT, account=xdr.LedgerKeyAccount(owner.xdr_account_id())
    )
    answer = await wallet.server.get_ledger_entries([wanted])
    assert answer.entries
    entry = xdr.LedgerEntryData.from_xdr(answer.entries[0].xdr).account
    assert entry is not None
    return entry


def counts(entry: xdr.AccountEntry) -> tuple[int, int]:
    assert entry.ext.v1 is not None
    assert entry.ext.v1.ext.v2 is not None
    second = entry.ext.v1.ext.v2
    return second.num_sponsored.uint32, second.num_sponsoring.uint32


async def test_a_sponsored_account_needs_no_reserve(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    before = sandbox.read_account(PAYER.public_key)
    assert before is not None
    builder = sponsoring(wallet, 1).append_end_sponsoring_future_reserves_op(STRANGER.public_key)
    assert await submit_and_close(wallet, sandbox, builder, PAYER, STRANGER) == [BEGIN, CREATE, END]
    made, payer = await account(wallet, STRANGER), await account(wallet, PAYER)
    assert (made.balance.int64, counts(made)) == (0, (2, 0))
    assert counts(payer) == (0, 2)
    after, poor = sandbox.read_account(PAYER.public_key), sandbox.read_account(STRANGER.public_key)
    assert after is not None
    assert poor is not None
    assert (poor.sponsor, poor.available_balance) == (PAYER.public_key, 0)
    # The reserves are set aside, and the fee of three operations is gone.
    assert before.available_balance - after.available_balance == 2 * BASE_RESERVE + 300


async def test_a_sponsorship_must_be_ended(wallet: Wallet, sandbox: StellarSandbox) -> None:
    assert await submit_and_close(wallet, sandbox, sponsoring(wallet, 1), PAYER) == [
        "txBAD_SPONSORSHIP"
    ]
    assert sandbox.read_account(STRANGER.public_key) is None
    assert counts(await account(wallet, PAYER)) == (0, 0)


async def test_only_the_sponsored_may_end_it_and_must_have_signed(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    builder = sponsoring(wallet, 1).append_end_sponsoring_future_reserves_op(STRANGER.public_key)
    assert await submit_and_close(wallet, sandbox, builder, PAYER) == ["ERROR txFAILED"]
    lonely = wallet.start_transaction(PAYER, 1).append_end_sponsoring_future_reserves_op()
    assert await submit_and_close(wallet, sandbox, lonely, PAYER) == [
        "END_SPONSORING_FUTURE_RESERVES_NOT_SPONSORED"
    ]


async def test_a_sponsor_must_have_the_reserves(wallet: Wallet, sandbox: StellarSandbox) -> None:
    poor = derive_keypair("poor")
    create = wallet.start_transaction(PAYER, 1).append_create_account_op(poor.public_key, "1.5")
    assert await submit_and_close(wallet, sandbox, create, PAYER) == [CREATE]
    made = sandbox.read_account(poor.public_key)
    assert made is not None
    builder = wallet.start_transaction(poor, made.sequence + 1)
    builder.append_begin_sponsoring_future_reserves_op(STRANGER.public_key)
    builder.append_create_account_op(STRANGER.public_key, "0")
    builder.append_end_sponsoring_future_reserves_op(STRANGER.public_key)
    assert await submit_and_close(wallet, sandbox, builder, poor, STRANGER) == [
        BEGIN,
        "CREATE_ACCOUNT_LOW_RESERVE",
        "opNO_ACCOUNT",
    ]


async def test_what_makes_no_sense_is_refused(wallet: Wallet, sandbox: StellarSandbox) -> None:
    oneself = wallet.start_transaction(PAYER, 1).append_begin_sponsoring_future_reserves_op(
        PAYER.public_key
    )
    assert await submit_and_close(wallet, sandbox, oneself, PAYER) == ["ERROR txFAILED"]
    twice = wallet.start_transaction(PAYER, 1)
    for _ in range(2):
        twice.append_begin_sponsoring_future_reserves_op(FEES.public_key)
    assert (await submit_and_close(wallet, sandbox, twice, PAYER))[1] == (
        "BEGIN_SPONSORING_FUTURE_RESERVES_ALREADY_SPONSORED"
    )
    circle = wallet.start_transaction(PAYER, 2)
    circle.append_begin_sponsoring_future_reserves_op(FEES.public_key)
    circle.append_begin_sponsoring_future_reserves_op(CHANNELS[0].public_key, FEES.public_key)
    assert (await submit_and_close(wallet, sandbox, circle, PAYER, FEES))[1] == (
        "BEGIN_SPONSORING_FUTURE_RESERVES_RECURSIVE"
    )


async def test_other_entries_of_a_sponsored_account_are_left_out(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    """Refused rather than created at its own cost: the sandbox is stricter, never laxer."""
    builder = wallet.start_transaction(PAYER, 1)
    builder.append_begin_sponsoring_future_reserves_op(FEES.public_key)
    builder.append_change_trust_op(USDC, source=FEES.public_key)
    builder.append_end_sponsoring_future_reserves_op(FEES.public_key)
    assert await submit_and_close(wallet, sandbox, builder, PAYER, FEES) == [
        BEGIN,
        "opNOT_SUPPORTED",
        END,
    ]
