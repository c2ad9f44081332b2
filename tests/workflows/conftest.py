"""
Workflows alone: a real Temporal server that skips time, and typed fakes of the activities.

The fakes remember what they were asked; the domain's own rules fill in the answers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from devstack.environment.temporal import SEARCH_ATTRIBUTES, find_binary
from domain.settlement.manual_matches import MatchTransferRequest
from domain.sla.outages import (
    OutageStatus,
)
from tests.workflows.fakes.fake_activities import (
    FakeAttestationActivities,
    FakeIntegrityCheckActivities,
    FakeReconciliationActivities,
    FakeSnapshotActivities,
    FakeWalletActivities,
    FakeWebhookActivities,
    activities_of,
)
from tests.workflows.fakes.fake_batch_activities import FakeBatchActivities
from tests.workflows.fakes.fake_job_activities import FakeJobActivities
from tests.workflows.fakes.fake_outage_activities import FakeOutageActivities
from tests.workflows.fakes.workflow_sandbox import make_strict_sandbox
from worker.error_interceptor import ErrorInterceptor
from worker.queues import WORKFLOWS
from workflows.analytics.snapshots import SnapshotActivities
from workflows.attestations import AttestationActivities
from workflows.batches import BatchActivities
from workflows.disputes import DisputeActivities
from workflows.integrity_checks import IntegrityCheckActivities
from workflows.jobs.jobs import JobActivities
from workflows.outages import OutageActivities, OutageWorkflow
from workflows.payments import PaymentActivities, PaymentWorkflow
from workflows.reconciliation import ReconciliationActivities
from workflows.wallets import WalletActivities
from workflows.webhooks import DeliveryActivities, FirstAttemptActivities, WebhookActivities

LIMIT_SECONDS = 20


def down() -> Exception:
    """Return a failure that is tried again at once, so that only what the workflow waits for takes time."""
    return ApplicationError("every node is down", next_retry_delay=timedelta(milliseconds=1))


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
        dev_server_existing_path=str(find_binary()),
        dev_server_extra_args=arguments,
    )


@pytest.fixture(scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    async with await time_skipping() as environment:
        yield environment


class FakeActivities:
    """The fake activities of one test, and the workers that run them."""

    def __init__(self) -> None:
        self.outages = FakeOutageActivities()
        self.payments = FakeBatchActivities()
        self.webhooks = FakeWebhookActivities()
        self.attestations = FakeAttestationActivities()
        self.reconciliation = FakeReconciliationActivities()
        self.integrity_checks = FakeIntegrityCheckActivities()
        self.snapshots = FakeSnapshotActivities()
        self.wallets = FakeWalletActivities()
        self.jobs = FakeJobActivities()

    def workers(self, client: Client, without: str = "") -> list[Worker]:
        """Return a worker for each queue but one, if it is named."""
        settling = activities_of(self.payments, PaymentActivities, BatchActivities)
        settling += activities_of(self.attestations, AttestationActivities)
        settling += activities_of(self.wallets, WalletActivities)
        taken: dict[str, list[Callable[..., Any]]] = {
            "outages": activities_of(self.outages, OutageActivities, DisputeActivities)
            + activities_of(self.webhooks, FirstAttemptActivities),
            "settlement": settling,
            "webhooks": activities_of(self.webhooks, WebhookActivities, DeliveryActivities),
            "analytics": activities_of(self.reconciliation, ReconciliationActivities)
            + activities_of(self.integrity_checks, IntegrityCheckActivities)
            + activities_of(self.jobs, JobActivities)
            + activities_of(self.snapshots, SnapshotActivities),
        }
        return [
            Worker(
                client,
                task_queue=queue,
                workflows=workflows,
                activities=taken[queue],
                interceptors=[ErrorInterceptor()],
                workflow_runner=make_strict_sandbox(),
            )
            for queue, workflows in WORKFLOWS.items()
            if queue != without
        ]


@pytest.fixture
async def fakes(environment: WorkflowEnvironment) -> AsyncIterator[FakeActivities]:
    made = FakeActivities()
    async with AsyncExitStack() as stack:
        for worker in made.workers(environment.client):
            await stack.enter_async_context(worker)
        yield made


async def reaches(
    handle: WorkflowHandle[OutageWorkflow, OutageStatus | None], status: OutageStatus
) -> None:
    """Wait until an outage stands at a status."""
    await until(lambda: handle.query(OutageWorkflow.state), lambda found: found == status)


async def match_transfer(handle: WorkflowHandle[Any, Any], asked: MatchTransferRequest) -> None:
    """
    Send the update adopt; send it again, as callers of the API do, where the server says not ready.

    It says so when the workflow would end by the update and another event arrives meanwhile.
    """
    while True:
        try:
            return await handle.execute_update(
                PaymentWorkflow.match_transfer, asked, id=asked.transaction_hash
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> None:
    """Look again until what is found is wanted, within a limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        pause = 0.02
        while not wanted(await look()):
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.1)
