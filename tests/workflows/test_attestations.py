"""The contract's word on a verdict: asked for at once, waited for before anything is paid."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.sla.attestations import Attestation, Call, CallStatus
from domain.sla.disputes import Dispute, DisputeDecision
from domain.sla.outages import OutageStatus
from tests.workflows.conftest import ASKER, DAY, LIMIT_SECONDS, FakeActivities, down, until
from tests.workflows.test_outages import LATE, declared
from workflows.attestations import AttestationWorkflow
from workflows.outages import OutageWorkflow
from workflows.runtime import WorkflowBase

PROBLEM = "parity error: amount_stroops is 1 there and 2 here"


async def notes(life: WorkflowHandle[Any, Any]) -> list[str]:
    return [entry.what for entry in await life.query(WorkflowBase.timeline)]


async def retry(environment: WorkflowEnvironment, name: str) -> None:
    child = environment.client.get_workflow_handle(f"attestation/{name}/1")
    await child.signal(AttestationWorkflow.retry)


async def test_a_verdict_that_wants_no_word_asks_for_none(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    life = await declared(environment.client, "unattested")
    await life.execute_update(OutageWorkflow.resolve, LATE)
    assert await life.result() is OutageStatus.CLOSED
    assert steps.attestations.asked == []


async def test_a_verdict_is_attested_before_it_is_owed(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.outages.attest = True
    life = await declared(environment.client, "attested")
    await life.execute_update(OutageWorkflow.resolve, LATE)
    assert await life.result() is OutageStatus.CLOSED
    assert steps.attestations.asked == [
        "prepare_call 1",
        "execute_call",
        "prepare_call 1",
        "conclude_attestation",
    ]
    story = await notes(life)
    owed = next(place for place, line in enumerate(story) if line.startswith("paying"))
    assert story.index("confirmed by the SLA contract: hash-1") < owed


async def halted(
    environment: WorkflowEnvironment, steps: FakeActivities, name: str, window_seconds: int = 0
) -> WorkflowHandle[Any, Any]:
    steps.outages.attest, steps.outages.window_seconds = True, window_seconds
    steps.attestations.problems = [PROBLEM]
    with environment.with_time_skipping_disabled():
        life = await declared(environment.client, name)
        await life.execute_update(OutageWorkflow.resolve, LATE)
        await until(lambda: notes(life), lambda story: story[-1] == f"nothing is paid: {PROBLEM}")
    return life


async def test_a_halted_outage_pays_nothing_until_a_person_has_it_asked_again(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    life = await halted(environment, steps, "halted")
    assert "owe_payment" not in steps.outages.asked
    assert steps.payments.asked == []
    assert await life.query(OutageWorkflow.state) is OutageStatus.DISPUTABLE
    await retry(environment, "halted")
    assert await life.result() is OutageStatus.CLOSED
    assert steps.webhooks.posted == ["dlv-halted"]


async def test_a_person_who_ends_the_attestation_settles_nothing(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    life = await halted(environment, steps, "ended")
    await environment.client.get_workflow_handle("attestation/ended/1").terminate("by hand")
    assert await life.result() is OutageStatus.CLOSED
    assert steps.attestations.asked.count("conclude_attestation") == 2
    assert any("ended without a result; it is started again" in line for line in await notes(life))


async def test_a_verdict_given_anew_is_attested_under_its_own_name(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    life = await halted(environment, steps, "anew", DAY)
    filed = await life.execute_update(
        OutageWorkflow.file_dispute, Dispute("dsp-anew", "anew", "measured wrongly", ASKER)
    )
    decision = DisputeDecision(filed.dispute_id, True, ASKER, "it was 5", 5)
    await life.execute_update(OutageWorkflow.decide_dispute, decision)
    # The first verdict is still halted, and no longer of interest.
    assert await life.result() is OutageStatus.CLOSED
    assert "confirmed by the SLA contract: hash-2" in await notes(life)
    assert steps.attestations.asked.count("prepare_call 2") == 2


async def test_a_call_in_the_way_is_seen_through_first(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.outages.attest = True
    steps.attestations.in_the_way = [Call("other", 1, 1, "GOPERATOR", 6, 90, "theirs", "xdr")]
    steps.attestations.statuses = [CallStatus.ANSWERED, CallStatus.OPEN, CallStatus.EXPIRED]
    life = await declared(environment.client, "queued")
    await life.execute_update(OutageWorkflow.resolve, LATE)
    assert await life.result() is OutageStatus.CLOSED
    turns = [step for step in steps.attestations.asked if not step.startswith("prepare")]
    mine = ["execute_call"] * 3  # nothing proven, then expired, then answered
    assert turns == ["help", *mine, "conclude_attestation"]
    told = await notes(environment.client.get_workflow_handle("attestation/queued/1"))
    assert "of outage other, which is in the way" in told[0]


async def test_a_word_that_comes_while_an_outage_is_halted_is_heard(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    """The book says so before the life knows: whoever reads it there may act at once."""
    steps.attestations.problems = [PROBLEM]
    steps.attestations.troubles["conclude_attestation"] = down
    with environment.with_time_skipping_disabled():
        life = await environment.client.start_workflow(
            AttestationWorkflow.run,
            Attestation("answered-early", 1),
            id="attestation/answered-early/1",
            task_queue="settlement",
        )
        await until(lambda: notes(life), lambda story: "cannot conclude" in str(story))
        await life.signal(AttestationWorkflow.retry)
        del steps.attestations.troubles["conclude_attestation"]
        await environment.fast_forward(life, timedelta(minutes=1))
        async with asyncio.timeout(LIMIT_SECONDS):
            assert await life.result() == "hash-1"
