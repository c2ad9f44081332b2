"""The analytics queue: reconciliation, integrity checks and snapshots, which need no secret settings."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

from temporalio.client import Client

from activities.accounting.integrity_checks import IntegrityCheckActivitiesImpl
from activities.accounting.reconciliation import ReconciliationActivitiesImpl
from adapters.postgres.database import Database
from adapters.settings import AnalyticsSettings
from adapters.stellar.rpc.treasury_history import connect
from worker import scheduled_workflows
from worker.scheduled_workflows import ScheduledWorkflow
from workflows.analytics.snapshots import SnapshotWorkflow
from workflows.integrity_checks import IntegrityCheckWorkflow
from workflows.reconciliation import ReconciliationWorkflow


def build_reconciliation_activities(
    settings: AnalyticsSettings, database: Database, stack: AsyncExitStack
) -> ReconciliationActivitiesImpl:
    history = connect(
        settings.stellar_rpc_url,
        settings.stellar_network_passphrase,
        settings.stellar_usdc_issuer,
        [settings.stellar_bond_address, settings.stellar_pool_address],
    )
    stack.push_async_callback(history.close)
    stops = settings.reconciliation_opens_circuit_breaker
    return ReconciliationActivitiesImpl(database, history, stops=stops)


def build_integrity_check_activities(
    settings: AnalyticsSettings, database: Database
) -> IntegrityCheckActivitiesImpl:
    overdue = timedelta(hours=settings.obligation_overdue_hours)
    return IntegrityCheckActivitiesImpl(
        database, overdue, stops=settings.integrity_check_opens_circuit_breaker
    )


def make_schedules(
    settings: AnalyticsSettings, stack: AsyncExitStack
) -> Callable[[Client], Awaitable[None]]:
    return scheduled_workflows.begin(
        "analytics",
        stack,
        ScheduledWorkflow(
            "reconciliation",
            ReconciliationWorkflow.run,
            settings.reconciliation_every_seconds,
            "compares journal and chain",
        ),
        ScheduledWorkflow(
            "integrity-check",
            IntegrityCheckWorkflow.run,
            settings.integrity_check_every_seconds,
            "checks every invariant of the journal",
        ),
        ScheduledWorkflow(
            "snapshots",
            SnapshotWorkflow.run,
            settings.analytics_snapshot_every_seconds,
            "writes down what every agreement comes to",
        ),
    )
