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


async def test_an_obstacle_is_looked_at_again_after_a_minute_and_said_once(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.left = [
        PrepareBatchResult(ObstructedBatch(make_reason("the circuit breaker is open")))
    ] * 3
    steps.payments.settled = ["obstructed"]
    life = await environment.client.start_workflow(
        BatchWorkflow.run,
        Batch("obstructed", 1),
        id="batch/obstructed/1",
        task_queue="settlement",
    )
    assert await life.result() == 1
    assert steps.payments.asked.count("prepare_batch") == 4
    told = await life.query(BatchWorkflow.timeline)
    assert [entry.what for entry in told] == [
        "nothing can be signed: the circuit breaker is open",
        "hash-4: PENDING; watching for it in a ledger",
    ]
    assert told[1].at - told[0].at >= timedelta(minutes=3)


async def test_who_was_left_out_before_is_not_parked_for_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch tells whom it left out whenever it is prepared; by then that may be long mended."""
    play_temporal(monkeypatch)
    life = WorkflowRun(build_payment("left-out"))
    life.answer(InBatch())
    for _ in range(2):
        life.hear("removed_from_batch", make_reason("the payee has no trustline"))
    life.answer(None)
    assert life.asks is not None
    assert (life.asks.step, life.asks.message.reason) == (
        "block_payment",
        make_reason("the payee has no trustline"),
    )
    life.answer([])
    life.answer(None)  # an hour, or a word
    life.answer(InBatch())
    life.answer(None)
    assert life.asks.step == "prepare_payment"


async def test_who_must_be_let_go_anew_is_told_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a limit by now: it is not parked by the batch, but asks for itself."""
    play_temporal(monkeypatch)
    life = BatchWorkflowRun(Batch("limited", 1))
    attempt = Attempt("limited", 1, "G", 7, 100, "hash", "xdr", False)
    out = [RemovedPayment("gone", make_reason("the payee has no trustline"))]
    life.answer(PrepareBatchResult(Prepared(attempt), out, withdrawn=["limited"]))
    assert life.asks is not None
    assert life.asks.message == (
        "gone",
        "removed_from_batch",
        make_reason("the payee has no trustline"),
    )
    life.answer(None)
    assert life.asks.message == ("limited", "retry")
    life.answer(None)
    assert life.asks.step == "submit_payment"


async def test_a_life_about_to_end_goes_on_when_its_name_is_given_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All its members had left; by the time it learns so, the first of them leads a new batch."""
    play_temporal(monkeypatch)
    life = BatchWorkflowRun(Batch("again", 1))
    life.hear("gathered")
    life.answer(PrepareBatchResult(EmptyBatch()))
    assert life.asks is not None
    assert life.asks.step == "prepare_batch"
    life.answer(PrepareBatchResult(EmptyBatch()))
    assert (life.asks, life.receipt) == (None, 0)


async def test_a_quarantined_batch_is_looked_at_again_in_case_a_word_was_lost(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.observations = [Observation(AttemptOutcome.FOREIGN)] * 2
    steps.payments.settled = ["looked-at"]
    life = await environment.client.start_workflow(
        BatchWorkflow.run,
        Batch("looked-at", 1),
        id="batch/looked-at/1",
        task_queue="settlement",
    )
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await life.result() == 1
    told = await life.query(BatchWorkflow.timeline)
    looks = [entry.at for entry in told if "quarantined: " in entry.what]
    assert looks[1] - looks[0] >= timedelta(hours=1)
