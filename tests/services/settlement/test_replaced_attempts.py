"""An attempt that a restored database has forgotten ends no other one that was given its number since."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import IllegalTransition
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation, ObservedAttempt
from domain.settlement.payments import Payment
from services.settlement.payments.confirm_payment import confirm_payment
from services.settlement.payments.fail_attempt import fail_attempt
from tests.testkit.settlement.batch_factory import read_statuses
from tests.testkit.settlement.chain_receipts import read_channel, sign_something
from tests.testkit.settlement.out_of_band import store_channels
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.stacks import open_scratch_database


@pytest.fixture
async def scratch(stack: Stack, rail: Rail) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        await store_channels(database, rail)
        yield database


async def replace_attempt(scratch: Database, rail: Rail) -> tuple[Payment, Attempt, Attempt]:
    """Return a payment with the attempt that is forgotten, and the one that has its number, signed as well."""
    payment = await owe_payment(scratch)
    current = await sign_something(scratch, rail, payment)
    (other, *_) = [each for each in rail.channels if each != current.channel]
    forgotten = replace(current, channel=other, sequence=5, hash="ab" * 32, envelope_hash="ac" * 32)
    return payment, forgotten, current


async def assert_goes_on(scratch: Database, payment: Payment, current: Attempt) -> None:
    async with scratch.autocommit() as connection:
        reservation = await attempts.get_reservation(connection, payment.id)
    assert reservation is not None
    assert (reservation.channel, reservation.sequence) == (current.channel, current.sequence)
    assert await read_channel(scratch, current.channel) == (7, payment.id)
    assert await read_statuses(scratch, payment) == [("prepared", None)]


async def test_the_failure_of_a_forgotten_attempt_does_not_free_the_payment_for_another_signature(
    scratch: Database, rail: Rail
) -> None:
    """Its present bytes may be applied at any moment."""
    payment, forgotten, current = await replace_attempt(scratch, rail)
    failed = Observation(AttemptOutcome.FAILED_RETRY, 42, reason="txFAILED")
    await fail_attempt(scratch, ObservedAttempt(payment, forgotten, failed, NOW))
    await assert_goes_on(scratch, payment, current)


async def test_the_success_of_a_forgotten_attempt_is_not_recorded_on_its_namesake(
    scratch: Database, rail: Rail
) -> None:
    """It is booked from the chain, by its own transaction: activities/settlement/payments.py."""
    payment, forgotten, current = await replace_attempt(scratch, rail)
    paid = Observation(AttemptOutcome.SUCCEEDED, 42, NOW, hash="ac" * 32)
    with pytest.raises(IllegalTransition, match="with another channel or sequence"):
        await confirm_payment(scratch, ObservedAttempt(payment, forgotten, paid, NOW))
    await assert_goes_on(scratch, payment, current)
