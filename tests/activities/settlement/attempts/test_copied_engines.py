"""A sequence that an engine on a copy of the database has used, for a payment that is on record here as well."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from devstack.bench import seed_payments
from devstack.environment.stack import Stack
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    ObservedAttempt,
    SettlementRail,
)
from domain.settlement.payments import Payment
from tests.simulation.scratch_databases import ScratchDatabase, make_scratch_database
from tests.simulation.workflow_driver import play_temporal
from tests.simulation.world import CHANNEL_KEYS
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.channel_release_scenario import Scene, scene


@pytest.fixture(scope="module")
def scratch(stack: Stack) -> Iterator[ScratchDatabase]:
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        with make_scratch_database(stack.environment["DATABASE_URL"]) as made:
            yield made


async def pay_by_copy(here: Scene, attempt: Attempt, payment: Payment) -> str:
    """Pay another payment on the channel and sequence of an attempt, by bytes that nobody stores here."""
    rail, transfer = here.world.rail, make_single_transfer(payment)
    envelope = await rail.sign(
        [transfer], SettlementRail.SOROBAN, attempt.channel, attempt.sequence, 0
    )
    await rail.send(envelope.xdr)
    here.world.close_ledgers(2)
    return envelope.hash


async def observe(here: Scene, attempt: Attempt) -> Observation:
    while True:
        seen = await here.world.steps.observe_payment(attempt)
        if seen.outcome is not AttemptOutcome.OPEN:
            return seen
        here.world.close_ledgers(1)


def test_a_payment_goes_on_whose_sequence_a_copy_has_used_for_another(
    scratch: ScratchDatabase,
) -> None:
    async def play(here: Scene) -> None:
        attempt = await here.prepared()
        (other,) = await seed_payments.owe(scratch.database, make_unique_id("copied"), 1)
        theirs = await pay_by_copy(here, attempt, other)
        await here.reconciled()
        seen = await observe(here, attempt)
        assert seen.outcome is AttemptOutcome.FAILED_RETRY
        assert seen.reason == (
            f"transaction {theirs} has used the sequence for another payment on record: an engine on a copy"
        )
        observed = ObservedAttempt(here.payment, attempt, seen, datetime.now(UTC))
        await here.world.steps.fail_attempt(observed)
        again = await here.sent()
        assert (again.channel, again.sequence) != (attempt.channel, attempt.sequence)
        seen = await observe(here, again)
        assert seen.outcome is AttemptOutcome.SUCCEEDED
        credits = here.world.read_credits()
        assert [len(credits[each.number]) for each in (here.payment, other)] == [1, 1]

    with scene(scratch) as here:
        scratch.loop.run(play(here))


def test_a_copy_that_paid_on_another_channel_explains_nothing(scratch: ScratchDatabase) -> None:
    async def play(here: Scene) -> None:
        attempt = await here.stolen()
        (other,) = await seed_payments.owe(scratch.database, make_unique_id("copied"), 1)
        beside = next(each for each in CHANNEL_KEYS if each.public_key != attempt.channel)
        account = here.world.box.read_account(beside.public_key)
        assert account is not None
        elsewhere = replace(attempt, channel=beside.public_key, sequence=account.sequence + 1)
        await pay_by_copy(here, elsewhere, other)
        await here.reconciled()
        assert (await observe(here, attempt)).outcome is AttemptOutcome.FOREIGN

    with scene(scratch) as here:
        scratch.loop.run(play(here))
