"""What each task queue runs: its workflows, its activities, and the adapters behind them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from temporalio.client import Client

from activities.analytics.snapshots import SnapshotActivitiesImpl
from activities.integration.delivery_notices import DeliveryNotices
from activities.integration.delivery_poster import DeliveryPoster
from activities.integration.first_attempts import FirstAttemptActivitiesImpl
from activities.integration.receiver_limits import ReceiverLimits
from activities.jobs.jobs import JobActivitiesImpl
from activities.jobs.runners import make_runners
from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.payments import PaymentActivitiesImpl
from activities.settlement.wallets import WalletActivitiesImpl
from activities.sla.attestations import AttestationActivitiesImpl
from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from activities.webhooks import WebhookActivitiesImpl
from adapters import temporal
from adapters.credentials.webhook_secrets import WebhookSigner
from adapters.postgres.database import Database
from adapters.settings import AnalyticsSettings, WebhookSettings, WorkerSettings, load
from adapters.subscribers.subscribers import Subscribers
from domain.sla.execution_modes import ExecutionMode
from worker.analytics import (
    build_integrity_check_activities,
    build_reconciliation_activities,
    make_schedules,
)
from worker.intake.episode_driver import make_episode_driver
from worker.integration.dispatcher import make_dispatching
from worker.recovery.relay import make_relay
from worker.rollup_folder import make_rollup_folder
from worker.settlement import build_settlement_activities, start_batching
from workflows.analytics.snapshots import SnapshotWorkflow
from workflows.attestations import AttestationWorkflow
from workflows.batches import BatchingWorkflow, BatchWorkflow
from workflows.integrity_checks import IntegrityCheckWorkflow
from workflows.jobs.jobs import JobWorkflow
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.wallets import WALLET_WORKFLOWS
from workflows.webhooks import WebhookWorkflow

# Every workflow type, by the queue that runs it. tests/workflows/histories has recorded histories of
# each, and the suite fails for a type that has none.
WORKFLOWS: Mapping[str, Sequence[type]] = {
    "outages": [OutageWorkflow],
    "settlement": [
        *(PaymentWorkflow, BatchWorkflow, BatchingWorkflow, AttestationWorkflow),
        *WALLET_WORKFLOWS,
    ],
    "webhooks": [WebhookWorkflow],
    "analytics": [ReconciliationWorkflow, IntegrityCheckWorkflow, SnapshotWorkflow, JobWorkflow],
}

Begin = Callable[[Client], Awaitable[None]]


@dataclass(frozen=True)
class QueueSpec:
    """What one task queue runs."""

    workflows: Sequence[type] = ()
    activities: Sequence[Callable[..., Any]] = ()
    # Runs once the queue is served: starts the workflows that no caller starts.
    begin: Begin | None = None
    # Ends with the error that the whole worker has to end with.
    guard: asyncio.Task[None] | None = None
    # How many activities run at once.
    activities_max: int = 100


async def build_queue_spec(
    queue: str,
    settings: WorkerSettings,
    database: Database,
    steps: Database,
    stack: AsyncExitStack,
    *,
    notices: DeliveryNotices,
    takes_over: bool = False,
) -> QueueSpec:
    """
    Build what a queue runs, and no more: seeds are read for the settlement queue alone. `steps` is the database of
    those who take the steps of many outages; by `notices` those in this process who wait for deliveries and who
    dispatches them notify each other.
    """
    if queue == "outages":
        return _build_outages_spec(settings, database, steps, stack, notices)
    if queue == "settlement":
        activities, claiming, resume = await build_settlement_activities(
            database, steps, stack, takes_over=takes_over
        )
        begin = _begin_all(start_batching, resume)
        return replace(_build_settlement_spec(*activities), begin=begin, guard=claiming)
    if queue == "webhooks":
        return _build_webhooks_spec(load(WebhookSettings), steps, stack, notices)
    if queue == "analytics":
        return _build_analytics_spec(load(AnalyticsSettings), database, stack)
    raise SystemExit(f"there is no queue {queue!r}; choose from {', '.join(temporal.QUEUES)}")


def _begin_all(*begins: Begin) -> Begin:
    async def begin(client: Client) -> None:
        for each in begins:
            await each(client)

    return begin


def _build_webhooks_spec(
    settings: WebhookSettings, database: Database, stack: AsyncExitStack, notices: DeliveryNotices
) -> QueueSpec:
    """Build the dispatcher of deliveries, and the workflow of those that failed."""
    subscribers = Subscribers(allow_private=settings.webhook_allow_private)
    stack.push_async_callback(subscribers.close)
    signer = WebhookSigner(settings.webhook_secret_key.get_secret_value())
    poster, limits = DeliveryPoster(subscribers, signer), ReceiverLimits()
    webhooks = WebhookActivitiesImpl(database, poster, limits, notices)
    return QueueSpec(
        WORKFLOWS["webhooks"],
        [webhooks.try_deliveries, webhooks.post_delivery, webhooks.abandon_delivery],
        make_dispatching(database, poster, limits, notices, stack),
        # They wait for receivers, and for each other, and so cost next to nothing.
        activities_max=1000,
    )


def _build_analytics_spec(
    settings: AnalyticsSettings, database: Database, stack: AsyncExitStack
) -> QueueSpec:
    """Build the scheduled workflows and those of jobs, their activities, and the folder of rollups."""
    comparisons = build_reconciliation_activities(settings, database, stack)
    integrity_checks = build_integrity_check_activities(settings, database)
    jobs = JobActivitiesImpl(database, make_runners(settings.stellar_network))
    return QueueSpec(
        WORKFLOWS["analytics"],
        [
            *(comparisons.read_chain, comparisons.compare_journal),
            *(integrity_checks.check_integrity, SnapshotActivitiesImpl(database).take_snapshot),
            *(jobs.run_job, jobs.report_failure, jobs.request_cancel),
        ],
        make_rollup_folder(
            database,
            settings.analytics_fold_every_seconds,
            stack,
            make_schedules(settings, stack),
        ),
    )


def _build_settlement_spec(
    payments: PaymentActivitiesImpl,
    batches: BatchActivitiesImpl,
    attestations: AttestationActivitiesImpl,
    wallets: WalletActivitiesImpl,
) -> QueueSpec:
    """Build the workflows and activities that move money, and those of attestations and wallets."""
    return QueueSpec(
        WORKFLOWS["settlement"],
        [
            wallets.read_wallet,
            wallets.challenge_wallet,
            wallets.prove_wallet,
            wallets.fund_wallet,
            attestations.prepare_call,
            attestations.execute_call,
            attestations.conclude_attestation,
            payments.settle_payment,
            payments.prepare_payment,
            payments.submit_payment,
            payments.observe_payment,
            payments.raise_fee,
            payments.confirm_payment,
            payments.match_transfer,
            payments.fail_attempt,
            payments.block_payment,
            payments.quarantine_payment,
            batches.form_batches,
            batches.prepare_batch,
            batches.confirm_batch,
            batches.find_workflows,
            batches.fail_batch,
            batches.quarantine_batch,
        ],
    )


def _build_outages_spec(
    settings: WorkerSettings,
    database: Database,
    steps: Database,
    stack: AsyncExitStack,
    notices: DeliveryNotices,
) -> QueueSpec:
    """Build the workflow of outages, activities of outages and disputes, relay and episode driver."""
    requires_attestation = settings.contract_execution_mode is ExecutionMode.SOROBAN
    outages = OutageActivitiesImpl(
        steps,
        settings.stellar_network,
        settings.get_passphrase(),
        requires_attestation=requires_attestation,
    )
    disputes = DisputeActivitiesImpl(
        steps, settings.stellar_network, requires_attestation=requires_attestation
    )
    return QueueSpec(
        WORKFLOWS["outages"],
        [
            outages.record_outage,
            outages.read_outage_state,
            outages.amend_outage,
            outages.reopen_outage,
            outages.void_debt,
            outages.cancel_outage,
            outages.judge_outage,
            *(outages.owe_payment, outages.find_receipt, outages.close_outage),
            disputes.file_dispute,
            disputes.review_dispute,
            disputes.decide_dispute,
            FirstAttemptActivitiesImpl(steps, notices).await_first_attempts,
        ],
        _begin_all(
            make_relay(database, stack),
            make_episode_driver(database, settings.stellar_network, stack),
        ),
    )
