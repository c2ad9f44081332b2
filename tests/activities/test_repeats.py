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
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from activities.settlement.payments import PaymentActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.tables import attempts, audit_entries, channels, events, postings
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.requests import Request
from domain.settlement.attempts import (
    AlreadyPaid,
    AttemptOutcome,
    ObservedAttempt,
)
from domain.settlement.payments import (
    CloseOutageInput,
    Payment,
    Receipt,
)
from domain.sla.outages import Declaration, JudgeOutageInput, Outage, RecordOutageInput, Resolution
from domain.sla.verdicts import Severity
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import make_unique_id
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
    owed = await run_twice(activities.owe_payment, await make_owe_input(database, outage_id))
    payment = owed.payment
    receipt = await pay(PaymentActivitiesImpl(database, rail), payment)
    await run_twice(
        activities.close_outage, CloseOutageInput(outage_id, receipt, "corr-repeats", NOW)
    )

    leaves = await count_rows(
        database,
        select(func.count()).where(audit_entries.c.subject == f"outage/{outage_id}"),
    )
    assert leaves == 6  # declared, judged, owed, submitted, confirmed, closed
    happened = await count_rows(
        database, select(func.count()).where(events.c.outage_id == outage_id)
    )
    assert happened == 6  # created, resolved, breached, submitted, processed, closed
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
    payment = (await activities.owe_payment(await make_owe_input(database, outage_id))).payment
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
