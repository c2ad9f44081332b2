"""Payments taken together by hand, without the lives around them: gathered, landed, looked at."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from activities.batches import BatchActivities
from activities.limits import Gate
from activities.payments import PaymentActivities
from adapters.postgres import batches
from adapters.postgres.database import Database
from adapters.postgres.tables import payments as rows_of_payments
from adapters.stellar.keys import Keys
from adapters.stellar.rail import Rail
from domain.attempts import SettlementRail
from domain.batches import Batch, BatchSighting, Plan
from domain.errors import TryAgain
from domain.payments import Payment
from sandbox.stack import Stack
from tests import witness
from tests.owing import NOW

CLASSIC = Plan(SettlementRail.CLASSIC, 0)
NETTED = Plan(SettlementRail.CLASSIC, 3600)


async def patiently(step: Callable[[Any], Awaitable[Any]], message: Any) -> Any:
    """Run a step as its life does: again, whenever it asks for that."""
    for _ in range(10):
        try:
            return await step(message)
        except TryAgain:
            continue
    raise AssertionError(f"{step} never came to an end")


async def gathered(
    database: Database, rail: Rail, plan: Plan, *owed: Payment, gate: Gate | None = None
) -> tuple[BatchActivities, Batch]:
    """Make payments ready, each twice, and take them together."""
    steps = PaymentActivities(database, rail, gathers=True)
    for payment in [*owed, *owed]:
        assert (await steps.prepare_payment(payment)).gathered
    async with database.transaction() as connection:
        # As seen an hour later, so that every window has passed.
        batch = await batches.gather(connection, plan, _later(), rail.channels)
    assert batch is not None
    return BatchActivities(database, rail, plan, gate), batch


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=2)


async def landed(steps: BatchActivities, batch: Batch) -> BatchSighting:
    """Sign, send and watch, each step twice."""
    preparation = await patiently(steps.prepare_batch, batch)
    again = await steps.prepare_batch(batch)
    assert preparation.attempt is not None
    assert again.attempt is not None
    assert again.attempt.envelope_xdr == preparation.attempt.envelope_xdr
    for _ in range(2):
        await steps.submit_payment(preparation.attempt)
    observation = await steps.observe_payment(preparation.attempt)
    return BatchSighting(batch, preparation.attempt, observation, NOW)


def keys_of(rail: Rail, *, only: str = "", without: str = "") -> Keys:
    """What is held of a rail's keys when others were lost."""
    held = {
        address: pair
        for address, pair in rail.keys.channels.items()
        if address != without and only in ("", address)
    }
    return replace(rail.keys, channels=held)


async def states(database: Database, *owed: Payment) -> list[tuple[str, str | None]]:
    async with database.autocommit() as connection:
        found = await connection.execute(
            select(rows_of_payments).where(rows_of_payments.c.id.in_([p.id for p in owed]))
        )
        rows = {row.id: row for row in found}
    return [(rows[payment.id].status, rows[payment.id].status_reason) for payment in owed]


async def on_chain(stack: Stack, *owed: Payment) -> list[int]:
    """Return how often the chain credited each payment's number."""
    seen = Counter(t.number for t in await witness.transfers(stack.environment["STELLAR_RPC_URL"]))
    return [seen[payment.number] for payment in owed]
