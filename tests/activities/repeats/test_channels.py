"""Activities that reserve and release channels may run twice, or late."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import select, update

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts as reservations
from adapters.postgres.settlement import channels as channel_rows
from adapters.postgres.settlement import envelopes, payments
from adapters.postgres.tables import channels
from adapters.stellar.rail import Rail
from domain.access.scopes import EVERYTHING
from domain.errors import TryAgain
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import (
    AwaitingChannel,
    ObservedAttempt,
    SettlementRail,
)
from domain.settlement.payments import (
    Payment,
    PaymentStatus,
)
from tests.activities.test_repeats import judge_outage, pay
from tests.testkit.api_client import make_unique_id
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.payment_factory import make_owe_input
from tests.testkit.settlement.preparations import get_attempt

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


async def owe(database: Database, prefix: str) -> Payment:
    outage_id = make_unique_id(prefix)
    activities = await judge_outage(database, outage_id, 5)
    return (await activities.owe_payment(await make_owe_input(database, outage_id))).payment


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
                (await channel_rows.get_queue_position(connection, p.id, rail.channels)).ahead
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
        assert (await payments.get(connection, first.id, EVERYTHING)).status == "pending"
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
        row = await payments.get(connection, payment.id, EVERYTHING)
    assert (row.status, row.transaction_hash) == ("confirmed", receipt.transaction_hash)
