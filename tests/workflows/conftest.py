"""
Workflows alone: a real Temporal server that skips time, and typed stand-ins for the steps.

The stand-ins remember what they were asked; the domain's own rules fill in the answers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.attempts import Attempt, Observation, Outcome, Preparation, Sighting
from domain.disputes import Deciding, Filed, Filing
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
from domain.payments import Closing, Parking, Payment, PaymentStatus, Receipt, Settling, Treasury
from domain.sla import PaymentType, Severity, Terms, judge
from sandbox.temporal import SEARCH_ATTRIBUTES, binary
from tests.workflows.stand_ins import FakeAttestations, FakeWebhooks, steps_of
from worker.refusals import Refusals
from worker.sandbox import strict_sandbox
from workflows.attestations import AttestationSteps, AttestationWorkflow
from workflows.disputes import DisputeSteps
from workflows.outages import OutageSteps, OutageWorkflow
from workflows.payments import PaymentSteps, PaymentWorkflow
from workflows.webhooks import WebhookSteps, WebhookWorkflow

DETECTED = datetime(2026, 1, 31, 12, tzinfo=UTC)
TERMS = Terms(threshold_minutes=15, penalty_per_minute=100, reward_base=750)
DAY = 86_400
ASKER = Request("tester", "corr-1")
LIMIT_SECONDS = 20


def outage(outage_id: str, severity: Severity = Severity.CRITICAL) -> Outage:
    return Outage(outage_id, "Mast 7", severity, DETECTED)


def declaration(outage_id: str) -> Declaration:
    return Declaration(outage(outage_id), ASKER, "standard", "default")


class FakeOutages(OutageSteps, DisputeSteps):
    """The book in memory: enough of it to see what the workflow asked for, and in which order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusals: dict[str, Exception] = {}
        self.judgement: Judgement | None = None
        self.deliveries: dict[str, list[str]] = {}
        self.attest = False
        self.window_seconds = DAY

    def _note(self, step: str) -> list[str]:
        self.asked.append(step)
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


def payment(payment_id: str, amount_stroops: int = 7_500_000_000) -> Payment:
    return Payment(
        payment_id,
        1,
        "OUT-1",
        1,
        PaymentType.REWARD,
        amount_stroops,
        Treasury.POOL,
        "GPOOL",
        "GPROVIDER",
        "corr-1",
    )


class FakePayments(PaymentSteps):
    """A chain that shows whatever the test has lined up; in the end every payment succeeds."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.obstacles: list[str] = []
        self.holds: list[Preparation] = []
        self.observations: list[Observation] = []
        self.sent: list[str] = []

    @activity.defn
    async def prepare_payment(self, payment: Payment) -> Preparation:
        self.asked.append("prepare_payment")
        if self.obstacles:
            return Preparation(None, self.obstacles.pop(0))
        if self.holds:
            return self.holds.pop(0)
        n = self.asked.count("prepare_payment")
        return Preparation(Attempt(payment.id, n, "GCHANNEL", 7, 100, f"hash-{n}", "xdr", False))

    @activity.defn
    async def submit_payment(self, attempt: Attempt) -> str:
        self.asked.append("submit_payment")
        self.sent.append(attempt.hash)
        return "PENDING"

    @activity.defn
    async def observe_payment(self, attempt: Attempt) -> Observation:
        self.asked.append("observe_payment")
        if self.observations:
            return self.observations.pop(0)
        return Observation(Outcome.SUCCEEDED, 42, DETECTED)

    @activity.defn
    async def raise_fee(self, attempt: Attempt) -> Attempt:
        self.asked.append("raise_fee")
        return attempt

    @activity.defn
    async def book_payment(self, sighting: Sighting) -> Receipt:
        self.asked.append("book_payment")
        amount = sighting.payment.amount_stroops
        return Receipt(sighting.payment.id, sighting.attempt.hash, 42, amount, DETECTED, [])

    @activity.defn
    async def fail_attempt(self, sighting: Sighting) -> None:
        self.asked.append("fail_attempt")

    @activity.defn
    async def park_payment(self, parking: Parking) -> list[str]:
        step = "park_payment" if parking.status is PaymentStatus.PARKED else "hold_payment"
        self.asked.append(f"{step} {parking.reason}")
        return [f"dlv-parked-{parking.payment.id}"]

    @activity.defn
    async def quarantine_payment(self, sighting: Sighting) -> list[str]:
        self.asked.append("quarantine_payment")
        return []


@pytest.fixture(scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    config = [
        "frontend.WorkflowTimeSkippingEnabled=true",
        "system.workflowTimeSkippingEnabled=true",
        'history.timerProcessorMaxTimeShift="10ms"',
    ]
    arguments = [part for entry in config for part in ("--dynamic-config-value", entry)]
    for name, kind in SEARCH_ATTRIBUTES.items():
        arguments += ["--search-attribute", f"{name}={kind}"]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(binary()), dev_server_extra_args=arguments
    ) as environment:
        yield environment


class Steps:
    """The stand-ins of one test, and the workers that serve them."""

    def __init__(self) -> None:
        self.outages = FakeOutages()
        self.payments = FakePayments()
        self.webhooks = FakeWebhooks()
        self.attestations = FakeAttestations()

    def workers(self, client: Client) -> list[Worker]:
        outages, payments, webhooks = self.outages, self.payments, self.webhooks
        settling = steps_of(payments, PaymentSteps)
        settling += steps_of(self.attestations, AttestationSteps)
        duties: dict[str, tuple[list[type], list[Callable[..., Any]]]] = {
            "outages": ([OutageWorkflow], steps_of(outages, OutageSteps, DisputeSteps)),
            "settlement": ([PaymentWorkflow, AttestationWorkflow], settling),
            "webhooks": ([WebhookWorkflow], steps_of(webhooks, WebhookSteps)),
        }
        return [
            Worker(
                client,
                task_queue=queue,
                workflows=lives,
                activities=activities,
                interceptors=[Refusals()],
                workflow_runner=strict_sandbox(),
            )
            for queue, (lives, activities) in duties.items()
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
        while not wanted(await look()):
            await asyncio.sleep(0.02)
