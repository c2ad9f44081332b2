"""What a break left in suspense is cleared once, by an entry of its own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres import invariants
from adapters.postgres.database import Database
from api.clearings import ClearingBody, ClearingView, clear_break, show_clearing
from domain.auth import Principal, Role
from domain.breaks import BreakKind, Closing, ClosingKind
from domain.clearings import Outcome
from domain.errors import Conflict, Invalid, NotFound
from domain.outages import Request
from domain.reconciliation import Extent
from sandbox.stack import Stack
from services.accounting.breaks.close_break import CloseBreak, close_break
from tests import stacks
from tests.api.test_reconciliation import found, held
from tests.owing import payment_owed
from tests.telling import Listener, confirmed, told

STRANGER = "GSTRANGER"
LOST = 30_000_000
ADA = Principal("ada", Role.ADMIN)


@pytest.fixture
async def book(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.scratch(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def listener(book: Database) -> Listener:
    made = Listener(book)
    made.teller.extent_told = Extent(1, 1000)
    return made


async def orphan(book: Database, listener: Listener) -> str:
    """Money that left without a number; its break."""
    listener.teller.transfers.append(told("bb" * 32, 500, None, LOST, STRANGER))
    return (await found(book, listener))[BreakKind.ORPHAN]


async def close(book: Database, break_id: str, kind: ClosingKind = ClosingKind.SUSPENSE) -> None:
    closing = Closing(kind, "looked at", "ada", datetime.now(UTC))
    await close_break(book, CloseBreak(break_id, closing, Request("ada", "corr")))


async def clear(book: Database, break_id: str, outcome: Outcome, who: str = "ada") -> ClearingView:
    body = ClearingBody(outcome=outcome, note="ticket 7")
    return await clear_break(break_id, body, book, Request(who, "corr"))


async def check(book: Database) -> list[str]:
    async with book.transaction() as connection:
        broken = await invariants.check(connection, timedelta(days=36500))
    return [f"{each.invariant}: {each.detail}" for each in broken]


@pytest.mark.parametrize(
    ("outcome", "left"),
    [(Outcome.RECOVERED, {}), (Outcome.WRITTEN_OFF, {"expense:reconciliation": LOST})],
)
async def test_money_leaves_suspense_once(
    book: Database, listener: Listener, outcome: Outcome, left: dict[str, int]
) -> None:
    break_id = await orphan(book, listener)
    await close(book, break_id)
    assert (await held(book))["suspense:reconciliation"] == LOST
    assert await show_clearing(break_id, book, ADA) is None
    answers = await asyncio.gather(*(clear(book, break_id, outcome) for _ in range(3)))
    assert (answers[0].amount, answers[0].amount_stroops) == ("3", str(LOST))
    assert answers[0] == answers[1] == answers[2] == await show_clearing(break_id, book, ADA)
    gone = {} if outcome is Outcome.RECOVERED else {"treasury:bond": -LOST}
    assert await held(book) == left | gone
    assert await check(book) == []
    async with book.autocommit() as connection:
        leaves = await connection.scalars(
            text("SELECT action FROM audit_leaves WHERE subject = :id"), {"id": f"break/{break_id}"}
        )
        assert list(leaves) == ["break.found", "break.closed", "break.cleared"]


async def test_what_was_said_of_it_stands(book: Database, listener: Listener) -> None:
    break_id = await orphan(book, listener)
    await close(book, break_id)
    await clear(book, break_id, Outcome.WRITTEN_OFF)
    with pytest.raises(Conflict, match="was cleared by ada: written_off"):
        await clear(book, break_id, Outcome.RECOVERED)
    with pytest.raises(Conflict, match="was cleared by ada: written_off"):
        await clear(book, break_id, Outcome.WRITTEN_OFF, "bob")
    for statement in ("DELETE FROM clearings", "UPDATE clearings SET note = 'y'"):
        with pytest.raises(IntegrityError):
            async with book.transaction() as connection:
                await connection.execute(text(statement))


async def test_what_left_nothing_in_suspense_is_not_cleared(
    book: Database, listener: Listener
) -> None:
    break_id = await orphan(book, listener)
    for _ in range(2):
        with pytest.raises(Conflict, match="left nothing in suspense"):
            await clear(book, break_id, Outcome.RECOVERED)
        await close(book, break_id, ClosingKind.NONE)
    with pytest.raises(NotFound):
        await clear(book, "brk_nobody", Outcome.RECOVERED)
    assert await held(book) == {}


async def test_a_gain_is_not_a_loss(book: Database, listener: Listener) -> None:
    """The book had paid what the chain never moved: that is still owed to somebody."""
    payment = await payment_owed(book)
    await confirmed(book, payment, "cc" * 32, 500)
    break_id = (await found(book, listener))[BreakKind.MISSING_ON_CHAIN]
    await close(book, break_id)
    before = await held(book)
    with pytest.raises(Invalid, match="the treasury holds more than the journal says"):
        await clear(book, break_id, Outcome.WRITTEN_OFF)
    assert await held(book) == before
