"""The workflow of an outage, seen by the answers that callers get and the activities that ran."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.deliveries import TriedDeliveries
from domain.errors import Conflict
from domain.sla.disputes import Dispute, DisputeDecision
from domain.sla.outages import (
    Cancellation,
    OutageStatus,
    RecordOutageInput,
    Resolution,
)
from tests.workflows.conftest import FakeActivities, reaches
from tests.workflows.fakes.fake_outage_activities import ASKER, declaration, outage
from tests.workflows.fakes.fake_payment_activities import DETECTED
from workflows.outages import OutageWorkflow

Handle = WorkflowHandle[OutageWorkflow, OutageStatus | None]
LATE = Resolution(ASKER, DETECTED + timedelta(minutes=25, seconds=59))
IN_TIME = Resolution(ASKER, DETECTED + timedelta(minutes=5))


async def declared(client: Client, outage_id: str) -> Handle:
    start: Any = WithStartWorkflowOperation(
        OutageWorkflow.run,
        declaration(outage_id),
        id=f"outage/{outage_id}",
        task_queue="outages",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
    )
    update: Any = OutageWorkflow.await_recorded
    await client.execute_update_with_start_workflow(
        update, outage(outage_id).fingerprint(), start_workflow_operation=start
    )
    handle: Handle = await start.workflow_handle()
    return handle


async def refused(asking: Any) -> ApplicationError:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await asking
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def test_an_undisputed_outage_is_judged_and_paid_after_its_window(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await declared(environment.client, "quiet")
    judgement = await handle.execute_update(OutageWorkflow.resolve, LATE)
    assert judgement.verdict.mttr_minutes == 25
    assert judgement.verdict.amount == -1000
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.outages.asked == [
        "record_outage",
        "judge_outage",
        "owe_payment",
        "close_outage",
    ]
    assert fakes.payments.asked[-1] == "confirm_payment"


async def test_an_outage_that_its_caller_has_recorded_is_not_recorded_again(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    said = declaration("recorded")
    recorded = await fakes.outages.record_outage(RecordOutageInput(said, DETECTED))
    fakes.outages.asked.clear()
    handle = await environment.client.start_workflow(
        OutageWorkflow.run,
        replace(said, recorded=recorded),
        id="outage/recorded",
        task_queue="outages",
    )
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.outages.asked == ["judge_outage", "owe_payment", "close_outage"]


async def test_no_money_moves_before_the_window_has_passed(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "window")
    await handle.execute_update(OutageWorkflow.resolve, IN_TIME)
    await environment.fast_forward(handle, timedelta(hours=23, minutes=59))
    assert await handle.query(OutageWorkflow.state) is OutageStatus.DISPUTABLE
    assert fakes.payments.asked == []
    await environment.fast_forward(handle, timedelta(minutes=2))
    assert await handle.result() is OutageStatus.CLOSED


async def test_signals_do_what_updates_do_and_ignore_what_is_refused(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "signals")
        await handle.signal("resolve", Resolution(ASKER))
        await handle.signal("resolve", LATE)
        await reaches(handle, OutageStatus.DISPUTABLE)
        dispute = Dispute("dsp-6", "signals", "no", ASKER)
        await handle.execute_update(OutageWorkflow.file_dispute, dispute)
        await handle.signal("resolve_dispute", DisputeDecision("dsp-6", False, ASKER, "stands"))
    assert await handle.result() is OutageStatus.CLOSED
    timeline = [entry.what for entry in await handle.query(OutageWorkflow.timeline)]
    assert any(line.startswith("signal ignored: resolved_at") for line in timeline)


async def test_a_cancelled_outage_owes_nothing(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await declared(environment.client, "cancelled")
    await handle.signal("cancel", Cancellation(ASKER, "a false alarm"))
    assert await handle.result() is OutageStatus.CANCELLED
    assert fakes.outages.asked == ["record_outage", "cancel_outage"]
    assert fakes.payments.asked == []


async def test_the_same_id_with_other_content_is_refused(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "twice")
        update: Any = OutageWorkflow.await_recorded
        error = await refused(handle.execute_update(update, "another fingerprint"))
        assert error.type == Conflict.code
        same = await handle.execute_update(update, outage("twice").fingerprint())
        assert same.fingerprint == outage("twice").fingerprint()
    await handle.terminate()


async def test_an_outage_that_the_database_refuses_ends_with_the_reason(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.refusals["record_outage"] = Conflict("on record already")
    error = await refused(declared(environment.client, "taken"))
    assert error.message == "on record already"
    handle = environment.client.get_workflow_handle_for(OutageWorkflow.run, "outage/taken")
    assert await handle.result() is None


async def test_an_activity_refused_without_a_caller_is_tried_again(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.refusals["owe_payment"] = Conflict("the agreement is gone")
    handle = await declared(environment.client, "stubborn")
    await handle.execute_update(OutageWorkflow.resolve, IN_TIME)
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.outages.asked.count("owe_payment") == 2


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (TriedDeliveries(0, 0), "nobody subscribes to its events"),
        (TriedDeliveries(3, 3), "3 of 3 deliveries are accepted"),
        (TriedDeliveries(3, 1), "1 of 3 deliveries are accepted; the others are tried on"),
    ],
)
async def test_it_ends_when_every_subscriber_was_tried_and_says_so(
    environment: WorkflowEnvironment, fakes: FakeActivities, tried: TriedDeliveries, said: str
) -> None:
    fakes.webhooks.tried = [tried]
    name = f"told-{tried.total}-{tried.delivered}"
    handle = await declared(environment.client, name)
    await handle.execute_update(OutageWorkflow.resolve, IN_TIME)
    assert await handle.result() is OutageStatus.CLOSED
    assert (fakes.webhooks.asked, fakes.webhooks.waited) == ([name], [])
    lines = await handle.query(OutageWorkflow.timeline)
    assert lines[-1].what == f"closed; {said}"


async def test_a_receiver_that_takes_long_is_waited_for_by_who_delivers(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.webhooks.slow, fakes.webhooks.tried = [TriedDeliveries(3, 1, 2)], [TriedDeliveries(3, 2)]
    handle = await declared(environment.client, "slow")
    await handle.execute_update(OutageWorkflow.resolve, IN_TIME)
    assert await handle.result() is OutageStatus.CLOSED
    assert (fakes.webhooks.asked, fakes.webhooks.waited) == (["slow"], ["slow"])
    lines = await handle.query(OutageWorkflow.timeline)
    assert lines[-1].what == "closed; 2 of 3 deliveries are accepted; the others are tried on"
