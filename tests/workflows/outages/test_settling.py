"""A payment is made by one activity; it has a workflow of its own only where it has to wait."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from domain.settlement.attempts import AttemptOutcome, AwaitingChannel, Observation, OnHold
from domain.settlement.payments import Payment, Receipt
from domain.sla.outages import OutageStatus, VoidRequest
from tests.testkit.reasons import make_reason, parse_answer
from tests.workflows.conftest import FakeActivities, reaches, until
from tests.workflows.fakes.fake_batch_activities import FakeBatchActivities
from tests.workflows.fakes.fake_outage_activities import ASKER
from tests.workflows.fakes.fake_payment_activities import DETECTED
from tests.workflows.test_outages import LATE, Handle, declared
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.sla.settling import DIRECT_WITHIN

FAR = DETECTED.replace(year=2226)
STRAIGHT = ["prepare_payment", "submit_payment", "observe_payment", "confirm_payment"]


async def judged(environment: WorkflowEnvironment, fakes: FakeActivities, name: str) -> Handle:
    """Return an outage whose window is over as soon as it is judged."""
    fakes.outages.window_seconds = 0
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, name)
        await handle.execute_update(OutageWorkflow.resolve, LATE)
    return handle


async def find_status(client: Client, name: str) -> WorkflowExecutionStatus | None:
    """Return how the workflow of an outage's payment stands; None when it has none."""
    try:
        return (await client.get_workflow_handle(f"payment/{name}/1").describe()).status
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def test_a_payment_that_need_not_wait_has_no_workflow(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await judged(environment, fakes, "straight")
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.payments.asked == ["settle_payment", *STRAIGHT]
    assert await find_status(environment.client, "straight") is None


@pytest.mark.parametrize("why", ["on-hold", "in-line", "in-batch", "outbid", "open", "failed"])
async def test_a_payment_that_has_to_wait_has_a_workflow(
    environment: WorkflowEnvironment, fakes: FakeActivities, why: str
) -> None:
    hold = OnHold(make_reason("waits for approval"), DETECTED)
    fakes.payments.holds = {"on-hold": [hold] * 2, "in-line": [AwaitingChannel(DETECTED)]}.get(
        why, []
    )
    fakes.payments.in_batch = 2 if why == "in-batch" else 0
    fakes.payments.answers = [parse_answer("ERROR txINSUFFICIENT_FEE")] if why == "outbid" else []
    outcomes = {"open": AttemptOutcome.OPEN, "failed": AttemptOutcome.FAILED_RETRY}
    fakes.payments.observations = [Observation(outcomes[why])] if why in outcomes else []
    handle = await judged(environment, fakes, f"waits-{why}")
    if why == "in-batch":
        paying = environment.client.get_workflow_handle(f"payment/waits-{why}/1")
        with environment.with_time_skipping_disabled():
            await until(lambda: look(fakes.payments.in_batch), lambda left: left == 0)
            await paying.signal(PaymentWorkflow.retry)
    assert await handle.result() is OutageStatus.CLOSED
    status = await find_status(environment.client, f"waits-{why}")
    assert status is WorkflowExecutionStatus.COMPLETED
    assert fakes.payments.asked.count("settle_payment") == 1
    assert "confirm_payment" in fakes.payments.asked


@pytest.mark.parametrize("final", [True, False])
async def test_a_payment_whose_activity_fails_has_a_workflow(
    environment: WorkflowEnvironment, fakes: FakeActivities, final: bool
) -> None:
    trouble = ApplicationError("refused", non_retryable=final)
    fakes.payments.troubles["settle_payment"] = lambda: trouble
    handle = await judged(environment, fakes, f"fails-{final}")
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.payments.asked == [*["settle_payment"] * (1 if final else 3), *STRAIGHT]
    assert await find_status(environment.client, f"fails-{final}")


async def test_a_payment_that_nobody_serves_has_a_workflow_in_a_while(
    environment: WorkflowEnvironment,
) -> None:
    """Nobody who waits for a signer is hidden in another workflow: its activity fails then."""
    fakes, client = FakeActivities(), environment.client
    async with AsyncExitStack() as stack:
        for worker in fakes.workers(client, without="settlement"):
            await stack.enter_async_context(worker)
        handle = await judged(environment, fakes, "unserved")
        with environment.with_time_skipping_disabled():
            await reaches(handle, OutageStatus.SETTLING)
            asked = [
                event.activity_task_scheduled_event_attributes
                for event in (await handle.fetch_history()).events
                if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
            ]
        (paying,) = asked
        assert paying.activity_type.name == "settle_payment"
        assert paying.schedule_to_close_timeout.ToTimedelta() == DIRECT_WITHIN
        assert await find_status(client, "unserved") is None
        await handle.terminate()


async def look(at: int) -> int:
    return at


class StuckActivities(FakeBatchActivities):
    """A signer that has begun a payment, and is not heard of again."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()

    @activity.defn
    async def settle_payment(self, payment: Payment) -> Receipt | None:
        self._ask("settle_payment")
        await self.goes_on.wait()
        return None


async def test_a_debt_is_voided_while_its_activity_is_not_heard_of(
    environment: WorkflowEnvironment,
) -> None:
    fakes = FakeActivities()
    fakes.payments = stuck = StuckActivities()
    async with AsyncExitStack() as stack:
        for worker in fakes.workers(environment.client):
            await stack.enter_async_context(worker)
        stack.callback(stuck.goes_on.set)
        handle = await judged(environment, fakes, "stuck")
        with environment.with_time_skipping_disabled():
            await reaches(handle, OutageStatus.SETTLING)
            await handle.execute_update(OutageWorkflow.void, VoidRequest(ASKER, "another mast"))
            assert await handle.result() is OutageStatus.VOIDED
    assert await find_status(environment.client, "stuck") is None
