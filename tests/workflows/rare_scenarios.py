"""What may happen to payments and batches but seldom does; each scene answers the lives to keep."""

from datetime import timedelta

from domain.requests import Request
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    AwaitingChannel,
    Blocked,
    Observation,
    OnHold,
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
from domain.settlement.envelopes import SendAnswer, SendStatus
from domain.settlement.manual_matches import MatchTransferRequest
from tests.testkit.reasons import make_reason, parse_answer
from tests.workflows.conftest import down
from tests.workflows.fake_payment_activities import DETECTED
from tests.workflows.time_skipping_server import Kept, Stage, keeps
from workflows.batches import BatchingWorkflow, BatchWorkflow
from workflows.payments import PaymentWorkflow

FAR = DETECTED.replace(year=2126)
FOREIGN, OPEN = Observation(AttemptOutcome.FOREIGN), Observation(AttemptOutcome.OPEN)
OUTBID = parse_answer("ERROR txINSUFFICIENT_FEE")


@keeps("payment-bumped")
async def bumped(stage: Stage) -> Kept:
    """The fee is too low twice: said by an answer, and by the ledgers that pass."""
    steps = stage.steps.payments
    steps.answers = [OUTBID, parse_answer("PENDING"), OUTBID]
    steps.bids, steps.observations = ["bid-1", "bid-2"], [OPEN] * 2
    life = await stage.pay("bumped")
    await life.result()
    return {"payment-bumped": life}


@keeps("payment-held")
async def held(stage: Stage) -> Kept:
    """Over a limit for a while, then waiting for two people."""
    steps = stage.steps.payments
    steps.holds = [OnHold(make_reason("the day is used up"), DETECTED)] * 2
    steps.holds.append(OnHold(make_reason("waits for approval by 2 people"), FAR))
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay("on_hold")
    async with stage.waiting(life, "on hold: waits for approval"):
        await life.signal(PaymentWorkflow.retry)
    await life.result()
    return {"payment-held": life}


@keeps("payment-adopted")
async def adopted(stage: Stage) -> Kept:
    """Held, it was paid out of band, and a person says so."""
    stage.steps.payments.holds = [OnHold(make_reason("above the cap"), FAR)]
    find_out_of_band = MatchTransferRequest("ab" * 32, "ticket 7", Request("admin", "corr-7"))
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay("adopted")
    async with stage.waiting(life, "on hold: above the cap"):
        await life.execute_update(PaymentWorkflow.adopt, find_out_of_band)
    await life.result()
    return {"payment-adopted": life}


@keeps("payment-stopped")
async def stopped(stage: Stage) -> Kept:
    """The circuit breaker is open before anything is signed, and again before it is sent."""
    steps = stage.steps.payments
    steps.holds = [OnHold(make_reason("the circuit breaker is open"), FAR)]
    unsent = SendAnswer(SendStatus.NOT_SENT, "not sent, the circuit breaker is open")
    steps.answers, steps.observations = [unsent] * 2, [OPEN] * 2
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay("stopped")
    async with stage.waiting(life, "on hold: the circuit breaker is open"):
        await life.signal(PaymentWorkflow.retry)
    await life.result()
    return {"payment-stopped": life}


@keeps("payment-queued")
async def queued(stage: Stage) -> Kept:
    """In line for a channel: it asks again by itself, and then because it was told to."""
    steps = stage.steps.payments
    soon = (DETECTED.replace(year=year) for year in (2226, 2326))
    steps.holds = [AwaitingChannel(at) for at in soon]
    life = await stage.pay("queued")
    await life.result()
    return {"payment-queued": life}


@keeps("payment-parked")
async def parked(stage: Stage) -> Kept:
    """Tried again once told, once after an hour, once after the chain has refused it for good."""
    steps = stage.steps.payments
    steps.obstacles = ["the payee has no trustline"] * 2
    steps.observations = [
        Observation(AttemptOutcome.EXPIRED),
        Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED"),
        Observation(AttemptOutcome.FAILED_BLOCKED, reason="the issuer has frozen it"),
    ]
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay("blocked")
    async with stage.waiting(life, "blocked: "):
        await life.signal(PaymentWorkflow.retry)
    for times in (2, 3):
        await stage.noted(life, "blocked: ", times)
        await stage.environment.fast_forward(life, timedelta(hours=1))
    await life.result()
    return {"payment-parked": life}


