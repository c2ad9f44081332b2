"""A part that is down for days: the lives that need it wait, say so, and go on when it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from temporalio.api.sdk.v1.workflow_metadata_pb2 import WorkflowMetadata
from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict
from domain.settlement.attempts import AttemptOutcome, Observation
from domain.settlement.batches import Batch, FailBatchResult
from domain.sla.outages import Amendment
from tests.workflows.conftest import (
    ASKER,
    LIMIT_SECONDS,
    FakeActivities,
    down,
    time_skipping,
    until,
)
from tests.workflows.test_outages import declared
from tests.workflows.time_skipping_server import Handle, Stage, read_timeline
from workflows.batches import BatchWorkflow
from workflows.outages import OutageWorkflow

# The server ends a life of more than 51,200 events.
EVENTS_A_DAY_MAX = 1200


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A server of its own, on which much may happen."""
    async with AsyncExitStack() as stack:
        environment = await stack.enter_async_context(await time_skipping(skips=10_000))
        yield await staged(stack, environment)


async def staged(stack: AsyncExitStack, environment: WorkflowEnvironment) -> Stage:
    steps = FakeActivities()
    for worker in steps.workers(environment.client):
        await stack.enter_async_context(worker)
    for part in (steps.payments, steps.outages):  # a worker does not end while a step is tried
        stack.callback(part.troubles.clear)
    return Stage(environment, steps)


async def said(life: Handle) -> str:
    """What the Web UI shows of what a life is doing."""
    metadata = await life.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def events(life: Handle) -> int:
    return len((await life.fetch_history()).events)


async def later(stage: Stage, life: Handle, passed: timedelta | None = None) -> None:
    """Let time pass, or all that is left of a life; within a limit, as time may stand still."""
    async with asyncio.timeout(LIMIT_SECONDS * 3):
        await stage.environment.fast_forward(life, passed)


async def outlasts(stage: Stage, life: Handle, why: str) -> None:
    """Live through what is down, for long enough to see what every further day costs."""
    await stage.noted(life, why)
    await later(stage, life, timedelta(hours=2))
    before = await events(life)
    await later(stage, life, timedelta(hours=4))
    assert await events(life) - before < EVENTS_A_DAY_MAX * 4 / 24
    await until(
        lambda: said(life),
        lambda details: details == f"{why}; trying again in 10 minutes",
    )


@pytest.mark.parametrize("step", ["prepare_payment", "raise_fee"])
async def test_a_payment_outlasts_a_network_that_is_down_for_days(stage: Stage, step: str) -> None:
    steps = stage.activities.payments
    steps.troubles[step] = down
    steps.observations = [Observation(AttemptOutcome.OPEN)] * 2
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay(f"down-{step}")
        await outlasts(stage, life, f"cannot {step.replace('_', ' ')}: every node is down")
        del steps.troubles[step]
    await later(stage, life)
    receipt = await life.result()
    assert [receipt.transaction_hash] == list(dict.fromkeys(steps.sent))
    assert f"can {step.replace('_', ' ')} again" in await read_timeline(life)


async def test_whoever_asked_is_answered_when_the_book_is_back(stage: Stage) -> None:
    """However long it takes: nothing is refused because a part is down."""
    book, environment = stage.activities.outages, stage.environment
    book.troubles["amend_outage"] = down
    with environment.with_time_skipping_disabled():
        life = await declared(stage.client, "kept-waiting")
        amendment = Amendment(ASKER, {"site_name": "Mast 8"})
        asked = asyncio.create_task(life.execute_update(OutageWorkflow.amend, amendment))
        await until(
            lambda: said(life), lambda details: "cannot amend outage: every" in details
        )
        await later(stage, life, timedelta(hours=1))
        assert not asked.done()
        del book.troubles["amend_outage"]
        await later(stage, life, timedelta(minutes=10))
        await asked
    await life.terminate()


async def test_what_is_refused_for_months_is_asked_ever_more_seldom(stage: Stage) -> None:
    steps = stage.activities.payments
    steps.troubles["confirm_payment"] = lambda: Conflict("it was booked as another")
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay("refused")
        await stage.noted(life, "cannot go on: it was booked as another")
        await later(stage, life, timedelta(days=2))
        assert await events(life) < 2 * EVENTS_A_DAY_MAX / 3
        steps.troubles.clear()
    await later(stage, life)
    await life.result()
    assert (await read_timeline(life)).count("cannot go on: it was booked as another") == 1


@pytest.mark.parametrize("step", ["prepare_payment", "prepare_batch"])
async def test_a_life_that_has_waited_for_long_starts_over_and_pays_once(step: str) -> None:
    async with AsyncExitStack() as stack:
        short = "limit.historyCount.suggestContinueAsNew=100"
        environment = await stack.enter_async_context(await time_skipping(short, skips=10_000))
        stage = await staged(stack, environment)
        steps = stage.activities.payments
        steps.troubles[step] = down
        steps.settled = ["long"]
        with environment.with_time_skipping_disabled():
            if step == "prepare_batch":
                life = await stage.begin(BatchWorkflow.run, Batch("long", 1), "batch/long/1")
            else:
                life = await stage.pay("long")
            first = (await life.describe()).run_id
            await later(stage, life, timedelta(minutes=8))
            assert (await life.describe()).run_id != first
            assert await events(life) < 200
            steps.troubles.clear()
        await later(stage, life)
        await life.result()
        assert len(set(steps.sent)) == 1


async def test_a_batch_that_may_have_been_followed_does_not_start_over() -> None:
    """It would begin with the batch that has come to its end, and leave the next one alone."""
    async with AsyncExitStack() as stack:
        short = "limit.historyCount.suggestContinueAsNew=100"
        environment = await stack.enter_async_context(await time_skipping(short, skips=10_000))
        stage = await staged(stack, environment)
        steps = stage.activities.payments
        steps.observations = [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")]
        steps.troubles["fail_batch"] = down
        steps.removals = [FailBatchResult([], Batch("followed", 2, resubmitted=True), [])]
        with environment.with_time_skipping_disabled():
            life = await stage.begin(BatchWorkflow.run, Batch("followed", 1), "batch/followed/1")
            first = (await life.describe()).run_id
            await later(stage, life, timedelta(minutes=8))
            assert (await life.describe()).run_id == first
            steps.troubles.clear()
        await later(stage, life)
        await life.result()
        assert steps.sent == ["hash-1", "hash-2"]
