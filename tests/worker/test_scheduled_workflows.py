"""Work at intervals: one workflow, told its interval by each worker that starts, and started again when it ends."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from tests.testkit.api_client import make_unique_id, wait_until
from worker import scheduled_workflows
from worker.scheduled_workflows import ScheduledWorkflow
from workflows.reconciliation import ReconciliationWorkflow


@pytest.fixture
async def work(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ScheduledWorkflow]:
    """Work of a queue that nobody serves."""
    monkeypatch.setattr(scheduled_workflows, "LOOK_SECONDS", 0.1)
    name = make_unique_id("scheduled")
    yield ScheduledWorkflow(name, ReconciliationWorkflow.run, 15, "compares journal and chain")
    await temporal.get_workflow_handle(f"schedule/{name}").terminate("the test has ended")


async def test_a_workflow_that_somebody_ends_is_started_again(
    temporal: Client, work: ScheduledWorkflow
) -> None:
    handle = temporal.get_workflow_handle(work.workflow_id)
    async with AsyncExitStack() as stack:
        await scheduled_workflows.begin("nobody", stack, work)(temporal)
        first = await handle.describe()
        await handle.terminate("an operator's mistake")

        async def runs_again() -> bool:
            described = await handle.describe()
            again = described.run_id != first.run_id
            return again and described.status is WorkflowExecutionStatus.RUNNING

        await wait_until(runs_again, "the scheduled workflow runs again")


async def test_a_worker_that_starts_sets_the_interval_of_what_runs(
    temporal: Client, work: ScheduledWorkflow
) -> None:
    handle = temporal.get_workflow_handle(work.workflow_id)
    for seconds in (15, 60):
        again = ScheduledWorkflow(work.name, work.run, seconds, work.summary)
        async with AsyncExitStack() as stack:
            await scheduled_workflows.begin("nobody", stack, again)(temporal)
    history = await handle.fetch_history()
    intervals = [
        event.workflow_execution_signaled_event_attributes.input.payloads[0].data
        for event in history.events
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]
    assert intervals == [b"15", b"60"]
