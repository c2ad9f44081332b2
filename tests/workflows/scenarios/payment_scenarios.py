"""What may happen to payments but seldom does; each scene returns the workflows to keep."""

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
from domain.settlement.envelopes import SendAnswer, SendStatus
from domain.settlement.manual_matches import MatchTransferRequest
from tests.testkit.reasons import make_reason, parse_answer
from tests.workflows.conftest import down, match_transfer
from tests.workflows.fakes.fake_payment_activities import DETECTED
from tests.workflows.fakes.time_skipping_server import Kept, Stage, keeps
from workflows.payments import PaymentWorkflow

FAR = DETECTED.replace(year=2126)
FOREIGN, OPEN = Observation(AttemptOutcome.FOREIGN), Observation(AttemptOutcome.OPEN)
OUTBID = parse_answer("ERROR txINSUFFICIENT_FEE")


@keeps("payment")
async def pay(stage: Stage) -> Kept:
    """Nothing happens to it but that it has a workflow, as after a restart."""
    handle = await stage.pay("plain")
    await handle.result()
    return {"payment": handle}


@keeps("payment-fee-raised")
async def raise_fee(stage: Stage) -> Kept:
    """The fee is too low twice: a node says so, and ledgers close without it."""
    fakes = stage.activities.payments
    fakes.answers = [OUTBID, parse_answer("PENDING"), OUTBID]
    fakes.bids, fakes.observations = ["bid-1", "bid-2"], [OPEN] * 2
    handle = await stage.pay("bumped")
    await handle.result()
    return {"payment-fee-raised": handle}


@keeps("payment-on-hold")
async def hold_payment(stage: Stage) -> Kept:
    """Above the limit of the day for a while, then waiting for two approvals."""
    fakes = stage.activities.payments
    fakes.holds = [OnHold(make_reason("the day is used up"), DETECTED)] * 2
    fakes.holds.append(OnHold(make_reason("waits for approval by 2 people"), FAR))
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay("on_hold")
    async with stage.waiting(handle, "on hold: waits for approval"):
        await handle.signal(PaymentWorkflow.retry)
    await handle.result()
    return {"payment-on-hold": handle}


@keeps("payment-matched-manually")
async def match_manually(stage: Stage) -> Kept:
    """On hold, it was paid out of band, and a person says so."""
    stage.activities.payments.holds = [OnHold(make_reason("above the cap"), FAR)]
    transfer = MatchTransferRequest("ab" * 32, "ticket 7", Request("admin", "corr-7"))
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay("adopted")
    async with stage.waiting(handle, "on hold: above the cap"):
        await match_transfer(handle, transfer)
    await handle.result()
    return {"payment-matched-manually": handle}


@keeps("payment-circuit-breaker-open")
async def open_circuit_breaker(stage: Stage) -> Kept:
    """The circuit breaker is open before anything is signed, and again before it is sent."""
    fakes = stage.activities.payments
    fakes.holds = [OnHold(make_reason("the circuit breaker is open"), FAR)]
    unsent = SendAnswer(SendStatus.NOT_SENT, "not sent, the circuit breaker is open")
    fakes.answers, fakes.observations = [unsent] * 2, [OPEN] * 2
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay("stopped")
    async with stage.waiting(handle, "on hold: the circuit breaker is open"):
        await handle.signal(PaymentWorkflow.retry)
    await handle.result()
    return {"payment-circuit-breaker-open": handle}


@keeps("payment-waits-for-channel")
async def wait_for_channel(stage: Stage) -> Kept:
    """No channel is free: it asks again by itself, twice."""
    fakes = stage.activities.payments
    soon = (DETECTED.replace(year=year) for year in (2226, 2326))
    fakes.holds = [AwaitingChannel(at) for at in soon]
    handle = await stage.pay("queued")
    await handle.result()
    return {"payment-waits-for-channel": handle}


@keeps("payment-blocked")
async def block_payment(stage: Stage) -> Kept:
    """Blocked three times: tried again by a signal, after an hour, and after the chain refused it for good."""
    fakes = stage.activities.payments
    fakes.obstacles = ["the payee has no trustline"] * 2
    fakes.observations = [
        Observation(AttemptOutcome.EXPIRED),
        Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED"),
        Observation(AttemptOutcome.FAILED_BLOCKED, reason="the issuer has frozen it"),
    ]
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay("blocked")
    async with stage.waiting(handle, "blocked: "):
        await handle.signal(PaymentWorkflow.retry)
    for times in (2, 3):
        await stage.noted(handle, "blocked: ", times)
        await stage.environment.fast_forward(handle, timedelta(hours=1))
    await handle.result()
    return {"payment-blocked": handle}


