"""Out-of-band transfers as reconciliation read them, and their manual matches."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.accounting import invariants, journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, manual_matches
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.accounting.breaks import AdjustmentKind, BreakClosure
from domain.accounting.journal import make_settled_entries
from domain.accounting.reconciliation import Extent
from domain.errors import Conflict
from domain.requests import Request
from domain.settlement.manual_matches import OUT_OF_BAND_LEAD, ManualMatch
from services.accounting.breaks.close_break import CloseBreak, close_break
from tests.testkit import stacks
from tests.testkit.accounting.break_factory import tamper
from tests.testkit.accounting.fake_chain_history import ReconciliationDriver
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
    made = ReconciliationDriver(scratch)
    made.fake_history.known_extent = Extent(1, 1000)
    return made


async def test_a_transfer_with_the_number_of_a_payment_is_an_out_of_band_payment(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    payment, other = await owe_payment(scratch), await owe_payment(scratch)
    await send_out_of_band(driver, payment)
    (made,) = await list_out_of_band(scratch, payment)
    assert (made.transaction_hash, made.amount_stroops) == (THEIRS, payment.amount_stroops)
    assert not made.matched
    assert payment.id in made.obstacle.sentence
    assert await list_out_of_band(scratch, other) == []


async def test_our_own_envelopes_are_not_out_of_band(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    """Neither by their own hash nor by that of the fee bump around them."""
    payment = await owe_payment(scratch)
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
        row, rides = await manual_matches.lock(connection, payment.id)
        assert (row["id"], rides) == (payment.id, False)
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
        row, rides = await manual_matches.lock(connection, payment.id)
    assert (row["status"], rides) == ("confirmed", True)


async def test_a_transfer_matches_one_payment_for_ever(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    payment, other = await owe_payment(scratch), await owe_payment(scratch)
    await send_out_of_band(driver, payment)
    (made,) = await list_out_of_band(scratch, payment)
    async with scratch.transaction() as connection:
        await manual_matches.match(
            connection, ManualMatch(payment.id, made.position, "ada", "x", NOW), made
        )
    with pytest.raises(IntegrityError, match="uq_manual_matches_position"):
        async with scratch.transaction() as connection:
            await manual_matches.match(
                connection, ManualMatch(other.id, made.position, "ada", "x", NOW), made
            )
    for statement in (
        "DELETE FROM manual_matches",
        "UPDATE manual_matches SET note = 'y'",
        "TRUNCATE manual_matches",
    ):
        with pytest.raises(IntegrityError):
            async with scratch.transaction() as connection:
                await connection.execute(text(statement))


async def test_a_manually_matched_payment_is_no_break(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    payment = await owe_payment(scratch)
    await send_out_of_band(driver, payment)
    found = await driver.compare_journal()
    assert (found.new_breaks, found.matched) == (1, 0)
    (made,) = await list_out_of_band(scratch, payment)
    async with scratch.transaction() as connection:
        manual_match = ManualMatch(payment.id, made.position, "ada", "x", NOW)
        await manual_matches.match(connection, manual_match, made)
        await journal.post_entries(
            connection, make_settled_entries(payment, THEIRS, 0, OUT_OF_BAND_LEAD)
        )
    again = await driver.compare_journal()
    assert (again.new_breaks, again.matched) == (0, 1)
    async with scratch.transaction() as connection:
        assert await invariants.check(connection, timedelta(days=36500)) == []


async def test_a_transfer_closed_as_something_else_blocks_nothing(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    payment = await owe_payment(scratch)
    await send_out_of_band(driver, payment)
    await driver.compare_journal()
    assert len(await list_out_of_band(scratch, payment)) == 1
    async with scratch.autocommit() as connection:
        break_id = await connection.scalar(text("SELECT id FROM breaks"))
    with pytest.raises(Conflict, match="is not paid: match this transfer"):
        await close(scratch, break_id, AdjustmentKind.NONE)
    await close(scratch, break_id, AdjustmentKind.SUSPENSE)
    assert await list_out_of_band(scratch, payment) == []


async def test_each_of_two_out_of_band_transfers_needs_a_decision(
    scratch: Database, driver: ReconciliationDriver
) -> None:
    """The second is a duplicate of the first, and closed as one."""
    payment = await owe_payment(scratch)
    await send_out_of_band(driver, payment)
    await send_out_of_band(driver, payment, "ee" * 32)
    await driver.compare_journal()
    async with scratch.autocommit() as connection:
        found = (await connection.execute(text("SELECT kind, id FROM breaks"))).all()
    assert {row.kind for row in found} == {"missing_in_journal", "duplicate"}
    for left, row in zip((1, 0), found, strict=True):
        await close(scratch, row.id, AdjustmentKind.SUSPENSE)
        assert len(await list_out_of_band(scratch, payment)) == left


async def close(scratch: Database, break_id: str, kind: AdjustmentKind) -> None:
    closing = BreakClosure(kind, "looked at", "ada", datetime.now(UTC))
    await close_break(scratch, CloseBreak(break_id, closing, Request("ada", "corr")))
