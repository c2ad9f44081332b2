"""Closing a break posts its difference once, so that the treasury stands in the journal as on the chain."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from adapters.postgres import audit
from adapters.postgres.accounting import breaks, journal
from adapters.postgres.database import Database
from api.routes.accounting.reconciliation import OwnerBody, assign_break
from devstack.environment.stack import Stack
from domain.accounting.breaks import (
    AdjustmentKind,
    BreakClosure,
    BreakKind,
    BreakRecord,
)
from domain.accounting.reconciliation import GRACE_LEDGERS, Extent
from domain.errors import Conflict, Invalid
from domain.requests import Request
from services.accounting.breaks.close_break import CloseBreak, close_break
from tests.testkit import stacks
from tests.testkit.accounting.break_factory import tamper
from tests.testkit.accounting.fake_chain_history import (
    PAYER,
    ReconciliationDriver,
    make_transfer,
    store_confirmation,
)
from tests.testkit.settlement.payment_factory import owe_payment

LATEST = 1000
OURS, THEIRS = "aa" * 32, "bb" * 32
PAYEE = "GBENEFICIARY"


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def listener(scratch: Database) -> ReconciliationDriver:
    made = ReconciliationDriver(scratch)
    made.fake_history.known_extent = Extent(1, LATEST)
    return made


async def found(scratch: Database, listener: ReconciliationDriver) -> dict[str, str]:
    """Read and compare; the breaks that are open, by kind."""
    await listener.read_chain()
    await listener.compare_journal()
    async with scratch.autocommit() as connection:
        rows = await connection.execute(
            text("SELECT kind, id FROM breaks WHERE status = 'open' ORDER BY kind")
        )
        return {row.kind: row.id for row in rows}


async def close(
    scratch: Database, break_id: str, kind: AdjustmentKind, who: str = "ada"
) -> BreakRecord:
    closing = BreakClosure(kind, "looked at", who, datetime.now(UTC))
    return await close_break(scratch, CloseBreak(break_id, closing, Request(who, "corr")))


async def read_balances(scratch: Database) -> dict[str, int]:
    async with scratch.autocommit() as connection:
        rows = await journal.list_balances(connection)
    return {row.account: row.balance_stroops for row in rows if row.balance_stroops}


async def on_chain(scratch: Database) -> int:
    statement = "SELECT sum(amount_stroops) FROM chain_transfers WHERE from_address = :payer"
    async with scratch.autocommit() as connection:
        return int(await connection.scalar(text(statement), {"payer": PAYER}) or 0)


async def test_a_transfer_that_becomes_a_duplicate_is_posted_once(
    scratch: Database, listener: ReconciliationDriver
) -> None:
    """Somebody else pays first; then the engine pays too, and both carry the payment's number."""
    payment = await owe_payment(scratch)
    number, amount = payment.number, payment.amount_stroops
    listener.fake_history.transfers.append(make_transfer(THEIRS, 500, number, amount, PAYEE))
    first = await found(scratch, listener)
    await close(scratch, first[BreakKind.MISSING_IN_JOURNAL], AdjustmentKind.SUSPENSE)
    await store_confirmation(scratch, payment, OURS, 600)
    listener.fake_history.known_extent = Extent(1, LATEST + 1)
    listener.fake_history.transfers.append(make_transfer(OURS, LATEST + 1, number, amount, PAYEE))
    again = await found(scratch, listener)
    assert set(again) == {BreakKind.DUPLICATE}
    with pytest.raises(Conflict, match=first[BreakKind.MISSING_IN_JOURNAL]):
        await close(scratch, again[BreakKind.DUPLICATE], AdjustmentKind.SUSPENSE)
    await close(scratch, again[BreakKind.DUPLICATE], AdjustmentKind.NONE)
    assert (
        (await read_balances(scratch))["treasury:GBOND"]
        == -(await on_chain(scratch))
        == -2 * amount
    )


