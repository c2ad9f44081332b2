"""
Lives down the paths that only bad luck or people take: what a running stack would have to be
tormented into, played on stand-ins and on a server that skips time.

Each scene is given stand-ins of its own, says which histories it keeps, and answers the lives.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict
from domain.settlement.payments import JudgeOutageResult
from domain.settlement.wallets import SignedChallenge
from domain.sla.attestations import Call, CallStatus
from domain.sla.disputes import Dispute, DisputeDecision, Review
from domain.sla.outages import (
    Amendment,
    Cancellation,
    OutageStatus,
)
from domain.webhooks import Delivery
from tests.workflows import rare_scenarios
from tests.workflows.conftest import ASKER, FakeActivities, reaches, time_skipping
from tests.workflows.test_outages import IN_TIME, LATE, declared
from tests.workflows.time_skipping_server import (
    Handle,
    Kept,
    Scene,
    Stage,
    keeps,
)
from workflows.attestations import AttestationWorkflow
from workflows.integrity_checks import IntegrityCheckWorkflow
from workflows.outages import OutageWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.wallets import WALLET_WORKFLOWS, ProveWalletWorkflow
from workflows.webhooks import WebhookWorkflow


@keeps("outage-halted", "attestation-halted")
async def halted(stage: Stage) -> Kept:
    """The contract denies a verdict; a person has it asked again, after another's call."""
    steps, problem = stage.steps.attestations, "parity error: amount_stroops differs"
    stage.steps.outages.attest, stage.steps.outages.window_seconds = True, 0
    steps.in_the_way = [Call("other", 1, 1, "GOPERATOR", 6, 90, "theirs", "xdr")] * 2
    steps.statuses = [CallStatus.EXPIRED, CallStatus.OPEN, CallStatus.OPEN, CallStatus.ANSWERED]
    steps.problems = [problem]
    with stage.environment.with_time_skipping_disabled():
        life = await declared(stage.client, "halted")
    await life.execute_update(OutageWorkflow.resolve, LATE)
    word = stage.client.get_workflow_handle("attestation/halted/1")
    async with stage.waiting(life, "nothing is paid: "):
        await word.signal(AttestationWorkflow.retry)
    await life.result()
    return {"outage-halted": life, "attestation-halted": word}


@keeps("outage-ended")
async def ended(stage: Stage) -> Kept:
    """Somebody ends the attestation by hand: it is asked for again."""
    stage.steps.outages.attest, stage.steps.outages.window_seconds = True, 0
    stage.steps.attestations.problems = ["parity error: rating differs"]
    with stage.environment.with_time_skipping_disabled():
        life = await declared(stage.client, "ended")
    await life.execute_update(OutageWorkflow.resolve, LATE)
    word = stage.client.get_workflow_handle("attestation/ended/1")
    async with stage.waiting(life, "nothing is paid: "):
        await word.terminate("by hand")
    await life.result()
    return {"outage-ended": life}


@keeps("outage-disputed")
async def disputed(stage: Stage) -> Kept:
    """A dispute whose decision brings another verdict, attested under its own name, with webhooks."""
    book = stage.steps.outages
    book.attest = True
    for step in ("record_outage", "judge_outage", "file_dispute", "decide_dispute", "close_outage"):
        book.deliveries[step] = [f"dlv-{step}"]
    with stage.environment.with_time_skipping_disabled():
        life = await declared(stage.client, "disputed")
        await life.execute_update(OutageWorkflow.amend, Amendment(ASKER, {"site_name": "Mast 8"}))
        await life.execute_update(OutageWorkflow.resolve, LATE)
        await life.execute_update(
            OutageWorkflow.file_dispute, Dispute("dsp-1", "disputed", "measured wrongly", ASKER)
        )
        decision = DisputeDecision("dsp-1", True, ASKER, "it was 5", 5)
        await life.execute_update(OutageWorkflow.review_dispute, Review("dsp-1", ASKER))
        judged: JudgeOutageResult = await life.execute_update(
            OutageWorkflow.decide_dispute, decision
        )
        assert judged.revision == 2
        await life.result()
    return {"outage-disputed": life}


@keeps("outage-signalled")
async def signalled(stage: Stage) -> Kept:
    """What may be asked by an update, asked by signals; one of them comes too late."""
    with stage.environment.with_time_skipping_disabled():
        life = await declared(stage.client, "signalled")
        await life.signal(OutageWorkflow.resolve_signal, IN_TIME)
        await reaches(life, OutageStatus.DISPUTABLE)
        await life.signal(OutageWorkflow.cancel, Cancellation(ASKER, "a false alarm"))
        dispute = Dispute("dsp-2", "signalled", "no", ASKER)
        await life.execute_update(OutageWorkflow.file_dispute, dispute)
        await life.signal(
            OutageWorkflow.resolve_dispute, DisputeDecision("dsp-2", False, ASKER, "stands")
        )
        await life.result()
    return {"outage-signalled": life}


