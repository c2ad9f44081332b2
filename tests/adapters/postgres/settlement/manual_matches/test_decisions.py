"""What a person decided of an out-of-band transfer holds, and is no break."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.accounting import invariants, journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import manual_matches
from devstack.environment.stack import Stack
from domain.accounting.breaks import AdjustmentKind, BreakClosure
from domain.accounting.journal import make_settled_entries
from domain.errors import Conflict
from domain.requests import Request
from domain.settlement.manual_matches import OUT_OF_BAND_LEAD, ManualMatch
from services.accounting.breaks.close_break import CloseBreak, close_break
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import FakeChainHistory, ReconciliationDriver
from tests.testkit.settlement.out_of_band import (
    THEIRS,
    list_out_of_band,
    send_out_of_band,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def driver(scratch: Database) -> ReconciliationDriver:
    return ReconciliationDriver(scratch, FakeChainHistory(latest=1000))


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
