"""An outage whose verdict is disputed: decided, expired, or disputed too late."""

from datetime import timedelta

import pytest
from temporalio.client import (
    WorkflowHandle,
)
from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict, Invalid
from domain.settlement.attempts import AttemptOutcome, Observation
from domain.sla.disputes import Dispute, DisputeDecision
from domain.sla.outages import (
    Amendment,
    OutageStatus,
    Resolution,
)
from tests.workflows.conftest import FakeActivities, reaches
from tests.workflows.fakes.fake_outage_activities import ASKER
from tests.workflows.fakes.fake_payment_activities import DETECTED
from tests.workflows.test_outages import declared, refused
from workflows.outages import OutageWorkflow

Handle = WorkflowHandle[OutageWorkflow, OutageStatus | None]
LATE = Resolution(ASKER, DETECTED + timedelta(minutes=25, seconds=59))
IN_TIME = Resolution(ASKER, DETECTED + timedelta(minutes=5))


async def test_an_upheld_dispute_is_settled_by_the_new_verdict(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "disputed")
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    filed = await handle.execute_update(
        OutageWorkflow.file_dispute, Dispute("dsp-1", "disputed", "measured wrongly", ASKER)
    )
    await environment.fast_forward(handle, timedelta(days=3))
    assert await handle.query(OutageWorkflow.state) is OutageStatus.DISPUTED
    assert fakes.payments.asked == []
    judgement = await handle.execute_update(
        OutageWorkflow.decide_dispute, DisputeDecision(filed.dispute_id, True, ASKER, "it was 5", 5)
    )
    assert judgement.revision == 2
    assert judgement.verdict.amount == 1500
    assert await handle.result() is OutageStatus.CLOSED
    timeline = [entry.what for entry in await handle.query(OutageWorkflow.timeline)]
    assert any("reward of 1500 USDC" in line for line in timeline)


async def test_an_undecided_dispute_expires_and_the_verdict_is_paid(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "silent")
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    await handle.execute_update(
        OutageWorkflow.file_dispute, Dispute("dsp-2", "silent", "I object", ASKER)
    )
    await environment.fast_forward(handle, timedelta(days=15))
    assert await handle.result() is OutageStatus.CLOSED
    assert "decide_dispute" in fakes.outages.asked
    late = await refused_after_the_end(handle)
    assert "completed" in late


async def refused_after_the_end(handle: Handle) -> str:
    with pytest.raises(Exception, match="completed") as caught:
        await handle.execute_update(
            OutageWorkflow.decide_dispute, DisputeDecision("dsp-2", True, ASKER)
        )
    return str(caught.value)


async def test_what_comes_at_the_wrong_time_is_refused_and_changes_nothing(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "refusals")
        early = Dispute("dsp-3", "refusals", "too early", ASKER)
        error = await refused(handle.execute_update(OutageWorkflow.file_dispute, early))
        assert error.type == Conflict.code

        backwards = Resolution(ASKER, DETECTED - timedelta(minutes=1))
        error = await refused(handle.execute_update(OutageWorkflow.resolve, backwards))
        assert (error.type, error.details[0]) == (Invalid.code, "resolved_at")

        await handle.execute_update(OutageWorkflow.resolve, IN_TIME)
        error = await refused(handle.execute_update(OutageWorkflow.resolve, LATE))
        assert "cannot be resolved" in error.message
        severity = Amendment(ASKER, {"severity": "low"})
        error = await refused(handle.execute_update(OutageWorkflow.amend, severity))
        assert error.message.startswith("severity")

        await handle.execute_update(OutageWorkflow.file_dispute, early)
        again = Dispute("dsp-4", "refusals", "me too", ASKER)
        error = await refused(handle.execute_update(OutageWorkflow.file_dispute, again))
        assert "open dispute" in error.message
        error = await refused(
            handle.execute_update(
                OutageWorkflow.decide_dispute, DisputeDecision("dsp-unknown", True, ASKER)
            )
        )
        assert "not open" in error.message
    assert fakes.outages.asked == ["record_outage", "judge_outage", "file_dispute"]
    await handle.terminate()


async def test_a_dispute_after_the_window_names_the_deadline(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    # The payment waits for a person, so that the outage is still alive afterwards.
    fakes.payments.observations = [Observation(AttemptOutcome.FOREIGN)]
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "late")
    judgement = await handle.execute_update(OutageWorkflow.resolve, LATE)
    await environment.fast_forward(handle, timedelta(days=1))
    await reaches(handle, OutageStatus.SETTLING)
    dispute = Dispute("dsp-5", "late", "too late", ASKER)
    error = await refused(handle.execute_update(OutageWorkflow.file_dispute, dispute))
    assert judgement.dispute_deadline.isoformat() in error.message
    await handle.terminate()
