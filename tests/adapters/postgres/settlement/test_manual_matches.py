"""Out-of-band transfers as reconciliation read them, and their manual matches."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, manual_matches
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.manual_matches import ManualMatch, is_receipt
from tests.testkit import stacks
from tests.testkit.accounting.break_factory import tamper
from tests.testkit.accounting.fake_chain_history import FakeChainHistory, ReconciliationDriver
from tests.testkit.api_client import wait_until
from tests.testkit.settlement.out_of_band import (
    THEIRS,
    list_out_of_band,
    send_out_of_band,
    store_channels,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment

OURS = "aa" * 32


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def driver(scratch: Database) -> ReconciliationDriver:
    return ReconciliationDriver(scratch, FakeChainHistory(latest=1000))


async def test_a_transfer_with_the_number_of_a_payment_is_an_out_of_band_payment(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    payment, other = await owe_payment(scratch), await owe_payment(scratch)
    await send_out_of_band(driver, payment)
    (made,) = await list_out_of_band(scratch, payment)
    assert (made.transaction_hash, made.amount_stroops) == (THEIRS, payment.amount_stroops)
    assert not made.matched
    assert is_receipt(payment, made)
    assert await list_out_of_band(scratch, other) == []


async def test_our_own_envelopes_are_not_out_of_band(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    """Neither by their own hash nor by that of the fee bump around them, until they are said to have failed."""
    payment = await owe_payment(scratch)
    await tamper(
        scratch,
        "INSERT INTO attempts (payment_id, n, channel, sequence, status, max_ledger)"
        " VALUES (:id, 1, 'GCHANNEL', 1, 'open', 1)",
        id=payment.id,
    )
    for hash_, inner in ((OURS, "cc" * 32), ("dd" * 32, THEIRS)):
        await tamper(
            scratch,
            "INSERT INTO envelopes (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger)"
            " VALUES (:hash, :inner, :id, 1, 'A', 100, 1)",
            hash=hash_,
            inner=inner,
            id=payment.id,
        )
        await send_out_of_band(driver, payment, OURS if hash_ == OURS else THEIRS)
    assert await list_out_of_band(scratch, payment) == []
    failed = "UPDATE attempts SET status = 'failed' WHERE payment_id = :id"
    await tamper(scratch, failed, id=payment.id)
    made = await list_out_of_band(scratch, payment)
    assert {each.transaction_hash for each in made} == {OURS, THEIRS}


async def test_an_incoming_or_empty_transfer_is_no_payment(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    """A payee may send money back under the number it got, and anybody may move nothing."""
    payment = await owe_payment(scratch)
    back = "INSERT INTO chain_transfers VALUES (:at, 'transfer', :hash, 5, now(), :from, :to, :number, :sum)"
    for place, from_, to, sum_ in (("1", "GPAYEE", "GBOND", 5), ("2", "GBOND", "GPAYEE", 0)):
        await tamper(
            scratch,
            back.replace(":from", ":payer"),
            at=place,
            hash=THEIRS,
            payer=from_,
            to=to,
            number=payment.number,
            sum=sum_,
        )
    assert await list_out_of_band(scratch, payment) == []


async def test_a_reservation_and_a_manual_match_exclude_each_other(
    scratch: Database, driver: ReconciliationDriver, rail: Rail
) -> None:
    await store_channels(scratch, rail)
    payment = await owe_payment(scratch)
    await send_out_of_band(driver, payment)
    (made,) = await list_out_of_band(scratch, payment)

    async def reserve() -> None:
        async with scratch.autocommit() as connection:
            await attempts.reserve(connection, payment.id, rail.channels)

    async with scratch.transaction() as connection:
        row, in_attempt = await manual_matches.lock(connection, payment.id)
        assert (row.payment.id, in_attempt) == (payment.id, False)
        reserving = asyncio.create_task(reserve())

        async def waits() -> bool:
            async with scratch.autocommit() as other:
                return bool(
                    await other.scalar(
                        text(
                            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                            " AND datname = current_database()"
                        )
                    )
                )

        await wait_until(waits, "the reservation waits")
        await manual_matches.match(
            connection, ManualMatch(payment.id, made.position, "ada", "x", NOW), made
        )
    await reserving
    # It is matched by now, which whoever reserved for it reads before it signs.
    assert [each.matched for each in await list_out_of_band(scratch, payment)] == [True]
    async with scratch.transaction() as connection:
        row, in_attempt = await manual_matches.lock(connection, payment.id)
    assert (row.status, in_attempt) == ("confirmed", True)
