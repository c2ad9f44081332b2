"""Batches without their workflows: form one, submit it, read what became of its payments."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import select

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import batches
from adapters.postgres.tables import payments as rows_of_payments
from adapters.stellar.rail import Rail
from adapters.stellar.signing.keys import Keys
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.settlement.attempts import InBatch, SettlementRail
from domain.settlement.batches import Batch, ObservedBatch, Plan
from domain.settlement.payments import Payment
from tests.testkit.accounting import chain_history
from tests.testkit.settlement.payment_factory import NOW
from tests.testkit.settlement.preparations import get_attempt

Message = TypeVar("Message")
Result = TypeVar("Result")

CLASSIC = Plan(SettlementRail.CLASSIC, 0)
NETTED = Plan(SettlementRail.CLASSIC, 3600)


async def run_until_accepted(
    activity: Callable[[Message], Awaitable[Result]], message: Message
) -> Result:
    """Run an activity as its workflow does: again, whenever it asks for that."""
    for _ in range(10):
        try:
            return await activity(message)
        except TryAgain:
            continue
    raise AssertionError(f"{activity} never ended")


async def form_batch(
    database: Database, rail: Rail, plan: Plan, *owed: Payment, gate: SigningGate | None = None
) -> tuple[BatchActivitiesImpl, Batch]:
    """Prepare payments for batching, each twice, and form a batch of them."""
    activities = PaymentActivitiesImpl(database, rail, batches_payments=True)
    for payment in [*owed, *owed]:
        assert isinstance(await activities.prepare_payment(payment), InBatch)
    async with database.transaction() as connection:
        # Two hours later, when every netting window has passed.
        batch = await batches.form_batch(connection, plan, _get_time_after_windows(), rail.channels)
    assert batch is not None
    return BatchActivitiesImpl(database, rail, plan, gate), batch


def _get_time_after_windows() -> datetime:
    return datetime.now(UTC) + timedelta(hours=2)


async def submit_batch(activities: BatchActivitiesImpl, batch: Batch) -> ObservedBatch:
    """Sign, send and observe a batch, each activity twice."""
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    again = get_attempt(await activities.prepare_batch(batch))
    assert again.envelope_xdr == attempt.envelope_xdr
    for _ in range(2):
        await activities.submit_payment(attempt)
    observation = await activities.observe_payment(attempt)
    return ObservedBatch(batch, attempt, observation, NOW)


def select_keys(rail: Rail, *, only: str = "", without: str = "") -> Keys:
    """Return a rail's keys without some of its channels' keys."""
    kept = {
        address: pair
        for address, pair in rail.keys.channels.items()
        if address != without and only in ("", address)
    }
    return replace(rail.keys, channels=kept)


async def read_statuses(database: Database, *owed: Payment) -> list[tuple[str, str | None]]:
    async with database.autocommit() as connection:
        found = await connection.execute(
            select(rows_of_payments).where(rows_of_payments.c.id.in_([p.id for p in owed]))
        )
        rows = {row.id: row for row in found}
    return [(rows[payment.id].status, rows[payment.id].status_reason) for payment in owed]


async def count_credits(stack: Stack, *owed: Payment) -> list[int]:
    """Return how often the chain credited each payment's number."""
    seen = Counter(
        t.number for t in await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    )
    return [seen[payment.number] for payment in owed]
