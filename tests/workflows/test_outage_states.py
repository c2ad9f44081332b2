"""A workflow that begins, or falls behind, goes on from what the database says of its outage."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict
from domain.settlement.payments import JudgeOutageResult, OutageState, Receipt
from domain.sla.disputes import DisputeDecision, FileDisputeResult
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import compute_payable, judge
from tests.workflows.conftest import FakeActivities, reaches, until
from tests.workflows.fakes.fake_outage_activities import ASKER, TERMS, declaration, outage
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.visibility.search_attributes import ACKNOWLEDGED

Handle = WorkflowHandle[OutageWorkflow, OutageStatus | None]


def on_record(outage_id: str, status: OutageStatus, **changes: Any) -> OutageState:
    """An outage of 25 minutes, judged a moment ago, unless it is only declared."""
    verdict = judge(TERMS, 25)
    payment = build_payment(f"pay-{outage_id}", compute_payable(verdict))
    owed = replace(payment, outage_id=outage_id, type=verdict.payment_type)
    now = datetime.now(UTC)
    judged = JudgeOutageResult(outage_id, 1, verdict, owed, DETECTED, now, False, 2)
    judgement = None if status is OutageStatus.DECLARED else judged
    state = OutageState(outage(outage_id), status, 2, judgement, None, False)
    return replace(state, **changes)


async def begin(client: Client, outage_id: str) -> Handle:
    return await client.start_workflow(
        OutageWorkflow.run, declaration(outage_id), id=f"outage/{outage_id}", task_queue="outages"
    )


FILED = FileDisputeResult("dsp-1", datetime.now(UTC) + timedelta(days=3))


@pytest.mark.parametrize(
    ("name", "status", "changes", "asked"),
    [
        ("disputable", OutageStatus.DISPUTABLE, {}, ["owe_payment", "close_outage"]),
        (
            "disputed",
            OutageStatus.DISPUTED,
            {"dispute": FILED},
            ["decide_dispute", "owe_payment", "close_outage"],
        ),
        (
            "decided",
            OutageStatus.DISPUTED,
            {"dispute": FILED, "decided": True},
            ["owe_payment", "close_outage"],
        ),
        ("settling", OutageStatus.SETTLING, {}, ["owe_payment", "close_outage"]),
        ("closed", OutageStatus.CLOSED, {}, []),
        ("called-off", OutageStatus.CANCELLED, {}, []),
    ],
)
async def test_a_workflow_begins_where_the_database_stands(
    environment: WorkflowEnvironment,
    fakes: FakeActivities,
    name: str,
    status: OutageStatus,
    changes: dict[str, Any],
    asked: list[str],
) -> None:
    fakes.outages.on_record = on_record(f"begun-{name}", status, **changes)
    fakes.outages.judgement = fakes.outages.on_record.judgement
    handle = await begin(environment.client, f"begun-{name}")
    ended = status if status is OutageStatus.CANCELLED else OutageStatus.CLOSED
    assert await handle.result() is ended
    assert fakes.outages.asked == ["record_outage", "read_outage_state", *asked]


async def test_a_workflow_that_missed_a_verdict_catches_up_and_shows_it(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "missed")
        await reaches(handle, OutageStatus.DECLARED)
        later = datetime.now(UTC) + timedelta(days=1)
        state = on_record("missed", OutageStatus.DISPUTABLE, version=3)
        assert state.judgement is not None
        fakes.outages.on_record = replace(
            state, judgement=replace(state.judgement, dispute_deadline=later)
        )
        await handle.signal(OutageWorkflow.catch_up)
        await reaches(handle, OutageStatus.DISPUTABLE)
        described = await handle.describe()
        assert described.typed_search_attributes.get(ACKNOWLEDGED) == 3
    await handle.terminate()


async def test_a_version_that_was_missed_is_not_acknowledged(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "gap")
        await reaches(handle, OutageStatus.DECLARED)
        fakes.outages.version = 4
        await handle.signal("resolve", {"mttr_minutes": 25})
        await reaches(handle, OutageStatus.DISPUTABLE)
        described = await handle.describe()
        assert described.typed_search_attributes.get(ACKNOWLEDGED) == 1
    await handle.terminate()


async def test_a_dispute_that_only_the_database_knows_stops_the_payment_until_it_is_decided(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.on_record = on_record("unknown", OutageStatus.DISPUTABLE)
    fakes.outages.judgement = fakes.outages.on_record.judgement
    fakes.outages.refusals["owe_payment"] = Conflict("dispute 'dsp-1' is open")
    fakes.outages.changes["owe_payment"] = on_record(
        "unknown", OutageStatus.DISPUTED, version=3, dispute=FILED
    )
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "unknown")
        await reaches(handle, OutageStatus.DISPUTED)
        assert fakes.payments.asked == []
        await handle.execute_update(
            OutageWorkflow.decide_dispute, DisputeDecision("dsp-1", False, ASKER, "it stands")
        )
    assert await handle.result() is OutageStatus.CLOSED


async def test_an_outage_that_was_refused_its_debt_asks_again_as_soon_as_it_is_notified(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.on_record = on_record("refused", OutageStatus.DISPUTABLE)
    fakes.outages.judgement = fakes.outages.on_record.judgement
    lacking = "the SLA contract has not confirmed revision 1 yet"
    fakes.outages.refusals["owe_payment"] = Conflict(lacking)
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "refused")
        await until(lambda: _is_noted(handle, lacking), bool)
        await handle.signal(OutageWorkflow.catch_up)
        assert await handle.result() is OutageStatus.CLOSED


async def test_a_payment_that_runs_already_is_waited_for_by_its_receipt(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    state = on_record("running", OutageStatus.SETTLING)
    fakes.outages.on_record, fakes.outages.judgement = state, state.judgement
    assert state.judgement is not None
    payment = state.judgement.payment
    fakes.payments.obstacles = ["the payee has no trustline"]
    client = environment.client
    with environment.with_time_skipping_disabled():
        # Nobody serves this queue: the payment runs, and this workflow did not start it.
        other = await client.start_workflow(
            PaymentWorkflow.run, payment, id=payment.workflow_id, task_queue="nowhere"
        )
        handle = await begin(client, "running")
        await until(lambda: _is_noted(handle, "waiting for its receipt"), bool)
        fakes.outages.receipt = Receipt(payment.id, "hash", 42, 7, DETECTED)
        await handle.signal(OutageWorkflow.catch_up)
        assert await handle.result() is OutageStatus.CLOSED
    await other.terminate()


async def _is_noted(handle: WorkflowHandle[Any, Any], what: str) -> bool:
    return any(what in entry.what for entry in await handle.query(OutageWorkflow.timeline))


async def test_cancelling_the_workflow_calls_a_declared_outage_off(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "called")
        await reaches(handle, OutageStatus.DECLARED)
        await handle.cancel()
        assert await handle.result() is OutageStatus.CANCELLED
    assert fakes.outages.asked == ["record_outage", "cancel_outage"]


async def test_cancelling_the_workflow_after_the_verdict_is_noted_and_the_outage_is_paid(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.window_seconds = 5
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "cancel-late")
        await handle.signal("resolve", {"mttr_minutes": 25})
        await reaches(handle, OutageStatus.DISPUTABLE)
        await handle.cancel()
        await until(lambda: _is_noted(handle, "cancelling this workflow changes nothing"), bool)
    assert await handle.result() is OutageStatus.CLOSED


async def test_cancelling_the_workflow_of_a_payment_is_noted_and_it_is_made(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    payment, client = build_payment("pay-cancelled"), environment.client
    handle = await client.start_workflow(
        PaymentWorkflow.run, payment, id="payment/pay-cancelled", task_queue="settlement"
    )
    await handle.cancel()
    assert (await handle.result()).payment_id == "pay-cancelled"


@pytest.mark.parametrize(
    ("name", "inputs", "noted"),
    [
        ("resolve", [], "resolved_at"),
        ("resolve", ["text"], "cannot be read as Resolution"),
        ("resolve", [{"mttr_minutes": "many"}], "cannot be read as Resolution"),
        ("resolve", [{"resolved_at": "soon"}], "cannot be read as Resolution"),
        ("resolve_dispute", [{"dispute_id": "dsp-9", "upheld": True}], "'dsp-9' is not open"),
        ("resolve_dispute", [{"upheld": True}], "cannot be read as DisputeDecision"),
        ("cancel", [{}], "cannot be read as Cancellation"),
        ("cancle", [{"reason": "a slip"}], "there is no signal 'cancle'"),
        ("attestation_halted", [], "missing a required argument"),
    ],
)
async def test_a_signal_that_cannot_be_taken_is_noted_and_leaves_the_sentence(
    environment: WorkflowEnvironment,
    fakes: FakeActivities,
    name: str,
    inputs: list[Any],
    noted: str,
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, f"odd-{abs(hash((name, noted, str(inputs))))}")
        await reaches(handle, OutageStatus.DECLARED)
        await handle.signal(name, args=inputs)
        await until(lambda: _is_noted(handle, noted), bool)
        described: Any = await handle.query("__temporal_workflow_metadata")
        assert described.current_details == "declared; waiting for the repair"
        assert await handle.query(OutageWorkflow.state) is OutageStatus.DECLARED
    await handle.terminate()
