"""A batch uses only channels whose key is known, and waits for a key that is missing."""

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    batches,
)
from adapters.postgres.tables import allocations as rows_of_allocations
from adapters.postgres.tables import attempts as rows_of_attempts
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.attempts import (
    AlreadyPaid,
    AttemptOutcome,
)
from domain.settlement.batches import ObservedBatch
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    count_credits,
    form_batch,
    read_statuses,
    run_until_accepted,
    select_keys,
    submit_batch,
)
from tests.testkit.settlement.expired_envelopes import (
    wait_until_expired,
)
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason

Patch = pytest.MonkeyPatch


async def test_a_batch_takes_only_a_channel_with_a_known_key(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    owed = [await owe_payment(database, "BATCH-KEYS") for _ in range(3)]
    activities, batch = await form_batch(database, rail, CLASSIC, owed[0])
    used = await submit_batch(activities, batch)
    await activities.confirm_batch(used)
    # Any other channel would be taken before the one used last.
    monkeypatch.setattr(rail, "keys", select_keys(rail, only=used.attempt.channel))
    activities, batch = await form_batch(database, rail, CLASSIC, *owed[1:])
    observed = await submit_batch(activities, batch)
    assert observed.attempt.channel == used.attempt.channel
    async with database.transaction() as connection:
        none = select_keys(rail, without=used.attempt.channel).channels
        assert (
            await batches.form_batch(connection, CLASSIC, NOW.replace(year=2100), list(none))
            is None
        )
    await activities.confirm_batch(observed)
    assert await count_credits(stack, *owed) == [1, 1, 1]


async def test_the_rest_of_a_failed_batch_waits_when_the_channel_key_is_missing(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
    monkeypatch: Patch,
) -> None:
    fine, fault = [await owe_payment(database, "REST-KEYS", minutes) for minutes in (5, 25)]
    activities, batch = await form_batch(database, rail, CLASSIC, fine, fault)
    get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    payee = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]
    plan = {"faults": [{"kind": "removed_trustline", "address": payee}]}
    (await chain.post("/faults", json=plan)).raise_for_status()
    observed = await submit_batch(activities, batch)
    monkeypatch.setattr(rail, "keys", select_keys(rail, without=observed.attempt.channel))
    failure = await activities.fail_batch(observed)
    assert failure.again is None
    assert [out.payment_id for out in failure.removed] == [fault.id]
    activities, rest = await form_batch(database, rail, CLASSIC)
    await activities.confirm_batch(await submit_batch(activities, rest))
    assert await count_credits(stack, fine, fault) == [1, 0]


async def test_a_batch_that_needs_a_missing_key_waits_for_it(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, monkeypatch: Patch
) -> None:
    owed = [await owe_payment(database, "BATCH-GONE") for _ in range(2)]
    activities, batch = await form_batch(database, rail, CLASSIC, *owed)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    monkeypatch.setattr(rail, "keys", select_keys(rail, without=attempt.channel))
    # What is signed is sent and watched as ever.
    assert get_attempt(await activities.prepare_batch(batch)) == replace(attempt, resumed=True)
    await wait_until_expired(rail, attempt)
    sentence = get_reason(await activities.prepare_batch(batch)).sentence
    assert "STELLAR_CHANNELS" in sentence
    assert await read_statuses(database, *owed) == [("blocked", sentence)] * 2
    monkeypatch.undo()
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
    assert await count_credits(stack, *owed) == [1, 1]


async def test_an_unrecorded_send_that_lands_confirms_the_batch(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """The signer died between the send and its record, and then the circuit breaker let nothing be sent."""
    owed = [await owe_payment(database, "UNNOTED", minutes) for minutes in (5, 25)]
    activities, batch = await form_batch(database, rail, CLASSIC, *owed)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    await rail.send(attempt.envelope_xdr)
    seen = await activities.observe_payment(attempt)
    assert seen.outcome is AttemptOutcome.SUCCEEDED
    await activities.confirm_batch(ObservedBatch(batch, attempt, seen, NOW))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
    payment_activities = PaymentActivitiesImpl(database, rail, batches_payments=True)
    for payment in owed:
        paid = await payment_activities.prepare_payment(payment)
        assert isinstance(paid, AlreadyPaid)
        assert paid.receipt.transaction_hash == seen.hash
    async with database.autocommit() as connection:
        ended = await connection.scalar(
            select(rows_of_attempts.c.status)
            .join(
                rows_of_allocations,
                rows_of_allocations.c.lead_payment_id == rows_of_attempts.c.payment_id,
            )
            .where(rows_of_allocations.c.payment_id == owed[1].id)
        )
    assert ended == "succeeded"