async def test_a_break_that_the_worker_will_post_is_not_closed_by_a_person(
    scratch: Database, listener: ReconciliationDriver
) -> None:
    """Its own bytes paid, and it was away for longer than it is given to come back."""
    payment = await owe_payment(scratch)
    await tamper(
        scratch,
        "INSERT INTO envelopes (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger)"
        " VALUES (:hash, :hash, :id, 1, 'A', 100, 1)",
        hash=OURS,
        id=payment.id,
    )
    listener.fake_history.transfers.append(
        make_transfer(OURS, LATEST - GRACE_LEDGERS, payment.number, payment.amount_stroops, PAYEE)
    )
    (break_id,) = (await found(scratch, listener)).values()
    with pytest.raises(Conflict, match="the engine's own bytes"):
        await close(scratch, break_id, AdjustmentKind.SUSPENSE)
    await store_confirmation(scratch, payment, OURS, LATEST - GRACE_LEDGERS)
    with pytest.raises(Conflict, match="the transfer was confirmed meanwhile"):
        await close(scratch, break_id, AdjustmentKind.SUSPENSE)
    await close(scratch, break_id, AdjustmentKind.NONE)
    assert (await read_balances(scratch))["treasury:GBOND"] == -(await on_chain(scratch))


async def test_a_row_that_was_changed_moves_no_money_when_its_break_is_closed(
    scratch: Database, listener: ReconciliationDriver
) -> None:
    """The entries say what the chain says; only the row beside them does not."""
    payment = await owe_payment(scratch)
    await store_confirmation(scratch, payment, OURS, 500)
    listener.fake_history.transfers.append(
        make_transfer(OURS, 500, payment.number, payment.amount_stroops, PAYEE)
    )
    await tamper(
        scratch,
        "UPDATE payments SET amount_stroops = amount_stroops + 1, to_address = 'GTHIEF'"
        " WHERE id = :id",
        id=payment.id,
    )
    (break_id,) = (await found(scratch, listener)).values()
    before = await read_balances(scratch)
    with pytest.raises(Invalid, match="no difference to post"):
        await close(scratch, break_id, AdjustmentKind.SUSPENSE)
    assert (await close(scratch, break_id, AdjustmentKind.NONE)).closed_by == "ada"
    assert await read_balances(scratch) == before


async def test_what_entries_imagine_goes_to_suspense_once(
    scratch: Database, listener: ReconciliationDriver
) -> None:
    payment = await owe_payment(scratch)
    await store_confirmation(scratch, payment, OURS, 500)
    (break_id,) = (await found(scratch, listener)).values()
    closed = await close(scratch, break_id, AdjustmentKind.SUSPENSE)
    assert await close(scratch, break_id, AdjustmentKind.SUSPENSE) == closed
    after = await read_balances(scratch)
    assert after["suspense:reconciliation"] == -payment.amount_stroops
    assert after.get("treasury:GBOND", 0) == -(await on_chain(scratch)) == 0
    async with scratch.autocommit() as connection:
        assert sum((await breaks.count_open_by_kind(connection)).values()) == 0


async def test_two_who_close_a_break_at_once_close_it_once_and_it_is_known_who(
    scratch: Database, listener: ReconciliationDriver
) -> None:
    listener.fake_history.transfers.append(make_transfer(THEIRS, 500, None, 7, "GSTRANGER"))
    (break_id,) = (await found(scratch, listener)).values()
    await assign_break(break_id, OwnerBody(owner="Ada"), scratch, Request("bob", "corr"))
    said = await asyncio.gather(
        *(close(scratch, break_id, AdjustmentKind.SUSPENSE, who) for who in ("ada", "eve")),
        return_exceptions=True,
    )
    (closed,) = [each for each in said if isinstance(each, BreakRecord)]
    (refused,) = [each for each in said if isinstance(each, Conflict)]
    assert str(refused) == f"break {break_id} was closed by {closed.closed_by}"
    assert (await read_balances(scratch))["suspense:reconciliation"] == 7
    async with scratch.autocommit() as connection:
        trail = await audit.read_trail(connection, f"break/{break_id}")
    assert [entry["action"] for entry in trail] == ["break.found", "break.assigned", "break.closed"]
    assert trail[1]["evidence"]["owner"] == "Ada"
    assert trail[2]["evidence"]["closed_by"] == closed.closed_by
    assert trail[2]["evidence"]["entry_id"] == closed.entry_id
    with pytest.raises(Conflict, match="is closed"):
        await assign_break(break_id, OwnerBody(owner="Bob"), scratch, Request("bob", "corr"))
