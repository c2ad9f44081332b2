"""
Workflows on the paths that only failures or people lead to, played with fake activities on a server that
skips time.

Each scene gets fakes of its own, names the histories that it keeps, and returns the workflows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from domain.deliveries import Delivery, TriedDeliveries
from domain.errors import Conflict
from domain.settlement.owners.registrations import ChallengeWalletInput
from domain.settlement.owners.wallets import SignedChallenge
from domain.settlement.payments import JudgeOutageResult, Receipt
from domain.sla.attestations import Call, CallStatus
from domain.sla.disputes import Dispute, DisputeDecision, Review
from domain.sla.outages import (
    Amendment,
    Cancellation,
    OutageStatus,
)
from tests.workflows.conftest import FakeActivities, reaches, time_skipping
from tests.workflows.fakes.fake_outage_activities import ASKER
from tests.workflows.fakes.fake_payment_activities import DETECTED
from tests.workflows.fakes.time_skipping_server import (
    Handle,
    Kept,
    Scene,
    Stage,
    keeps,
)
from tests.workflows.scenarios import (
    batch_scenarios,
    job_scenarios,
    payment_scenarios,
    reversal_scenarios,
    scheduled_scenarios,
)
from tests.workflows.test_outage_states import begin, on_record
from tests.workflows.test_outages import IN_TIME, LATE, declared
from workflows.attestations import AttestationWorkflow
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.wallets import (
    WALLET_WORKFLOWS,
    ChallengeWalletWorkflow,
    ProveWalletWorkflow,
)
from workflows.webhooks import WebhookWorkflow


@keeps("outage-attestation-halted", "attestation-halted")
async def halt_attestation(stage: Stage) -> Kept:
    """The contract disagrees with a verdict; a person has it asked again, after another's call."""
    fakes, problem = stage.activities.attestations, "parity error: amount_stroops differs"
    stage.activities.outages.attest, stage.activities.outages.window_seconds = True, 0
    fakes.in_the_way = [Call("other", 1, 1, "GOPERATOR", 6, 90, "theirs", "xdr")] * 2
    fakes.statuses = [CallStatus.EXPIRED, CallStatus.OPEN, CallStatus.OPEN, CallStatus.ANSWERED]
    fakes.problems = [problem]
    with stage.environment.with_time_skipping_disabled():
        handle = await declared(stage.client, "halted")
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    attestation = stage.client.get_workflow_handle("attestation/halted/1")
    async with stage.waiting(handle, "nothing is paid: "):
        await attestation.signal(AttestationWorkflow.retry)
    await handle.result()
    return {"outage-attestation-halted": handle, "attestation-halted": attestation}


@keeps("outage-attestation-terminated")
async def terminate_attestation(stage: Stage) -> Kept:
    """Somebody terminates the attestation workflow: it is started again."""
    stage.activities.outages.attest, stage.activities.outages.window_seconds = True, 0
    stage.activities.attestations.problems = ["parity error: rating differs"]
    with stage.environment.with_time_skipping_disabled():
        handle = await declared(stage.client, "ended")
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    attestation = stage.client.get_workflow_handle("attestation/ended/1")
    async with stage.waiting(handle, "nothing is paid: "):
        await attestation.terminate("by an operator")
    await handle.result()
    return {"outage-attestation-terminated": handle}


@keeps("outage-disputed")
async def dispute(stage: Stage) -> Kept:
    """A dispute whose decision brings another verdict, attested under its own name, with webhooks."""
    fakes = stage.activities.outages
    fakes.attest = True
    stage.activities.webhooks.slow = [TriedDeliveries(5, 3, 2)]
    stage.activities.webhooks.tried = [TriedDeliveries(5, 4)]
    with stage.environment.with_time_skipping_disabled():
        handle = await declared(stage.client, "disputed")
        await handle.execute_update(OutageWorkflow.amend, Amendment(ASKER, {"site_name": "Mast 8"}))
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        await handle.execute_update(
            OutageWorkflow.file_dispute, Dispute("dsp-1", "disputed", "measured wrongly", ASKER)
        )
        decision = DisputeDecision("dsp-1", True, ASKER, "it was 5", 5)
        await handle.execute_update(OutageWorkflow.review_dispute, Review("dsp-1", ASKER))
        judged: JudgeOutageResult = await handle.execute_update(
            OutageWorkflow.decide_dispute, decision
        )
        assert judged.revision == 2
        await handle.result()
    return {"outage-disputed": handle}


@keeps("outage-asked-by-signals")
async def ask_by_signals(stage: Stage) -> Kept:
    """Signals ask what updates may ask; one of them comes too late."""
    with stage.environment.with_time_skipping_disabled():
        handle = await declared(stage.client, "signalled")
        await handle.signal("resolve", IN_TIME)
        await reaches(handle, OutageStatus.DISPUTABLE)
        await handle.signal("cancel", Cancellation(ASKER, "a false alarm"))
        dispute = Dispute("dsp-2", "signalled", "no", ASKER)
        await handle.execute_update(OutageWorkflow.file_dispute, dispute)
        await handle.signal("resolve_dispute", DisputeDecision("dsp-2", False, ASKER, "stands"))
        await handle.result()
    return {"outage-asked-by-signals": handle}


@keeps("outage-settlement-refused")
async def refuse_settlement(stage: Stage) -> Kept:
    """The database refuses the payment for a minute, and no caller waits for the answer."""
    stage.activities.outages.window_seconds = 0
    stage.activities.outages.refusals["owe_payment"] = Conflict("the agreement has no provider")
    with stage.environment.with_time_skipping_disabled():
        handle = await declared(stage.client, "refused")
    await handle.execute_update(OutageWorkflow.resolve, LATE)
    await stage.noted(handle, "cannot go on: ")
    await stage.environment.fast_forward(handle, timedelta(minutes=1))
    await handle.result()
    return {"outage-settlement-refused": handle}


