"""
Workflows alone: a real Temporal server that skips time, and typed stand-ins for the steps.

The stand-ins remember what they were asked; the domain's own rules fill in the answers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from domain.disputes import Deciding, Filed, Filing, ReviewDisputeInput
from domain.outages import (
    Amending,
    Cancelling,
    Closure,
    Declaration,
    Declaring,
    Judgement,
    Judging,
    Outage,
    OutageStatus,
    Recorded,
    Request,
)
from domain.payments import Closing, Payment, Settling
from domain.sla import Severity, Terms, judge
from sandbox.temporal import SEARCH_ATTRIBUTES, binary
from tests.workflows.stand_ins import (
    DETECTED,
    FakeAttestations,
    FakeBatches,
    FakeInspections,
    FakeReconciliation,
    FakeWallets,
    FakeWebhooks,
    payment,
    steps_of,
)
from worker.main import LIVES
from worker.refusals import Refusals
from worker.sandbox import strict_sandbox
from workflows.attestations import AttestationSteps
from workflows.batches import BatchSteps
from workflows.disputes import DisputeSteps
from workflows.inspections import InspectionSteps
from workflows.outages import OutageSteps, OutageWorkflow
from workflows.payments import PaymentSteps
from workflows.reconciliation import ReconciliationSteps
from workflows.wallets import WalletSteps
from workflows.webhooks import WebhookSteps

TERMS = Terms(threshold_minutes=15, penalty_per_minute=100, reward_base=750)
DAY = 86_400
ASKER = Request("tester", "corr-1")
LIMIT_SECONDS = 20


def down() -> Exception:
    """Tried again at once, so that only what the life waits for takes time."""
    return ApplicationError("every node is down", next_retry_delay=timedelta(milliseconds=1))


def outage(outage_id: str, severity: Severity = Severity.CRITICAL) -> Outage:
    return Outage(outage_id, "Mast 7", severity, DETECTED)


def declaration(outage_id: str) -> Declaration:
    return Declaration(outage(outage_id), ASKER, "standard", "default")


class FakeOutages(OutageSteps, DisputeSteps):
    """The book in memory: enough of it to see what the workflow asked for, and in which order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusals: dict[str, Exception] = {}
        self.troubles: dict[str, Callable[[], Exception]] = {}
        self.judgement: Judgement | None = None
        self.deliveries: dict[str, list[str]] = {}
        self.attest = False
        self.window_seconds = DAY

    def _note(self, step: str) -> list[str]:
        self.asked.append(step)
        if step in self.troubles:
            raise self.troubles[step]()
        if step in self.refusals:
            raise self.refusals.pop(step)
        return self.deliveries.get(step, [])

    @activity.defn
    async def record_outage(self, declaring: Declaring) -> Recorded:
        sent = self._note("record_outage")
        outage = declaring.declaration.outage
        return Recorded(
            True,
            outage.fingerprint(),
            ASKER.correlation_id,
            "standard",
            1,
            self.window_seconds,
            14 * DAY,
            sent,
        )

    @activity.defn
    async def amend_outage(self, amending: Amending) -> None:
        self._note("amend_outage")

    @activity.defn
    async def cancel_outage(self, cancelling: Cancelling) -> Closure:
        return Closure(cancelling.outage_id, self._note("cancel_outage"))

    @activity.defn
    async def judge_outage(self, judging: Judging) -> Judgement:
        sent = self._note("judge_outage")
        resolved_at, mttr = judging.resolution.settled_times(outage(judging.outage_id))
        deadline = judging.at + timedelta(seconds=judging.dispute_window_seconds)
        self.judgement = Judgement(
            judging.outage_id,
            1,
            judge(TERMS, mttr),
            resolved_at,
            deadline,
            sent,
            attest=self.attest,
        )
        return self.judgement

    @activity.defn
    async def file_dispute(self, filing: Filing) -> Filed:
        sent = self._note("file_dispute")
        deadline = filing.at + timedelta(seconds=filing.ruling_window_seconds)
        return Filed(filing.dispute.id, deadline, sent)

    @activity.defn
    async def review_dispute(self, reviewing: ReviewDisputeInput) -> None:
        self._note("review_dispute")

    @activity.defn
    async def decide_dispute(self, deciding: Deciding) -> Judgement:
        sent = self._note("decide_dispute")
        assert self.judgement is not None
        before, ruling = self.judgement, deciding.ruling
        if ruling is None or ruling.mttr_minutes is None:
            return before
        verdict = judge(TERMS, ruling.mttr_minutes)
        self.judgement = Judgement(
            before.outage_id,
            2,
            verdict,
            before.resolved_at,
            before.dispute_deadline,
            sent,
            attest=self.attest,
        )
        return self.judgement

    @activity.defn
    async def owe_payment(self, settling: Settling) -> Payment:
        self._note("owe_payment")
        assert self.judgement is not None
        verdict = self.judgement.verdict
        return payment(f"pay-{settling.outage_id}", abs(verdict.amount_stroops))

    @activity.defn
    async def close_outage(self, closing: Closing) -> Closure:
        return Closure(closing.outage_id, self._note("close_outage"))


