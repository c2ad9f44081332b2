"""What a break left in suspense is cleared once, by an entry of its own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from api.routes.accounting.break_resolutions import (
    BreakResolutionView,
    ResolveBreakBody,
    resolve_break,
    show_break_resolution,
)
from devstack.environment.stack import Stack
from domain.accounting.break_resolutions import BreakResolutionOutcome
from domain.accounting.breaks import AdjustmentKind, BreakClosure, BreakKind
from domain.errors import Conflict, Invalid, NotFound
from domain.requests import Request
from services.accounting.breaks.close_break import CloseBreak, close_break
from tests.api.routes.accounting.test_reconciliation import found, read_balances
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import (
    FakeChainHistory,
    ReconciliationDriver,
    make_transfer,
    store_confirmation,
)
from tests.testkit.settlement.payment_factory import owe_payment

STRANGER = "GSTRANGER"
LOST = 30_000_000


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture
def listener(scratch: Database) -> ReconciliationDriver:
    return ReconciliationDriver(scratch, FakeChainHistory(latest=1000))


async def unexpected_outflow(scratch: Database, listener: ReconciliationDriver) -> str:
    """Money that left without a number; its break."""
    listener.fake_history.transfers.append(make_transfer("bb" * 32, 500, None, LOST, STRANGER))
    return (await found(scratch, listener))[BreakKind.UNEXPECTED_OUTFLOW]


async def close(
    scratch: Database, break_id: str, kind: AdjustmentKind = AdjustmentKind.SUSPENSE
) -> None:
    closing = BreakClosure(kind, "looked at", "ada", datetime.now(UTC))
    await close_break(scratch, CloseBreak(break_id, closing, Request("ada", "corr")))


async def clear(
    scratch: Database, break_id: str, outcome: BreakResolutionOutcome, who: str = "ada"
) -> BreakResolutionView:
    body = ResolveBreakBody(outcome=outcome, note="ticket 7")
    return await resolve_break(break_id, body, scratch, Request(who, "corr"))


async def check(scratch: Database) -> list[str]:
    async with scratch.transaction() as connection:
        broken = await invariants.check(connection, timedelta(days=36500))
    return [f"{each.invariant}: {each.detail}" for each in broken]


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        (BreakResolutionOutcome.RECOVERED, {}),
        (BreakResolutionOutcome.WRITTEN_OFF, {"expense:reconciliation": LOST}),
    ],
)
async def test_money_leaves_suspense_once(
    scratch: Database,
    listener: ReconciliationDriver,
    outcome: BreakResolutionOutcome,
    left: dict[str, int],
) -> None:
    break_id = await unexpected_outflow(scratch, listener)
    await close(scratch, break_id)
    assert (await read_balances(scratch))["suspense:reconciliation"] == LOST
    assert await show_break_resolution(break_id, scratch) is None
    answers = await asyncio.gather(*(clear(scratch, break_id, outcome) for _ in range(3)))
    assert (answers[0].amount, answers[0].amount_stroops) == (3, str(LOST))
    assert answers[0] == answers[1] == answers[2] == await show_break_resolution(break_id, scratch)
    gone = {} if outcome is BreakResolutionOutcome.RECOVERED else {"treasury:GBOND": -LOST}
    assert await read_balances(scratch) == left | gone
    assert await check(scratch) == []
    async with scratch.autocommit() as connection:
        leaves = await connection.scalars(
            text("SELECT action FROM audit_entries WHERE subject = :id"),
            {"id": f"break/{break_id}"},
        )
        assert list(leaves) == ["break.found", "break.closed", "break.resolved"]


async def test_what_was_said_of_it_stands(
    scratch: Database, listener: ReconciliationDriver
) -> None:
    break_id = await unexpected_outflow(scratch, listener)
    await close(scratch, break_id)
    await clear(scratch, break_id, BreakResolutionOutcome.WRITTEN_OFF)
    with pytest.raises(Conflict, match="was resolved by ada: written_off"):
        await clear(scratch, break_id, BreakResolutionOutcome.RECOVERED)
    with pytest.raises(Conflict, match="was resolved by ada: written_off"):
        await clear(scratch, break_id, BreakResolutionOutcome.WRITTEN_OFF, "bob")
    for statement in ("DELETE FROM break_resolutions", "UPDATE break_resolutions SET note = 'y'"):
        with pytest.raises(IntegrityError):
            async with scratch.transaction() as connection:
                await connection.execute(text(statement))


async def test_what_left_nothing_in_suspense_is_not_cleared(
    scratch: Database, listener: ReconciliationDriver
) -> None:
    break_id = await unexpected_outflow(scratch, listener)
    for _ in range(2):
        with pytest.raises(Conflict, match="left nothing in suspense"):
            await clear(scratch, break_id, BreakResolutionOutcome.RECOVERED)
        await close(scratch, break_id, AdjustmentKind.NONE)
    with pytest.raises(NotFound):
        await clear(scratch, "brk_nobody", BreakResolutionOutcome.RECOVERED)
    assert await read_balances(scratch) == {}


async def test_a_gain_is_not_a_loss(scratch: Database, listener: ReconciliationDriver) -> None:
    """The journal had paid what the chain never moved: that is still owed to somebody."""
    payment = await owe_payment(scratch)
    await store_confirmation(scratch, payment, "cc" * 32, 500)
    break_id = (await found(scratch, listener))[BreakKind.MISSING_ON_CHAIN]
    await close(scratch, break_id)
    before = await read_balances(scratch)
    with pytest.raises(Invalid, match="the treasury holds more than the journal says"):
        await clear(scratch, break_id, BreakResolutionOutcome.WRITTEN_OFF)
    assert await read_balances(scratch) == before
