"""
Activity runs that overlap or come late: what a run found is no longer true when
it is stored. Nobody is paid by an envelope signed for others, or blocked with a live envelope.
"""

import asyncio
from contextlib import suppress

import httpx
from sqlalchemy import select, text, update

from activities.settlement.direct_settlement import make_payment_directly
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    attempts,
    payments,
)
from adapters.postgres.tables import channels
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.reasons import ReasonCode
from domain.settlement.attempts import (
    AttemptOutcome,
    Observation,
    ObservedAttempt,
)
from domain.settlement.payments import PaymentStatus, Receipt
from tests.activities.settlement.test_circuit_breakers import close_circuit_breaker
from tests.testkit.accounting import chain_history
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    form_batch,
    read_statuses,
    submit_batch,
)
from tests.testkit.settlement.payment_factory import NOW, open_rail, owe_payment
from tests.testkit.settlement.preparations import get_attempt

FOREIGN = Observation(AttemptOutcome.FOREIGN, reason="consumed by bytes we do not know")


async def test_a_payment_is_not_blocked_while_its_envelope_is_stored(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "STOPPED")
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    await activities.submit_payment(attempt)

    async def stop() -> bool:
        async with database.transaction() as connection:
            return await payments.stop(
                connection,
                payment.id,
                PaymentStatus.BLOCKED,
                make_reason("found late"),
                attempt.max_ledger,
            )

    async with database.transaction() as connection:
        # As if the envelope before had been proven expired.
        await connection.execute(
            text("UPDATE attempts SET max_ledger = max_ledger + 1 WHERE payment_id = :id"),
            {"id": payment.id},
        )
        stopping = asyncio.create_task(stop())
        await wait_for_lock(database, stopping)
    assert await stopping is False
    assert await read_statuses(database, payment) == [("submitted", None)]


async def test_a_payment_that_three_drive_at_once_is_made_once(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """The activity that the server gave up, the one that follows it, and the workflow of the payment."""
    payment = await owe_payment(database, "DRIVEN", 5)
    other = open_rail(stack)
    ours, theirs = (PaymentActivitiesImpl(database, each) for each in (rail, other))

    async def drive(steps: PaymentActivitiesImpl) -> Receipt:
        while True:
            with suppress(TryAgain):
                if (receipt := await make_payment_directly(steps, payment)) is not None:
                    return receipt

    async with asyncio.timeout(60):
        receipts = await asyncio.gather(*(drive(each) for each in (ours, ours, theirs)))
    await other.close()
    assert len({receipt.transaction_hash for receipt in receipts}) == 1
    moved = await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    assert [transfer.number for transfer in moved].count(payment.number) == 1
    async with database.autocommit() as connection:
        audited = await connection.scalar(
            text(
                "SELECT count(*) FROM audit_entries WHERE action = 'payment.confirmed' AND subject = :id"
            ),
            {"id": f"outage/{payment.outage_id}"},
        )
    assert audited == 1


async def wait_for_lock(database: Database, task: "asyncio.Task[bool]") -> None:
    async with asyncio.timeout(10):
        while not task.done():
            async with database.autocommit() as connection:
                waiting = await connection.scalar(
                    text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                )
            if waiting:
                return
            await asyncio.sleep(0.02)


async def test_a_blocked_payment_whose_envelope_lands_is_confirmed(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """The chain has paid, and no status in the database keeps that from being posted."""
    owed = [await owe_payment(database, "TRUTH") for _ in range(2)]
    activities, batch = await form_batch(database, rail, CLASSIC, *owed)
    observed = await submit_batch(activities, batch)
    async with database.autocommit() as connection:
        late = {"reason_code": ReasonCode.PAYEE_MISSING, "status_reason": "late"}
        await payments.move(connection, owed[0].id, PaymentStatus.BLOCKED, **late)
    await activities.confirm_batch(observed)
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2


async def test_a_late_run_does_not_quarantine_a_released_channel(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe_payment(database, "RELEASED")
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    observed = ObservedAttempt(payment, attempt, FOREIGN, NOW)
    await activities.quarantine_payment(observed)
    assert await is_quarantined(database, attempt.channel)
    released = Observation(AttemptOutcome.FAILED_RETRY, reason="released")
    await activities.fail_attempt(ObservedAttempt(payment, attempt, released, NOW))
    async with database.transaction() as connection:
        await connection.execute(
            update(channels)
            .where(channels.c.address == attempt.channel)
            .values(quarantined=False, sequence=attempt.sequence - 1)
        )
        await attempts.release_sequence(connection, attempt)
    await close_circuit_breaker(database, activities.gate.circuit_breaker)
    await activities.quarantine_payment(observed)
    assert not await is_quarantined(database, attempt.channel)
    assert await activities.gate.circuit_breaker.reason() is None
    assert [status for status, _ in await read_statuses(database, payment)] == ["pending"]


async def is_quarantined(database: Database, channel: str) -> bool:
    async with database.autocommit() as connection:
        return bool(
            await connection.scalar(
                select(channels.c.quarantined).where(channels.c.address == channel)
            )
        )
