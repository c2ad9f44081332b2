"""A part is down for days: the workflows that need it wait, note it, and go on when it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.api.sdk.v1.workflow_metadata_pb2 import WorkflowMetadata
from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict
from domain.settlement.attempts import AttemptOutcome, Observation
from domain.settlement.batches import Batch, FailBatchResult
from domain.sla.outages import Amendment
from tests.workflows.conftest import LIMIT_SECONDS, FakeActivities, down, time_skipping, until
from tests.workflows.fakes.fake_outage_activities import ASKER
from tests.workflows.fakes.time_skipping_server import Handle, Stage, read_timeline
from tests.workflows.test_outages import declared
from workflows.batches import BatchWorkflow
from workflows.outages import OutageWorkflow

# The server ends a workflow of more than 51,200 events.
EVENTS_A_DAY_MAX = 1200
# Of all tests here together; a server that skips more often gives up.
SKIPS_MAX = 100_000


@pytest.fixture(scope="module")
async def patient_server() -> AsyncIterator[WorkflowEnvironment]:
    """A server on which much may happen."""
    async with await time_skipping(skips=SKIPS_MAX) as environment:
        yield environment


@pytest.fixture(scope="module")
async def forgetful_server() -> AsyncIterator[WorkflowEnvironment]:
    """A server that soon calls a history long."""
    short = "limit.historyCount.suggestContinueAsNew=100"
    async with await time_skipping(short, skips=SKIPS_MAX) as environment:
        yield environment


@pytest.fixture
async def stage(patient_server: WorkflowEnvironment) -> AsyncIterator[Stage]:
    async with staged(patient_server) as stage:
        yield stage


@pytest.fixture
async def short_stage(forgetful_server: WorkflowEnvironment) -> AsyncIterator[Stage]:
    async with staged(forgetful_server) as stage:
        yield stage


@asynccontextmanager
async def staged(environment: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """Serve the queues with fakes of one test's own."""
    async with AsyncExitStack() as stack:
        fakes = FakeActivities()
        for worker in fakes.workers(environment.client):
            await stack.enter_async_context(worker)
        for part in (fakes.payments, fakes.outages):  # no worker ends while an activity is tried
            stack.callback(part.troubles.clear)
        yield Stage(environment, fakes)


async def said(handle: Handle) -> str:
    """Return what the Web UI shows of what a workflow is doing."""
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def events(handle: Handle) -> int:
    return len((await handle.fetch_history()).events)


async def later(stage: Stage, handle: Handle, passed: timedelta | None = None) -> None:
    """Let time pass, or all that a workflow needs; within a limit, as time may stand still."""
    async with asyncio.timeout(LIMIT_SECONDS * 3):
        await stage.environment.fast_forward(handle, passed)


async def outlasts(stage: Stage, handle: Handle, why: str) -> None:
    """Let a part be down for long enough to see what every further day costs."""
    await stage.noted(handle, why)
    await later(stage, handle, timedelta(hours=1))
    before = await events(handle)
    await later(stage, handle, timedelta(hours=2))
    assert await events(handle) - before < EVENTS_A_DAY_MAX * 2 / 24
    await until(
        lambda: said(handle),
        lambda details: details == f"{why}; trying again in 10 minutes",
    )


@pytest.mark.parametrize("step", ["prepare_payment", "raise_fee"])
async def test_a_payment_outlasts_a_network_that_is_down_for_days(stage: Stage, step: str) -> None:
    fakes = stage.activities.payments
    fakes.troubles[step] = down
    fakes.observations = [Observation(AttemptOutcome.OPEN)] * 2
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay(f"down-{step}")
        await outlasts(stage, handle, f"cannot {step.replace('_', ' ')}: every node is down")
        del fakes.troubles[step]
    await later(stage, handle)
    receipt = await handle.result()
    assert [receipt.transaction_hash] == list(dict.fromkeys(fakes.sent))
    assert f"can {step.replace('_', ' ')} again" in await read_timeline(handle)


async def test_an_update_is_answered_when_the_database_is_back(stage: Stage) -> None:
    """However long it takes: nothing is refused because a part is down."""
    fake_outages, environment = stage.activities.outages, stage.environment
    fake_outages.troubles["amend_outage"] = down
    with environment.with_time_skipping_disabled():
        handle = await declared(stage.client, "kept-waiting")
        amendment = Amendment(ASKER, {"site_name": "Mast 8"})
        asked = asyncio.create_task(handle.execute_update(OutageWorkflow.amend, amendment))
        await until(lambda: said(handle), lambda details: "cannot amend outage: every" in details)
        await later(stage, handle, timedelta(hours=1))
        assert not asked.done()
        del fake_outages.troubles["amend_outage"]
        await later(stage, handle, timedelta(minutes=10))
        await asked
    await handle.terminate()


async def test_a_refused_activity_is_retried_with_growing_pauses(stage: Stage) -> None:
    fakes = stage.activities.payments
    fakes.troubles["confirm_payment"] = lambda: Conflict("it was booked as another")
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay("refused")
        await stage.noted(handle, "cannot go on: it was booked as another")
        await later(stage, handle, timedelta(days=2))
        assert await events(handle) < 2 * EVENTS_A_DAY_MAX / 3
        fakes.troubles.clear()
    await later(stage, handle)
    await handle.result()
    assert (await read_timeline(handle)).count("cannot go on: it was booked as another") == 1


@pytest.mark.parametrize("step", ["prepare_payment", "prepare_batch"])
async def test_a_workflow_with_a_long_history_continues_as_new_and_pays_once(
    short_stage: Stage, step: str
) -> None:
    stage, environment = short_stage, short_stage.environment
    fakes = stage.activities.payments
    fakes.troubles[step] = down
    fakes.settled = ["long"]
    with environment.with_time_skipping_disabled():
        if step == "prepare_batch":
            handle = await stage.begin(BatchWorkflow.run, Batch("long", 1), "batch/long/1")
        else:
            handle = await stage.pay("long")
        first = (await handle.describe()).run_id
        await later(stage, handle, timedelta(minutes=8))
        assert (await handle.describe()).run_id != first
        assert await events(handle) < 200
        fakes.troubles.clear()
    await later(stage, handle)
    await handle.result()
    assert len(set(fakes.sent)) == 1


async def test_a_batch_that_may_have_a_successor_does_not_continue_as_new(
    short_stage: Stage,
) -> None:
    """It would begin with the batch that has come to its end, and leave the next one alone."""
    stage, environment = short_stage, short_stage.environment
    fakes = stage.activities.payments
    fakes.observations = [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")]
    fakes.troubles["fail_batch"] = down
    fakes.removals = [FailBatchResult([], Batch("followed", 2, resubmitted=True))]
    with environment.with_time_skipping_disabled():
        handle = await stage.begin(BatchWorkflow.run, Batch("followed", 1), "batch/followed/1")
        first = (await handle.describe()).run_id
        await later(stage, handle, timedelta(minutes=8))
        assert (await handle.describe()).run_id == first
        fakes.troubles.clear()
    await later(stage, handle)
    await handle.result()
    assert fakes.sent == ["hash-1", "hash-2"]
