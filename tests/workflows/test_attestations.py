"""The contract's word on a verdict: asked for at once, waited for before anything is paid."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.sla.attestations import Attestation, Call, CallStatus
from domain.sla.disputes import Dispute, DisputeDecision
from domain.sla.outages import OutageStatus
from tests.workflows.conftest import LIMIT_SECONDS, FakeActivities, down, until
from tests.workflows.fakes.fake_outage_activities import ASKER, DAY
from tests.workflows.test_outages import LATE, declared
from workflows.attestations import AttestationWorkflow
from workflows.outages import OutageWorkflow
from workflows.runtime import WorkflowBase

PROBLEM = "parity error: amount_stroops is 1 there and 2 here"


async def notes(handle: WorkflowHandle[Any, Any]) -> list[str]:
    return [entry.what for entry in await handle.query(WorkflowBase.timeline)]


async def retry(environment: WorkflowEnvironment, name: str) -> None:
    child = environment.client.get_workflow_handle(f"attestation/{name}/1")
    await child.signal(AttestationWorkflow.retry)


async def test_a_verdict_without_attestation_asks_for_none(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await declared(environment.client, "unattested")
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.attestations.asked == []


async def test_a_verdict_is_attested_before_it_is_owed(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.attest = True
    handle = await declared(environment.client, "attested")
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.attestations.asked == [
        "prepare_call 1",
        "execute_call",
        "prepare_call 1",
        "conclude_attestation",
    ]
    timeline = await notes(handle)
    owed = next(place for place, line in enumerate(timeline) if line.startswith("paying"))
    assert timeline.index("confirmed by the SLA contract: hash-1") < owed


async def halted(
    environment: WorkflowEnvironment, fakes: FakeActivities, name: str, window_seconds: int = 0
) -> WorkflowHandle[Any, Any]:
    fakes.outages.attest, fakes.outages.window_seconds = True, window_seconds
    fakes.attestations.problems = [PROBLEM]
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, name)
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        await until(
            lambda: notes(handle), lambda timeline: timeline[-1] == f"nothing is paid: {PROBLEM}"
        )
    return handle


async def test_a_halted_attestation_pays_nothing_until_a_person_retries_it(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await halted(environment, fakes, "halted")
    assert "owe_payment" not in fakes.outages.asked
    assert fakes.payments.asked == []
    assert await handle.query(OutageWorkflow.state) is OutageStatus.DISPUTABLE
    await retry(environment, "halted")
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.webhooks.asked == ["halted"]


async def test_terminating_the_attestation_settles_nothing(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await halted(environment, fakes, "ended")
    await environment.client.get_workflow_handle("attestation/ended/1").terminate("by hand")
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.attestations.asked.count("conclude_attestation") == 2
    assert any(
        "ended without a result; it is started again" in line for line in await notes(handle)
    )


async def test_a_new_revision_is_attested_under_its_own_name(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await halted(environment, fakes, "anew", DAY)
    filed = await handle.execute_update(
        OutageWorkflow.file_dispute, Dispute("dsp-anew", "anew", "measured wrongly", ASKER)
    )
    decision = DisputeDecision(filed.dispute_id, True, ASKER, "it was 5", 5)
    await handle.execute_update(OutageWorkflow.decide_dispute, decision)
    # The first verdict is still halted, and no longer of interest.
    assert await handle.result() is OutageStatus.CLOSED
    assert "confirmed by the SLA contract: hash-2" in await notes(handle)
    assert fakes.attestations.asked.count("prepare_call 2") == 2


async def test_an_open_call_of_another_attestation_is_finished_first(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.attest = True
    fakes.attestations.in_the_way = [Call("other", 1, 1, "GOPERATOR", 6, 90, "theirs", "xdr")]
    fakes.attestations.statuses = [CallStatus.ANSWERED, CallStatus.OPEN, CallStatus.EXPIRED]
    handle = await declared(environment.client, "queued")
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    assert await handle.result() is OutageStatus.CLOSED
    turns = [step for step in fakes.attestations.asked if not step.startswith("prepare")]
    mine = ["execute_call"] * 3  # nothing proven, then expired, then answered
    assert turns == ["help", *mine, "conclude_attestation"]
    noted = await notes(environment.client.get_workflow_handle("attestation/queued/1"))
    assert "of outage other, which is in the way" in noted[0]


async def test_a_retry_during_the_halt_is_not_lost(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    """The database says so before the workflow knows: whoever reads it there may act at once."""
    fakes.attestations.problems = [PROBLEM]
    fakes.attestations.troubles["conclude_attestation"] = down
    with environment.with_time_skipping_disabled():
        handle = await environment.client.start_workflow(
            AttestationWorkflow.run,
            Attestation("answered-early", 1),
            id="attestation/answered-early/1",
            task_queue="settlement",
        )
        await until(lambda: notes(handle), lambda timeline: "cannot conclude" in str(timeline))
        await handle.signal(AttestationWorkflow.retry)
        del fakes.attestations.troubles["conclude_attestation"]
        await environment.fast_forward(handle, timedelta(minutes=1))
        async with asyncio.timeout(LIMIT_SECONDS):
            assert await handle.result() == "hash-1"
