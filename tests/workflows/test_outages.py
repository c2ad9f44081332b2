"""The workflow of an outage, told by what a caller is answered and which steps were taken."""

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

from domain.errors import Conflict, Invalid
from domain.settlement.attempts import AttemptOutcome, Observation
from domain.sla.disputes import Dispute, DisputeDecision
from domain.sla.outages import (
    Amendment,
    Cancellation,
    OutageStatus,
    Resolution,
)
from tests.workflows.conftest import ASKER, FakeActivities, declaration, outage, reaches
from tests.workflows.fake_payment_activities import DETECTED
from workflows.outages import OutageWorkflow

Life = WorkflowHandle[OutageWorkflow, OutageStatus | None]
LATE = Resolution(ASKER, DETECTED + timedelta(minutes=25, seconds=59))
IN_TIME = Resolution(ASKER, DETECTED + timedelta(minutes=5))


async def declared(client: Client, outage_id: str) -> Life:
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
    life: Life = await start.workflow_handle()
    return life


async def refused(asking: Any) -> ApplicationError:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await asking
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def test_a_quiet_outage_is_judged_and_paid_after_its_window(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    life = await declared(environment.client, "quiet")
    judgement = await life.execute_update(OutageWorkflow.resolve, LATE)
    assert judgement.verdict.mttr_minutes == 25
    assert judgement.verdict.amount == -1000
    assert await life.result() is OutageStatus.CLOSED
    assert steps.outages.asked == [
        "record_outage",
        "judge_outage",
        "owe_payment",
        "close_outage",
    ]
    assert steps.payments.asked[-1] == "confirm_payment"


async def test_no_money_moves_before_the_window_has_passed(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        life = await declared(environment.client, "window")
    await life.execute_update(OutageWorkflow.resolve, IN_TIME)
    await environment.fast_forward(life, timedelta(hours=23, minutes=59))
    assert await life.query(OutageWorkflow.state) is OutageStatus.DISPUTABLE
    assert steps.payments.asked == []
    await environment.fast_forward(life, timedelta(minutes=2))
    assert await life.result() is OutageStatus.CLOSED


async def test_an_upheld_dispute_is_settled_by_the_new_verdict(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        life = await declared(environment.client, "disputed")
    await life.execute_update(OutageWorkflow.resolve, LATE)
    filed = await life.execute_update(
        OutageWorkflow.file_dispute, Dispute("dsp-1", "disputed", "measured wrongly", ASKER)
    )
    await environment.fast_forward(life, timedelta(days=3))
    assert await life.query(OutageWorkflow.state) is OutageStatus.DISPUTED
    assert steps.payments.asked == []
    judgement = await life.execute_update(
        OutageWorkflow.decide_dispute, DisputeDecision(filed.dispute_id, True, ASKER, "it was 5", 5)
    )
    assert judgement.revision == 2
    assert judgement.verdict.amount == 1500
    assert await life.result() is OutageStatus.CLOSED
    story = [entry.what for entry in await life.query(OutageWorkflow.timeline)]
    assert any("reward of 1500 USDC" in line for line in story)


async def test_a_dispute_nobody_rules_on_expires_and_the_verdict_stands(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        life = await declared(environment.client, "silent")
    await life.execute_update(OutageWorkflow.resolve, LATE)
    await life.execute_update(
        OutageWorkflow.file_dispute, Dispute("dsp-2", "silent", "I object", ASKER)
    )
    await environment.fast_forward(life, timedelta(days=15))
    assert await life.result() is OutageStatus.CLOSED
    assert "decide_dispute" in steps.outages.asked
    late = await refused_after_the_end(life)
    assert "completed" in late


async def refused_after_the_end(life: Life) -> str:
    with pytest.raises(Exception, match="completed") as caught:
        await life.execute_update(
            OutageWorkflow.decide_dispute, DisputeDecision("dsp-2", True, ASKER)
        )
    return str(caught.value)


async def test_what_comes_at_the_wrong_time_is_refused_and_changes_nothing(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        life = await declared(environment.client, "refusals")
        early = Dispute("dsp-3", "refusals", "too early", ASKER)
        error = await refused(life.execute_update(OutageWorkflow.file_dispute, early))
        assert error.type == Conflict.code

        backwards = Resolution(ASKER, DETECTED - timedelta(minutes=1))
        error = await refused(life.execute_update(OutageWorkflow.resolve, backwards))
        assert (error.type, error.details[0]) == (Invalid.code, "resolved_at")

        await life.execute_update(OutageWorkflow.resolve, IN_TIME)
        error = await refused(life.execute_update(OutageWorkflow.resolve, LATE))
        assert "cannot be resolved" in error.message
        severity = Amendment(ASKER, {"severity": "low"})
        error = await refused(life.execute_update(OutageWorkflow.amend, severity))
        assert error.message.startswith("severity")

        await life.execute_update(OutageWorkflow.file_dispute, early)
        again = Dispute("dsp-4", "refusals", "me too", ASKER)
        error = await refused(life.execute_update(OutageWorkflow.file_dispute, again))
        assert "open dispute" in error.message
        error = await refused(
            life.execute_update(
                OutageWorkflow.decide_dispute, DisputeDecision("dsp-unknown", True, ASKER)
            )
        )
        assert "not open" in error.message
    assert steps.outages.asked == ["record_outage", "judge_outage", "file_dispute"]
    await life.terminate()


async def test_a_dispute_after_the_window_names_the_deadline(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    # The payment waits for a person, so that the outage is still alive afterwards.
    steps.payments.observations = [Observation(AttemptOutcome.FOREIGN)]
    with environment.with_time_skipping_disabled():
        life = await declared(environment.client, "late")
    judgement = await life.execute_update(OutageWorkflow.resolve, LATE)
    await environment.fast_forward(life, timedelta(days=1))
    await reaches(life, OutageStatus.SETTLING)
    dispute = Dispute("dsp-5", "late", "too late", ASKER)
    error = await refused(life.execute_update(OutageWorkflow.file_dispute, dispute))
    assert judgement.dispute_deadline.isoformat() in error.message
    await life.terminate()


async def test_signals_do_what_updates_do_and_ignore_what_is_refused(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        life = await declared(environment.client, "signals")
        await life.signal(OutageWorkflow.resolve_signal, Resolution(ASKER))
        await life.signal(OutageWorkflow.resolve_signal, LATE)
        await reaches(life, OutageStatus.DISPUTABLE)
        dispute = Dispute("dsp-6", "signals", "no", ASKER)
        await life.execute_update(OutageWorkflow.file_dispute, dispute)
        await life.signal(
            OutageWorkflow.resolve_dispute, DisputeDecision("dsp-6", False, ASKER, "stands")
        )
    assert await life.result() is OutageStatus.CLOSED
    story = [entry.what for entry in await life.query(OutageWorkflow.timeline)]
    assert any(line.startswith("signal ignored: resolved_at") for line in story)


async def test_a_cancelled_outage_owes_nothing(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    life = await declared(environment.client, "cancelled")
    await life.signal(OutageWorkflow.cancel, Cancellation(ASKER, "a false alarm"))
    assert await life.result() is OutageStatus.CANCELLED
    assert steps.outages.asked == ["record_outage", "cancel_outage"]
    assert steps.payments.asked == []


async def test_the_same_id_with_other_content_is_refused(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        life = await declared(environment.client, "twice")
        update: Any = OutageWorkflow.await_recorded
        error = await refused(life.execute_update(update, "another fingerprint"))
        assert error.type == Conflict.code
        same = await life.execute_update(update, outage("twice").fingerprint())
        assert same.fingerprint == outage("twice").fingerprint()
    await life.terminate()


async def test_an_outage_the_book_refuses_ends_and_says_why(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.outages.refusals["record_outage"] = Conflict("on record already")
    error = await refused(declared(environment.client, "taken"))
    assert error.message == "on record already"
    life = environment.client.get_workflow_handle_for(OutageWorkflow.run, "outage/taken")
    assert await life.result() is None


async def test_a_step_refused_where_nobody_waits_is_tried_again(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.outages.refusals["owe_payment"] = Conflict("the agreement is gone")
    life = await declared(environment.client, "stubborn")
    await life.execute_update(OutageWorkflow.resolve, IN_TIME)
    assert await life.result() is OutageStatus.CLOSED
    assert steps.outages.asked.count("owe_payment") == 2


async def test_events_are_delivered_by_lives_of_their_own(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.outages.deliveries = {
        "record_outage": ["dlv-1"],
        "judge_outage": ["dlv-2"],
        "close_outage": ["dlv-3"],
    }
    steps.webhooks.failures = 2
    life = await declared(environment.client, "webhooks")
    await life.execute_update(OutageWorkflow.resolve, IN_TIME)
    assert await life.result() is OutageStatus.CLOSED
    for delivery in ("dlv-1", "dlv-2", "dlv-3"):
        child = environment.client.get_workflow_handle(f"webhook/{delivery}")
        assert await child.result() == "success"
    assert len(steps.webhooks.posted) == 5