@keeps("payment-quarantined")
async def quarantine_payment(stage: Stage) -> Kept:
    """Unknown bytes, a person's signal, the same again; then its own bytes are found after all."""
    fakes = stage.activities.payments
    fakes.observations = [FOREIGN]
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay("quarantined")
    async with stage.waiting(handle, "quarantined: "):
        fakes.observations = [FOREIGN]
        await handle.signal(PaymentWorkflow.retry)
        await stage.noted(handle, "quarantined: ", 2)
        await handle.signal(PaymentWorkflow.retry)
    await handle.result()
    return {"payment-quarantined": handle}


@keeps("payment-no-op-transaction")
async def use_no_op_transaction(stage: Stage) -> Kept:
    """Bytes expired that no payment can follow: a no-op transaction uses up their sequence, and the payee must act."""
    fakes, said = stage.activities.payments, "the payee has no trustline"
    noop = Attempt("voided", 1, "GCHANNEL", 7, 200, "hash-noop", "xdr", False, noop_reason=said)
    fakes.holds = [
        Prepared(noop),
        Blocked(make_reason(said), dead_after=200),
    ]
    fakes.observations = [Observation(AttemptOutcome.FAILED_BLOCKED, reason=said)]
    handle = await stage.pay("voided")
    await handle.result()
    return {"payment-no-op-transaction": handle}


@keeps("payment-nodes-down")
async def survive_nodes_down(stage: Stage) -> Kept:
    """Every node is down for an hour, and then the transactions fail for a while."""
    fakes = stage.activities.payments
    fakes.troubles["prepare_payment"] = down
    fakes.observations = [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")] * 3
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay("outlasted")
        await stage.noted(handle, "cannot prepare payment: ")
        await stage.environment.fast_forward(handle, timedelta(hours=1))
        fakes.troubles.clear()
    await stage.environment.fast_forward(handle, None)
    await handle.result()
    return {"payment-nodes-down": handle}


@keeps("payment-quarantine-rechecked")
async def recheck_quarantine(stage: Stage) -> Kept:
    """Unknown bytes, and nobody signals: it looks again by itself, until its own bytes are found."""
    stage.activities.payments.observations = [FOREIGN] * 3
    handle = await stage.pay("looked-at")
    await handle.result()
    return {"payment-quarantine-rechecked": handle}


@keeps("payment-continued-as-new")
async def continue_as_new(stage: Stage) -> Kept:
    """Blocked for so long that its history has grown long: it continues as new."""
    stage.activities.payments.obstacles = ["the payee has no trustline"] * 60
    handle = await stage.pay("long")
    first = (await handle.describe()).run_id
    await handle.result()
    assert (await handle.describe()).run_id != first
    return {"payment-continued-as-new": stage.client.get_workflow_handle(handle.id, run_id=first)}


@keeps("payment-in-batch")
async def wait_in_batch(stage: Stage) -> Kept:
    """Waits for a batch: it is removed from one, checks by itself after a while, and is signalled by another."""
    stage.activities.payments.in_batch = 3
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.pay("gathered")
    async with stage.waiting(handle, "ready; waits"):
        for _ in range(2):  # signalled more than once, the second one is stale
            await handle.signal(
                PaymentWorkflow.removed_from_batch, make_reason("the payee has no trustline")
            )
        await stage.noted(handle, "blocked: ")
        await handle.signal(PaymentWorkflow.retry)
    await stage.noted(handle, "ready; waits", 2)
    await stage.environment.fast_forward(handle, timedelta(minutes=10))
    await stage.noted(handle, "ready; waits", 3)
    await handle.signal(PaymentWorkflow.retry)
    await handle.result()
    return {"payment-in-batch": handle}


SCENES = [
    *(
        pay,
        raise_fee,
        hold_payment,
        match_manually,
        open_circuit_breaker,
        wait_for_channel,
        block_payment,
        quarantine_payment,
        wait_in_batch,
    ),
    *(use_no_op_transaction, survive_nodes_down, recheck_quarantine),
]
# On a server that suggests continue-as-new while histories are still short.
LONG_SCENES = [continue_as_new]