async def time_skipping(*more: str, skips: int = 0) -> WorkflowEnvironment:
    config = [
        *more,
        "frontend.WorkflowTimeSkippingEnabled=true",
        "system.workflowTimeSkippingEnabled=true",
        'history.timerProcessorMaxTimeShift="10ms"',
    ]
    arguments = [part for entry in config for part in ("--dynamic-config-value", entry)]
    for name, kind in SEARCH_ATTRIBUTES.items():
        arguments += ["--search-attribute", f"{name}={kind}"]
    return await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(max_session_skip_count=skips),
        dev_server_existing_path=str(binary()),
        dev_server_extra_args=arguments,
    )


@pytest.fixture(scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    async with await time_skipping() as environment:
        yield environment


class Steps:
    """The stand-ins of one test, and the workers that serve them."""

    def __init__(self) -> None:
        self.outages = FakeOutages()
        self.payments = FakeBatches()
        self.webhooks = FakeWebhooks()
        self.attestations = FakeAttestations()
        self.reconciliation = FakeReconciliation()
        self.inspections = FakeInspections()
        self.wallets = FakeWallets()

    def workers(self, client: Client) -> list[Worker]:
        settling = steps_of(self.payments, PaymentSteps, BatchSteps)
        settling += steps_of(self.attestations, AttestationSteps)
        settling += steps_of(self.wallets, WalletSteps)
        taken: dict[str, list[Callable[..., Any]]] = {
            "outages": steps_of(self.outages, OutageSteps, DisputeSteps),
            "settlement": settling,
            "webhooks": steps_of(self.webhooks, WebhookSteps),
            "analytics": steps_of(self.reconciliation, ReconciliationSteps)
            + steps_of(self.inspections, InspectionSteps),
        }
        return [
            Worker(
                client,
                task_queue=queue,
                workflows=lives,
                activities=taken[queue],
                interceptors=[Refusals()],
                workflow_runner=strict_sandbox(),
            )
            for queue, lives in LIVES.items()
        ]


@pytest.fixture
async def steps(environment: WorkflowEnvironment) -> AsyncIterator[Steps]:
    steps = Steps()
    async with AsyncExitStack() as stack:
        for worker in steps.workers(environment.client):
            await stack.enter_async_context(worker)
        yield steps


async def reaches(
    handle: WorkflowHandle[OutageWorkflow, OutageStatus | None], status: OutageStatus
) -> None:
    """Wait until an outage stands at a status."""
    await until(lambda: handle.query(OutageWorkflow.state), lambda found: found == status)


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> None:
    """Look again until what is found is wanted, within a limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        pause = 0.02
        while not wanted(await look()):
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.1)
