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
from tests.workflows.fake_payment_activities import build_payment
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
    told = await handle.query(BatchWorkflow.timeline)
    assert [entry.what for entry in told] == [
        "nothing can be signed: the circuit breaker is open",
        "hash-4: PENDING; watching for it in a ledger",
    ]
    assert told[1].at - told[0].at >= timedelta(minutes=3)


async def test_a_stale_removal_does_not_block_a_payment_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch signals the removal whenever it is prepared; by then its cause may be long mended."""
    play_temporal(monkeypatch)
    handle = WorkflowRun(build_payment("left-out"))
    handle.answer(InBatch())
    for _ in range(2):
        handle.hear("removed_from_batch", make_reason("the payee has no trustline"))
    handle.answer(None)
    assert handle.asks is not None
    assert (handle.asks.step, handle.asks.message.reason) == (
        "block_payment",
        make_reason("the payee has no trustline"),
    )
    handle.answer([])
    handle.answer(None)  # an hour, or a signal
    handle.answer(InBatch())
    handle.answer(None)
    assert handle.asks.step == "prepare_payment"


async def test_a_withdrawn_member_is_signalled_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a limit by now: it is not blocked by the batch, but asks by itself."""
    play_temporal(monkeypatch)
    handle = BatchWorkflowRun(Batch("limited", 1))
    attempt = Attempt("limited", 1, "G", 7, 100, "hash", "xdr", False)
    out = [RemovedPayment("gone", make_reason("the payee has no trustline"))]
    handle.answer(PrepareBatchResult(Prepared(attempt), out, withdrawn=["limited"]))
    assert handle.asks is not None
    assert handle.asks.message == (
        "gone",
        "removed_from_batch",
        make_reason("the payee has no trustline"),
    )
    handle.answer(None)
    assert handle.asks.message == ("limited", "retry")
    handle.answer(None)
    assert handle.asks.step == "submit_payment"


async def test_an_emptied_batch_goes_on_when_it_is_reformed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All its members had been removed; by the time it learns so, the first of them leads a new batch."""
    play_temporal(monkeypatch)
    handle = BatchWorkflowRun(Batch("again", 1))
    handle.hear("gathered")
    handle.answer(PrepareBatchResult(EmptyBatch()))
    assert handle.asks is not None
    assert handle.asks.step == "prepare_batch"
    handle.answer(PrepareBatchResult(EmptyBatch()))
    assert (handle.asks, handle.receipt) == (None, 0)


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
    told = await handle.query(BatchWorkflow.timeline)
    looks = [entry.at for entry in told if "quarantined: " in entry.what]
    assert looks[1] - looks[0] >= timedelta(hours=1)
