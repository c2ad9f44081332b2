"""
Every activity may run twice: a worker that dies between an activity and the record of its result leaves the
activity done and its result lost. Here each activity of whole workflows runs twice, the second time a while
later, on the real database and the real chain; the world must look as if each had run once.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from activities.settlement.payments import PaymentActivitiesImpl
from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts as reservations
from adapters.postgres.settlement import channels as channel_rows
from adapters.postgres.settlement import envelopes, payments
from adapters.postgres.tables import attempts, audit_entries, channels, events, postings
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.requests import Request
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import (
    AlreadyPaid,
    AttemptOutcome,
    AwaitingChannel,
    ObservedAttempt,
    SettlementRail,
)
from domain.settlement.payments import (
    CloseOutageInput,
    Payment,
    PaymentStatus,
    Receipt,
)
from domain.sla.disputes import (
    DecideDisputeInput,
    Dispute,
    DisputeDecision,
    FileDisputeInput,
)
from domain.sla.outages import Declaration, JudgeOutageInput, Outage, RecordOutageInput, Resolution
from domain.sla.verdicts import Severity
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import make_unique_id
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.payment_factory import make_owe_input
from tests.testkit.settlement.preparations import get_attempt

Message = TypeVar("Message")
Answer = TypeVar("Answer")
ASKER = Request("tester", "corr-repeats")
DETECTED = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


async def run_twice(step: Callable[[Message], Awaitable[Answer]], message: Any) -> Answer:
    """Run an activity, lose its result, and run it again when the clock has moved on."""
    first = await step(message)
    later = (
        replace(message, at=message.at + timedelta(seconds=7))
        if hasattr(message, "at")
        else message
    )
    again = await step(later)
    if not hasattr(first, "created"):
        assert again == first
    return again


async def judge_outage(database: Database, outage_id: str, minutes: int) -> OutageActivitiesImpl:
    """Declare and judge an outage, each activity twice."""
    activities = OutageActivitiesImpl(database, "sandbox")
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    declaration = Declaration(outage, ASKER, "standard", "default")
    recorded = await run_twice(activities.record_outage, RecordOutageInput(declaration, NOW))
    assert recorded.policy_version == 1
    resolution = Resolution(ASKER, DETECTED + timedelta(minutes=minutes))
    await run_twice(activities.judge_outage, JudgeOutageInput(outage_id, resolution, 60, NOW))
    return activities


async def pay(activities: PaymentActivitiesImpl, payment: Payment) -> Receipt:
    """Make a payment as its workflow does, each activity twice, and then the whole of it again."""
    attempt = get_attempt(await activities.prepare_payment(payment))
    again = get_attempt(await activities.prepare_payment(payment))
    assert again.envelope_xdr == attempt.envelope_xdr
    for _ in range(2):
        await activities.submit_payment(attempt)
    observation = await activities.observe_payment(attempt)
    assert observation.outcome is AttemptOutcome.SUCCEEDED
    resumed = await activities.observe_payment(replace(attempt, resumed=True))
    assert resumed.outcome is AttemptOutcome.SUCCEEDED
    receipt = await run_twice(
        activities.confirm_payment, ObservedAttempt(payment, attempt, observation, NOW)
    )
    assert await activities.prepare_payment(payment) == AlreadyPaid(receipt)
    return receipt


async def count_rows(database: Database, statement: Any) -> int:
    async with database.autocommit() as connection:
        return await connection.scalar(statement) or 0


async def test_an_outage_whose_every_activity_runs_twice_is_settled_once(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    outage_id = make_unique_id("TWICE")
    activities = await judge_outage(database, outage_id, 25)
    payment = await run_twice(activities.owe_payment, await make_owe_input(database, outage_id))
    receipt = await pay(PaymentActivitiesImpl(database, rail), payment)
    await run_twice(
        activities.close_outage, CloseOutageInput(outage_id, receipt, "corr-repeats", NOW)
    )

    leaves = await count_rows(
        database,
        select(func.count()).where(audit_entries.c.subject == f"outage/{outage_id}"),
    )
    assert leaves == 5  # declared, judged, owed, confirmed, closed
    happened = await count_rows(
        database, select(func.count()).where(events.c.outage_id == outage_id)
    )
    assert happened == 5  # created, resolved, breached, processed, closed
    tried = await count_rows(
        database, select(func.count()).where(attempts.c.payment_id == payment.id)
    )
    assert tried == 1
    assert await count_rows(database, select(func.sum(postings.c.amount_stroops))) == 0
    moved = Counter(
        t.number for t in await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    )
    assert moved[payment.number] == 1


async def test_a_confirmed_payment_can_never_be_attempted_again(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """The database itself refuses, whatever the code above it believes."""
    outage_id = make_unique_id("PAID")
    activities = await judge_outage(database, outage_id, 5)
    payment = await activities.owe_payment(await make_owe_input(database, outage_id))
    await pay(PaymentActivitiesImpl(database, rail), payment)
    with pytest.raises(IntegrityError, match="uq_attempts_one_live"):
        await add_attempt(database, payment.id)


async def add_attempt(database: Database, payment_id: str) -> None:
    async with database.transaction() as connection:
        channel = await connection.scalar(select(channels.c.address).limit(1))
        await connection.execute(
            insert(attempts).values(
                payment_id=payment_id, n=2, channel=channel, sequence=2**40, status="open"
            )
        )


async def owe(database: Database, prefix: str) -> Payment:
    outage_id = make_unique_id(prefix)
    activities = await judge_outage(database, outage_id, 5)
    return await activities.owe_payment(await make_owe_input(database, outage_id))


async def test_a_payment_that_finds_every_channel_busy_learns_when_to_ask_again(
    database: Database, rail: Rail
) -> None:
    """It gets a place in the queue and reserves nothing; those that wait longer come first."""
    activities = PaymentActivitiesImpl(database, rail)
    first, second = await owe(database, "FIRST"), await owe(database, "SECOND")
    async with database.autocommit() as connection:
        free = await connection.execute(
            select(channels.c.address).where(channels.c.payment_id.is_(None))
        )
        idle = [row.address for row in free]
        await connection.execute(
            update(channels).where(channels.c.address.in_(idle)).values(quarantined=True)
        )
    try:
        asked = [await activities.prepare_payment(payment) for payment in (first, second)]
        async with database.autocommit() as connection:
            ahead = [
                (await channel_rows.get_queue_position(connection, p.number, rail.channels)).ahead
                for p in (first, second)
            ]
    finally:
        async with database.autocommit() as connection:
            await connection.execute(
                update(channels).where(channels.c.address.in_(idle)).values(quarantined=False)
            )
    assert ahead[1] == ahead[0] + 1
    assert all(isinstance(each, AwaitingChannel) for each in asked)
    async with database.autocommit() as connection:
        assert (await payments.get(connection, first.id))["status"] == "pending"
    get_attempt(await activities.prepare_payment(first))


async def test_an_overtaken_run_releases_nothing(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """One run finds an obstacle, and meanwhile another has stored an envelope: the payment keeps it."""
    payment = await owe(database, "OVERTAKEN")
    async with database.autocommit() as connection:
        stale = await reservations.reserve(connection, payment.id, rail.channels)
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    async with database.autocommit() as connection:
        await reservations.release(connection, stale)
        reservation = await reservations.reserve(connection, payment.id, rail.channels)
    assert (reservation.channel, reservation.sequence) == (attempt.channel, attempt.sequence)
    assert reservation.envelope is not None
    assert reservation.envelope.inner_hash == attempt.hash
    await pay(activities, payment)


async def test_an_envelope_for_a_released_channel_is_not_stored(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe(database, "GIVEN-BACK")
    async with database.autocommit() as connection:
        stale = await reservations.reserve(connection, payment.id, rail.channels)
        signed = await rail.sign(
            [make_single_transfer(payment)],
            SettlementRail.SOROBAN,
            stale.channel,
            stale.sequence,
            0,
        )
        await reservations.release(connection, stale)
        reservation = await reservations.reserve(connection, payment.id, rail.channels)
        assert reservation.n == stale.n
        assert reservation.channel != stale.channel
        with pytest.raises(TryAgain):
            await envelopes.store(connection, stale, signed)
    await pay(PaymentActivitiesImpl(database, rail), payment)


async def test_a_quarantined_payment_proven_paid_is_confirmed(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await owe(database, "FOUND")
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    await activities.submit_payment(attempt)
    async with database.autocommit() as connection:
        assert await payments.stop(
            connection, payment.id, PaymentStatus.QUARANTINED, make_reason("unknown bytes")
        )
    observation = await activities.observe_payment(attempt)
    receipt = await activities.confirm_payment(ObservedAttempt(payment, attempt, observation, NOW))
    async with database.autocommit() as connection:
        row = await payments.get(connection, payment.id)
    assert (row["status"], row["transaction_hash"]) == ("confirmed", receipt.transaction_hash)


async def test_a_dispute_whose_every_activity_runs_twice_is_decided_once(
    api: httpx.AsyncClient, database: Database
) -> None:
    outage_id = make_unique_id("RULED")
    await judge_outage(database, outage_id, 25)
    activities = DisputeActivitiesImpl(database, "sandbox")
    dispute = Dispute(make_unique_id("dsp"), outage_id, "measured wrongly", ASKER)
    filed = await run_twice(activities.file_dispute, FileDisputeInput(dispute, 1, 60, NOW))
    # A repeated dispute, whose first answer was lost, finds the one on record.
    other = FileDisputeInput(replace(dispute, id=make_unique_id("dsp")), 1, 60, NOW)
    assert (await activities.file_dispute(other)).dispute_id == filed.dispute_id

    decision = DisputeDecision(dispute.id, True, ASKER, "it was 5", 5)
    ruled = await run_twice(
        activities.decide_dispute, DecideDisputeInput(outage_id, dispute.id, decision, NOW)
    )
    assert (ruled.revision, ruled.verdict.amount) == (2, 1500)
    harsher = replace(decision, mttr_minutes=200)
    stands = await activities.decide_dispute(
        DecideDisputeInput(outage_id, dispute.id, harsher, NOW)
    )
    assert stands.verdict == ruled.verdict
