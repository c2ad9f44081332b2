"""A verdict that is taken back: the outage is reopened and judged anew, or its debt is voided and nothing is paid."""

import asyncio
from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict
from domain.settlement.attempts import Blocked, OnHold, Redirected, Voided
from domain.sla.disputes import Dispute
from domain.sla.outages import OutageStatus, ReopenRequest, Resolution, VoidRequest
from tests.testkit.reasons import make_reason
from tests.workflows.conftest import FakeActivities, reaches
from tests.workflows.fakes.fake_outage_activities import ASKER
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment
from tests.workflows.test_outages import declared, refused
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow

LATE = Resolution(ASKER, DETECTED + timedelta(minutes=25, seconds=59))
LATER = Resolution(ASKER, DETECTED + timedelta(minutes=45))
REOPENING = ReopenRequest(ASKER, "down again")
WRONG = VoidRequest(ASKER, "another provider's mast")
FAR = DETECTED.replace(year=2226)


async def test_a_reopened_outage_is_judged_and_paid_by_its_next_verdict_alone(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "reopened")
        await handle.execute_update(OutageWorkflow.resolve, LATE)
    await environment.fast_forward(handle, timedelta(hours=12))
    with environment.with_time_skipping_disabled():
        await handle.execute_update(OutageWorkflow.reopen, REOPENING)
        assert await handle.query(OutageWorkflow.state) is OutageStatus.DECLARED
        judgement = await handle.execute_update(OutageWorkflow.resolve, LATER)
    assert (judgement.revision, judgement.verdict.amount) == (2, -3000)
    # Its window is a whole one: the rest of the first is not enough.
    await environment.fast_forward(handle, timedelta(hours=23))
    assert await handle.query(OutageWorkflow.state) is OutageStatus.DISPUTABLE
    assert fakes.payments.asked == []
    await environment.fast_forward(handle, timedelta(hours=2))
    assert await handle.result() is OutageStatus.CLOSED
    assert fakes.outages.asked == [
        *("record_outage", "judge_outage", "reopen_outage", "judge_outage"),
        *("owe_payment", "close_outage"),
    ]


async def test_what_is_disputed_or_past_its_window_is_not_reopened(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "too-late")
        error = await refused(handle.execute_update(OutageWorkflow.reopen, REOPENING))
        assert (error.type, "is declared" in error.message) == (Conflict.code, True)
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        dispute = Dispute("dsp-1", "too-late", "measured wrongly", ASKER)
        await handle.execute_update(OutageWorkflow.file_dispute, dispute)
        error = await refused(handle.execute_update(OutageWorkflow.reopen, REOPENING))
        assert error.message == "outage 'too-late' is disputed and cannot be reopened"
    await handle.terminate()
    assert "reopen_outage" not in fakes.outages.asked


async def test_a_debt_voided_inside_the_window_is_never_owed(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "voided-early")
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        await handle.execute_update(OutageWorkflow.void, WRONG)
    assert await handle.result() is OutageStatus.VOIDED
    assert fakes.outages.asked == ["record_outage", "judge_outage", "void_debt"]
    assert fakes.payments.asked == []


async def test_a_payment_that_waits_ends_with_its_voided_debt(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.window_seconds = 0
    fakes.payments.holds = [*[OnHold(make_reason("waits for approval"), FAR)] * 2, *[Voided()] * 5]
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "voided-late")
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        await reaches(handle, OutageStatus.SETTLING)
        paying = environment.client.get_workflow_handle_for(
            PaymentWorkflow.run, "payment/voided-late/1"
        )
        while "hold_payment waits for approval" not in fakes.payments.asked:
            await asyncio.sleep(0.05)
        await handle.execute_update(OutageWorkflow.void, WRONG)
        assert await handle.result() is OutageStatus.VOIDED
        await paying.signal(PaymentWorkflow.retry)
        assert await paying.result() is None
    # The payment that waits has the outage read that it does.
    assert [each for each in fakes.outages.asked if each != "read_outage_state"][-1] == "void_debt"
    assert fakes.payments.sent == []


async def test_a_debt_whose_attestation_is_halted_may_be_voided(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.attest, fakes.outages.window_seconds = True, 0
    fakes.attestations.problems = ["the rating differs"] * 3
    with environment.with_time_skipping_disabled():
        handle = await declared(environment.client, "voided-halted")
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        # Notified of the halt: an event that arrives as the workflow ends would have the update sent again.
        timeline = OutageWorkflow.timeline
        while (await handle.query(timeline))[-1].what != "nothing is paid: the rating differs":
            await asyncio.sleep(0.05)
        await handle.execute_update(OutageWorkflow.void, WRONG)
        assert await handle.result() is OutageStatus.VOIDED
    assert fakes.payments.asked == []


async def test_a_payment_goes_on_at_the_address_of_its_payee_by_now(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    payment = build_payment("pay-moved")
    moved = build_payment("pay-moved", 7)
    fakes.payments.holds = [Blocked(make_reason("no trustline")), Redirected(moved)]
    handle = await environment.client.start_workflow(
        PaymentWorkflow.run, payment, id="payment/pay-moved", task_queue="settlement"
    )
    receipt = await handle.result()
    assert receipt is not None
    assert receipt.amount_stroops == 7  # what is confirmed is the payment as it is on record
