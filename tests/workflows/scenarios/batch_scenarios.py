"""What may happen to batches but seldom does; each scene returns the workflows to keep."""

from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    Prepared,
)
from domain.settlement.batches import (
    Batch,
    EmptyBatch,
    FailBatchResult,
    ObstructedBatch,
    PrepareBatchResult,
    RemovedPayment,
)
from tests.testkit.reasons import make_reason, parse_answer
from tests.workflows.fakes.fake_payment_activities import DETECTED
from tests.workflows.fakes.time_skipping_server import Kept, Stage, keeps
from workflows.batches import BatchingWorkflow, BatchWorkflow

FAR = DETECTED.replace(year=2126)
FOREIGN, OPEN = Observation(AttemptOutcome.FOREIGN), Observation(AttemptOutcome.OPEN)
OUTBID = parse_answer("ERROR txINSUFFICIENT_FEE")


@keeps("batch-member-removed")
async def remove_member(stage: Stage) -> Kept:
    """One member is removed before signing and one by the chain; the rest is tried again and settled."""
    fakes = stage.activities.payments
    first = Attempt("pay-a", 1, "GCHANNEL", 7, 100, "hash-0", "xdr", False)
    fakes.left = [
        PrepareBatchResult(
            Prepared(first),
            [RemovedPayment("pay-b", make_reason("no trustline"))],
        )
    ]
    fakes.observations = [OPEN, Observation(AttemptOutcome.EXPIRED)]
    fakes.observations += [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")]
    again = Batch("pay-a", 2, resubmitted=True)
    fakes.removals = [FailBatchResult([RemovedPayment("pay-c", make_reason("no account"))], again)]
    fakes.settled = ["pay-a", "pay-d"]
    fakes.in_batch, names = 2, ("pay-a", "pay-b", "pay-c")
    with stage.environment.with_time_skipping_disabled():
        for name in names[:2]:  # the others have no workflow of their own
            await stage.pay(name)
        handle = await stage.begin(BatchWorkflow.run, Batch("pay-a", 1), "batch/pay-a/1")
        await handle.result()
    return {"batch-member-removed": handle}


@keeps("batch-quarantined", "batch-all-members-removed", "batch-failed-on-chain")
async def fail_batches(stage: Stage) -> Kept:
    """Unknown bytes and a person's signal; a bid too low; no member left to settle."""
    fakes = stage.activities.payments
    fakes.observations = [FOREIGN]
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.begin(BatchWorkflow.run, Batch("pay-q", 1), "batch/pay-q/1")
    async with stage.waiting(handle, "quarantined: "):
        fakes.answers, fakes.bids = [OUTBID], ["bid-q"]
        await handle.signal(BatchWorkflow.retry)
        await handle.result()
    fakes.left = [
        PrepareBatchResult(EmptyBatch(), [RemovedPayment("pay-z", make_reason("frozen"))])
    ]
    emptied = await stage.begin(BatchWorkflow.run, Batch("pay-z", 1), "batch/pay-z/1")
    await emptied.result()
    fakes.observations = [Observation(AttemptOutcome.FAILED_BLOCKED, reason="txFAILED")]
    fakes.removals = [FailBatchResult([RemovedPayment("pay-y", make_reason("frozen"))], None)]
    undone = await stage.begin(BatchWorkflow.run, Batch("pay-y", 1), "batch/pay-y/1")
    await undone.result()
    return {
        "batch-quarantined": handle,
        "batch-all-members-removed": emptied,
        "batch-failed-on-chain": undone,
    }


@keeps("batch-reformed")
async def reform_batch(stage: Stage) -> Kept:
    """Nothing can be signed, and a batch of the same name is formed meanwhile."""
    stage.activities.payments.left = [
        PrepareBatchResult(ObstructedBatch(make_reason("the treasury is short")))
    ]
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.begin(BatchWorkflow.run, Batch("pay-n", 1), "batch/pay-n/1")
    async with stage.waiting(handle, "nothing can be signed: "):
        await handle.signal(BatchWorkflow.batch_reformed)
        await handle.signal(BatchWorkflow.retry)
    await handle.result()
    return {"batch-reformed": handle}


@keeps("batching-ended")
async def form_batches(stage: Stage) -> Kept:
    """Two batches at once, one whose workflow runs already, and then nothing is left to batch."""
    one, two, three = (Batch(f"pay-{n}", 1) for n in (1, 2, 3))
    stage.activities.payments.formed_batches = [[one, two], [], [two, three], None]
    handle = await stage.begin(BatchingWorkflow.run, None, "batching")
    await handle.result()
    return {"batching-ended": handle}


SCENES = [remove_member, fail_batches, reform_batch, form_batches]