@keeps("outage-refused")
async def refused(stage: Stage) -> Kept:
    """The book refuses for a minute what nobody waits for."""
    stage.steps.outages.window_seconds = 0
    stage.steps.outages.refusals["owe_payment"] = Conflict("the agreement has no provider")
    with stage.environment.with_time_skipping_disabled():
        life = await declared(stage.client, "refused")
    await life.execute_update(OutageWorkflow.resolve, LATE)
    await stage.noted(life, "cannot go on: ")
    await stage.environment.fast_forward(life, timedelta(minutes=1))
    await life.result()
    return {"outage-refused": life}


@keeps("webhook-late", "webhook-abandoned")
async def abandoned(stage: Stage) -> Kept:
    """A receiver that is down for hours, and one that is down for days."""
    stage.steps.webhooks.failures = 5
    late = await stage.begin(
        WebhookWorkflow.run, Delivery("dlv-late"), "webhook/dlv-late", queue="webhooks"
    )
    await late.result()
    stage.steps.webhooks.failures = 10**6
    delivery = Delivery("dlv-abandoned")
    life = await stage.begin(
        WebhookWorkflow.run, delivery, "webhook/dlv-abandoned", queue="webhooks"
    )
    await life.result()
    return {"webhook-late": late, "webhook-abandoned": life}


@keeps("reconciliation-told", "reconciliation-down")
async def compared(stage: Stage) -> Kept:
    """Journal and chain, once with the chain and once without."""
    kept: Kept = {}
    for name, down in (("told", False), ("down", True)):
        stage.steps.reconciliation.down = down
        life = await stage.begin(
            ReconciliationWorkflow.run, None, f"reconciliation-{name}", queue="analytics"
        )
        await life.result()
        kept[f"reconciliation-{name}"] = life
    return kept


@keeps("inspection-told", "inspection-twice")
async def inspected(stage: Stage) -> Kept:
    """The book, once at once and once after the database was away."""
    kept: Kept = {}
    for name, failures in (("told", 0), ("twice", 1)):
        stage.steps.integrity_checks.failures = failures
        life = await stage.begin(
            IntegrityCheckWorkflow.run, None, f"inspection-{name}", queue="analytics"
        )
        await life.result()
        kept[f"inspection-{name}"] = life
    return kept


def _verb(errand: type) -> str:
    return errand.__name__.removesuffix("WalletWorkflow").lower()


@keeps("wallet-unproven", *(f"wallet-{_verb(errand)}" for errand in WALLET_WORKFLOWS))
async def errands(stage: Stage) -> Kept:
    """Each errand about a wallet, and one that is refused."""
    kept: Kept = {}
    for errand in WALLET_WORKFLOWS:
        name = _verb(errand)
        message = (
            SignedChallenge("GWALLET", "signed") if errand is ProveWalletWorkflow else "GWALLET"
        )
        life = await stage.begin(errand.run, message, f"wallet/{name}/GWALLET/1")
        await life.result()
        kept[f"wallet-{name}"] = life
    life = await stage.begin(
        ProveWalletWorkflow.run, SignedChallenge("GWALLET", ""), "wallet/prove/GWALLET/2"
    )
    try:
        await life.result()
    except WorkflowFailureError:
        kept["wallet-unproven"] = life
    return kept


SCENE_SECONDS = 60
SCENES: list[Scene] = [
    *rare_scenarios.SCENES,
    *(halted, ended, disputed, signalled, refused),
    *(abandoned, compared, inspected, errands),
]


NAMES = frozenset[str]().union(*(scene.names for scene in [*SCENES, *rare_scenarios.LONG_SCENES]))
SHORT_HISTORIES = "limit.historyCount.suggestContinueAsNew=100"


async def play(keep: Callable[[str, Handle], Awaitable[None]]) -> None:
    """Play every scene, and keep the lives it answers."""
    async with await time_skipping() as environment:
        await _play(SCENES, environment, keep)
    async with await time_skipping(SHORT_HISTORIES, skips=10_000) as environment:
        await _play(rare_scenarios.LONG_SCENES, environment, keep)


async def _play(
    scenes: Sequence[Scene],
    environment: WorkflowEnvironment,
    keep: Callable[[str, Handle], Awaitable[None]],
) -> None:
    for scene in scenes:
        steps = FakeActivities()
        async with AsyncExitStack() as stack:
            for worker in steps.workers(environment.client):
                await stack.enter_async_context(worker)
            async with asyncio.timeout(SCENE_SECONDS):
                kept = await scene.record(Stage(environment, steps))
            for name, life in kept.items():
                await keep(name, life)