@keeps("payment-quarantined")
async def quarantined(stage: Stage) -> Kept:
    """Unknown bytes, a person's word, the same again; then ours are found after all."""
    steps = stage.steps.payments
    steps.observations = [FOREIGN]
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay("quarantined")
    async with stage.waiting(life, "quarantined: "):
        steps.observations = [FOREIGN]
        await life.signal(PaymentWorkflow.retry)
        await stage.noted(life, "quarantined: ", 2)
        await life.signal(PaymentWorkflow.retry)
    await life.result()
    return {"payment-quarantined": life}


@keeps("payment-voided")
async def voided(stage: Stage) -> Kept:
    """Bytes died that no payment can follow: a no-op transaction uses up their sequence, and the payee must act."""
    steps, said = stage.steps.payments, "the payee has no trustline"
    void = Attempt("voided", 1, "GCHANNEL", 7, 200, "hash-void", "xdr", False, noop_reason=said)
    steps.holds = [
        Prepared(void),
        Blocked(make_reason(said), dead_after=200),
    ]
    steps.observations = [Observation(AttemptOutcome.FAILED_BLOCKED, reason=said)]
    life = await stage.pay("voided")
    await life.result()
    return {"payment-voided": life}


@keeps("payment-outlasted")
async def outlasted(stage: Stage) -> Kept:
    """Every node is down for an hour, and then the chain refuses for a while what it is sent."""
    steps = stage.steps.payments
    steps.troubles["prepare_payment"] = down
    steps.observations = [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")] * 3
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay("outlasted")
        await stage.noted(life, "cannot prepare payment: ")
        await stage.environment.fast_forward(life, timedelta(hours=1))
        steps.troubles.clear()
    await stage.environment.fast_forward(life, None)
    await life.result()
    return {"payment-outlasted": life}


@keeps("payment-looked-at")
async def looked_at_again(stage: Stage) -> Kept:
    """Unknown bytes, and nobody comes: it looks by itself, until ours are found."""
    stage.steps.payments.observations = [FOREIGN] * 3
    life = await stage.pay("looked-at")
    await life.result()
    return {"payment-looked-at": life}


@keeps("payment-started-over")
async def started_over(stage: Stage) -> Kept:
    """So long in the way that its history has exponential_backoff: the rest of it is another run."""
    stage.steps.payments.obstacles = ["the payee has no trustline"] * 60
    life = await stage.pay("long")
    first = (await life.describe()).run_id
    await life.result()
    assert (await life.describe()).run_id != first
    return {"payment-started-over": stage.client.get_workflow_handle(life.id, run_id=first)}


@keeps("payment-gathered")
async def gathered(stage: Stage) -> Kept:
    """Waits for a batch: it is left out of one, looked for after a while, and woken by another."""
    stage.steps.payments.in_batch = 3
    with stage.environment.with_time_skipping_disabled():
        life = await stage.pay("gathered")
    async with stage.waiting(life, "ready; waits"):
        for _ in range(2):  # told more than once, the second word goes stale
            await life.signal(
                PaymentWorkflow.removed_from_batch, make_reason("the payee has no trustline")
            )
        await stage.noted(life, "blocked: ")
        await life.signal(PaymentWorkflow.retry)
    await stage.noted(life, "ready; waits", 2)
    await stage.environment.fast_forward(life, timedelta(minutes=10))
    await stage.noted(life, "ready; waits", 3)
    await life.signal(PaymentWorkflow.retry)
    await life.result()
    return {"payment-gathered": life}


@keeps("batch-removed")
async def batched(stage: Stage) -> Kept:
    """One payment is left out at first and one by the chain; the rest is tried again and settled."""
    steps = stage.steps.payments
    first = Attempt("pay-a", 1, "GCHANNEL", 7, 100, "hash-0", "xdr", False)
    steps.left = [
        PrepareBatchResult(
            Prepared(first),
            [RemovedPayment("pay-b", make_reason("no trustline"))],
            ["dlv-batched-1"],
        )
    ]
    steps.observations = [OPEN, Observation(AttemptOutcome.EXPIRED)]
    steps.observations += [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")]
    again = Batch("pay-a", 2, resubmitted=True)
    steps.removals = [
        FailBatchResult(
            [RemovedPayment("pay-c", make_reason("no account"))], again, ["dlv-batched-2"]
        )
    ]
    steps.settled = ["pay-a", "pay-d"]
    steps.in_batch, names = 2, ("pay-a", "pay-b", "pay-c")
    with stage.environment.with_time_skipping_disabled():
        for name in names[:2]:  # the others have no life of their own
            await stage.pay(name)
        life = await stage.begin(BatchWorkflow.run, Batch("pay-a", 1), "batch/pay-a/1")
        await life.result()
    return {"batch-removed": life}


@keeps("batch-quarantined", "batch-emptied", "batch-undone")
async def batches_in_trouble(stage: Stage) -> Kept:
    """Unknown bytes and a person's word; a bid too low; nobody left to settle for."""
    steps = stage.steps.payments
    steps.observations = [FOREIGN]
    with stage.environment.with_time_skipping_disabled():
        life = await stage.begin(BatchWorkflow.run, Batch("pay-q", 1), "batch/pay-q/1")
    async with stage.waiting(life, "quarantined: "):
        steps.answers, steps.bids = [OUTBID], ["bid-q"]
        await life.signal(BatchWorkflow.retry)
        await life.result()
    steps.left = [
        PrepareBatchResult(EmptyBatch(), [RemovedPayment("pay-z", make_reason("frozen"))])
    ]
    emptied = await stage.begin(BatchWorkflow.run, Batch("pay-z", 1), "batch/pay-z/1")
    await emptied.result()
    steps.observations = [Observation(AttemptOutcome.FAILED_BLOCKED, reason="txFAILED")]
    steps.removals = [FailBatchResult([RemovedPayment("pay-y", make_reason("frozen"))], None, [])]
    undone = await stage.begin(BatchWorkflow.run, Batch("pay-y", 1), "batch/pay-y/1")
    await undone.result()
    return {"batch-quarantined": life, "batch-emptied": emptied, "batch-undone": undone}


@keeps("batch-gathered-anew")
async def reformed(stage: Stage) -> Kept:
    """An obstacle, and others are gathered under the name meanwhile."""
    stage.steps.payments.left = [
        PrepareBatchResult(ObstructedBatch(make_reason("the treasury is short")))
    ]
    with stage.environment.with_time_skipping_disabled():
        life = await stage.begin(BatchWorkflow.run, Batch("pay-n", 1), "batch/pay-n/1")
    async with stage.waiting(life, "nothing can be signed: "):
        await life.signal(BatchWorkflow.batch_reformed)
        await life.signal(BatchWorkflow.retry)
    await life.result()
    return {"batch-gathered-anew": life}


@keeps("gathering-ended")
async def gathering(stage: Stage) -> Kept:
    """Two batches at once, one that has a life already, and then nobody batches_payments any more."""
    one, two, three = (Batch(f"pay-{n}", 1) for n in (1, 2, 3))
    stage.steps.payments.formed_batches = [[one, two], [], [two, three], None]
    life = await stage.begin(BatchingWorkflow.run, None, "batching")
    await life.result()
    return {"gathering-ended": life}


SCENES = [
    *(bumped, held, adopted, stopped, queued, parked, quarantined, gathered),
    *(voided, outlasted, looked_at_again),
    *(batched, batches_in_trouble, reformed, gathering),
]
# On a server that has lives start over when their histories are still short.
LONG_SCENES = [started_over]
