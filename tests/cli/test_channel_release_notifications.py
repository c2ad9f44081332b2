"""After a release: which workflows are signalled to go on, and whether the channel is used again."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import update
from temporalio.service import RPCStatusCode

from adapters.postgres.tables import channels
from devstack.environment.stack import Stack
from domain.errors import Conflict, Unavailable
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    ObservedAttempt,
)
from tests.simulation.scratch_databases import ScratchDatabase, make_scratch_database
from tests.simulation.workflow_driver import play_temporal
from tests.testkit.settlement.channel_release_scenario import CHANNELS, Scene, scene


@pytest.fixture(scope="module")
def scratch(stack: Stack) -> Iterator[ScratchDatabase]:
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        with make_scratch_database(stack.environment["DATABASE_URL"]) as made:
            yield made


def test_a_workflow_that_could_not_be_signalled_is_named_and_signalled_by_the_next_run(
    scratch: ScratchDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    """The release stands, and without a signal to its workflow the payment would wait for hours."""

    async def release_quietly(here: Scene, attempt: Attempt) -> None:
        with pytest.raises(Unavailable, match="again"):
            await here.release(attempt)
        assert await here.status() == "pending"

    with scene(scratch) as here:
        attempt, workflow_id = scratch.loop.run(here.dead()), here.payment.workflow_id
        here.temporal.trouble = RPCStatusCode.UNAVAILABLE
        scratch.loop.run(release_quietly(here, attempt))
        assert f"could not signal {workflow_id}" in capsys.readouterr().out
        here.temporal.trouble = None
        scratch.loop.run(here.release(attempt))
        assert here.temporal.signalled == [workflow_id]
        assert f"signalled {workflow_id} to go on" in capsys.readouterr().out


def test_a_payment_without_a_workflow_is_named(
    scratch: ScratchDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    with scene(scratch) as here:
        attempt = scratch.loop.run(here.dead())
        here.temporal.trouble = RPCStatusCode.NOT_FOUND
        scratch.loop.run(here.release(attempt))
        assert f"no workflow {here.payment.workflow_id} runs" in capsys.readouterr().out


def test_a_paid_payment_is_not_said_to_be_signalled_when_it_was_not(
    scratch: ScratchDatabase,
) -> None:
    async def release_quietly(here: Scene) -> str:
        attempt = await here.sent()
        await here.quarantine(attempt, Observation(AttemptOutcome.FOREIGN, reason="unknown"))
        here.temporal.trouble = RPCStatusCode.UNAVAILABLE
        with pytest.raises(Conflict) as refused:
            await here.release(attempt)
        return str(refused.value)

    with scene(scratch) as here:
        said = scratch.loop.run(release_quietly(here))
        assert "the money moved, in transaction" in said
        assert "could not be signalled" in said


def test_a_channel_without_its_key_stays_out_of_use(
    scratch: ScratchDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    """The seed was replaced, as it has to be: a payment given to the old channel could not be signed."""

    async def release_quietly(here: Scene) -> None:
        attempt = await here.dead()
        replaced = [address for address in CHANNELS if address != attempt.channel]
        await here.release(attempt, channels=replaced)
        assert "stays out of use" in capsys.readouterr().out
        assert await here.status() == "pending"
        await here.release(attempt, channels=replaced)
        assert here.temporal.signalled == [here.payment.workflow_id] * 2
        await here.world.close_circuit_breaker()
        async with scratch.database.transaction() as connection:
            # Among those in use, it would be the next.
            this = channels.c.address == attempt.channel
            await connection.execute(update(channels).where(this).values(used_at=None))
        again = await here.prepared()
        assert again.channel != attempt.channel
        await here.world.steps.submit_payment(again)
        here.world.close_ledgers(2)
        seen = await here.world.steps.observe_payment(again)
        await here.world.steps.confirm_payment(
            ObservedAttempt(here.payment, again, seen, datetime.now(UTC))
        )
        with pytest.raises(Conflict, match="stays out of use"):
            await here.release(attempt, channels=replaced)

    with scene(scratch) as here:
        scratch.loop.run(release_quietly(here))