@keeps("outage-payment-runs-already")
async def wait_for_receipt(stage: Stage) -> Kept:
    """The payment was started by somebody else: its receipt is waited for, until a signal says to look."""
    state = on_record("receipt", OutageStatus.SETTLING)
    assert state.judgement is not None
    fakes, payment = stage.activities.outages, state.judgement.payment
    fakes.on_record, fakes.judgement = state, state.judgement
    with stage.environment.with_time_skipping_disabled():
        stage.activities.payments.obstacles = ["the payee has no trustline"] * 2
        other = await stage.begin(PaymentWorkflow.run, payment, payment.workflow_id)
        await stage.noted(other, "blocked: ")
        handle = await begin(stage.client, "receipt")
        await stage.noted(handle, "waiting for its receipt")
        fakes.receipt = Receipt(payment.id, "hash", 42, 7, DETECTED)
        await handle.signal(OutageWorkflow.catch_up)
        await handle.result()
        await other.signal(PaymentWorkflow.retry)
        await other.result()
    return {"outage-payment-runs-already": handle}


@keeps("outage-workflow-cancelled", "outage-workflow-cancelled-late")
async def cancel_workflow(stage: Stage) -> Kept:
    """Somebody cancels the workflow: before the verdict the outage is called off, later it goes on."""
    # No time is skipped for a workflow that is asked to end.
    stage.activities.outages.window_seconds = 5
    with stage.environment.with_time_skipping_disabled():
        early = await declared(stage.client, "cancelled-early")
        await early.cancel()
        await early.result()
        late = await declared(stage.client, "cancelled-late")
        await late.execute_update(OutageWorkflow.resolve, IN_TIME)
        await late.cancel()
        await stage.noted(late, "cancelling this workflow changes nothing")
    await late.result()
    return {"outage-workflow-cancelled": early, "outage-workflow-cancelled-late": late}


@keeps("webhook-retried", "webhook-abandoned")
async def abandon_delivery(stage: Stage) -> Kept:
    """A receiver that is down for hours, and one that is down for days."""
    stage.activities.webhooks.failures = 5
    late = await stage.begin(
        WebhookWorkflow.run, Delivery("dlv-late"), "webhook/dlv-late", queue="webhooks"
    )
    await late.result()
    stage.activities.webhooks.failures = 10**6
    delivery = Delivery("dlv-abandoned")
    handle = await stage.begin(
        WebhookWorkflow.run, delivery, "webhook/dlv-abandoned", queue="webhooks"
    )
    await handle.result()
    return {"webhook-retried": late, "webhook-abandoned": handle}


def _verb(kind: type) -> str:
    return kind.__name__.removesuffix("WalletWorkflow").lower()


@keeps("wallet-unproven", *(f"wallet-{_verb(kind)}" for kind in WALLET_WORKFLOWS))
async def run_wallet_requests(stage: Stage) -> Kept:
    """Each request about a wallet, and one that is refused."""
    kept: Kept = {}
    messages: dict[type, object] = {
        ChallengeWalletWorkflow: ChallengeWalletInput("GWALLET", "ada"),
        ProveWalletWorkflow: SignedChallenge("GWALLET", "signed"),
    }
    for kind in WALLET_WORKFLOWS:
        name = _verb(kind)
        message = messages.get(kind, "GWALLET")
        handle = await stage.begin(kind.run, message, f"wallet/{name}/GWALLET/1")
        await handle.result()
        kept[f"wallet-{name}"] = handle
    handle = await stage.begin(
        ProveWalletWorkflow.run, SignedChallenge("GWALLET", ""), "wallet/prove/GWALLET/2"
    )
    try:
        await handle.result()
    except WorkflowFailureError:
        kept["wallet-unproven"] = handle
    return kept


SCENE_SECONDS = 60
SCENES: list[Scene] = [
    *payment_scenarios.SCENES,
    *batch_scenarios.SCENES,
    *reversal_scenarios.SCENES,
    *scheduled_scenarios.SCENES,
    *job_scenarios.SCENES,
    *(halt_attestation, terminate_attestation, dispute, ask_by_signals, refuse_settlement),
    *(wait_for_receipt, cancel_workflow),
    *(abandon_delivery, run_wallet_requests),
]


NAMES = frozenset[str]().union(
    *(scene.names for scene in [*SCENES, *payment_scenarios.LONG_SCENES])
)
SHORT_HISTORIES = "limit.historyCount.suggestContinueAsNew=100"


async def play(keep: Callable[[str, Handle], Awaitable[None]]) -> None:
    """Play every scene, and keep the workflows that it returns."""
    async with await time_skipping() as environment:
        await _play(SCENES, environment, keep)
    async with await time_skipping(SHORT_HISTORIES, skips=10_000) as environment:
        await _play(payment_scenarios.LONG_SCENES, environment, keep)


async def _play(
    scenes: Sequence[Scene],
    environment: WorkflowEnvironment,
    keep: Callable[[str, Handle], Awaitable[None]],
) -> None:
    for scene in scenes:
        fakes = FakeActivities()
        async with AsyncExitStack() as stack:
            for worker in fakes.workers(environment.client):
                await stack.enter_async_context(worker)
            async with asyncio.timeout(SCENE_SECONDS):
                kept = await scene.record(Stage(environment, fakes))
            for name, handle in kept.items():
                await keep(name, handle)
