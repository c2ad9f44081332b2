"""The workflow of a batch: what stands in its way is waited for, and who leaves it is told."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    InBatch,
    Observation,
    Prepared,
)
from domain.settlement.batches import (
    Batch,
    EmptyBatch,
    ObstructedBatch,
    PrepareBatchResult,
    RemovedPayment,
)
from tests.simulation.workflow_driver import BatchWorkflowRun, WorkflowRun, play_temporal
from tests.testkit.reasons import make_reason
from tests.workflows.conftest import LIMIT_SECONDS, FakeActivities
from tests.workflows.fakes.fake_payment_activities import build_payment
from workflows.batches import BatchWorkflow


async def test_a_batch_obstacle_is_checked_every_minute_and_noted_once(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.left = [
        PrepareBatchResult(ObstructedBatch(make_reason("the circuit breaker is open")))
    ] * 3
    fakes.payments.settled = ["obstructed"]
    handle = await environment.client.start_workflow(
        BatchWorkflow.run,
        Batch("obstructed", 1),
        id="batch/obstructed/1",
        task_queue="settlement",
    )
    assert await handle.result() == 1
    assert fakes.payments.asked.count("prepare_batch") == 4
    timeline = await handle.query(BatchWorkflow.timeline)
    assert [entry.what for entry in timeline] == [
        "nothing can be signed: the circuit breaker is open",
        "hash-4: PENDING; watching for it in a ledger",
        "payments settled: 1",
    ]
    assert timeline[1].at - timeline[0].at >= timedelta(minutes=3)


async def test_a_stale_removal_does_not_block_a_payment_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch signals the removal whenever it is prepared; by then its cause may be long mended."""
    play_temporal(monkeypatch)
    run = WorkflowRun(build_payment("left-out"))
    run.answer(InBatch())
    for _ in range(2):
        run.receive("removed_from_batch", make_reason("the payee has no trustline"))
    run.answer(None)
    assert run.command is not None
    assert (run.command.step, run.command.message.reason) == (
        "block_payment",
        make_reason("the payee has no trustline"),
    )
    run.answer([])
    run.answer(None)  # an hour, or a signal
    run.answer(InBatch())
    run.answer(None)
    assert run.command.step == "prepare_payment"


async def test_a_withdrawn_member_is_signalled_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a limit by now: it is not blocked by the batch, but asks by itself."""
    play_temporal(monkeypatch)
    run = BatchWorkflowRun(Batch("limited", 1))
    attempt = Attempt("limited", 1, "G", 7, 100, "hash", "xdr", False)
    out = [RemovedPayment("gone", make_reason("the payee has no trustline"))]
    run.answer(PrepareBatchResult(Prepared(attempt), out, withdrawn=["limited"]))
    assert run.command is not None
    assert run.command.message == (
        "gone",
        "removed_from_batch",
        make_reason("the payee has no trustline"),
    )
    run.answer(None)
    assert run.command.message == ("limited", "retry")
    run.answer(None)
    assert run.command.step == "submit_payment"


async def test_an_emptied_batch_goes_on_when_it_is_reformed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All its members had been removed; by the time it learns so, the first of them leads a new batch."""
    play_temporal(monkeypatch)
    run = BatchWorkflowRun(Batch("again", 1))
    run.receive("batch_reformed")
    run.answer(PrepareBatchResult(EmptyBatch()))
    assert run.command is not None
    assert run.command.step == "prepare_batch"
    run.answer(PrepareBatchResult(EmptyBatch()))
    assert (run.command, run.receipt) == (None, 0)


async def test_a_quarantined_batch_is_checked_again_in_case_a_signal_was_lost(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.observations = [Observation(AttemptOutcome.FOREIGN)] * 2
    fakes.payments.settled = ["looked-at"]
    handle = await environment.client.start_workflow(
        BatchWorkflow.run,
        Batch("looked-at", 1),
        id="batch/looked-at/1",
        task_queue="settlement",
    )
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await handle.result() == 1
    timeline = await handle.query(BatchWorkflow.timeline)
    looks = [entry.at for entry in timeline if "quarantined: " in entry.what]
    assert looks[1] - looks[0] >= timedelta(hours=1)
