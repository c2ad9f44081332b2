"""Scheduled work: the book is compared with the chain, and inspected, by public settings alone."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

from temporalio.client import Client

from activities.inspections import InspectionActivities
from activities.reconciliation import ReconciliationActivities
from adapters.postgres.database import Database
from adapters.settings import AnalyticsSettings
from adapters.stellar.treasuries import connect
from domain.payments import Treasury
from worker import schedules
from worker.schedules import Clockwork
from workflows.inspections import InspectionWorkflow
from workflows.reconciliation import ReconciliationWorkflow


def reconciliation_activities(
    settings: AnalyticsSettings, database: Database, stack: AsyncExitStack
) -> ReconciliationActivities:
    treasuries = {
        settings.stellar_bond_address: Treasury.BOND,
        settings.stellar_pool_address: Treasury.POOL,
    }
    history = connect(
        settings.stellar_rpc_url,
        settings.stellar_network_passphrase,
        settings.stellar_usdc_issuer,
        list(treasuries),
    )
    stack.push_async_callback(history.close)
    stops = settings.reconciliation_opens_breaker
    return ReconciliationActivities(database, history, treasuries, stops=stops)


def inspection_activities(settings: AnalyticsSettings, database: Database) -> InspectionActivities:
    overdue = timedelta(hours=settings.inspection_overdue_hours)
    return InspectionActivities(database, overdue, stops=settings.inspection_opens_breaker)


def begin_clockwork(settings: AnalyticsSettings) -> Callable[[Client], Awaitable[None]]:
    return schedules.begin(
        "analytics",
        Clockwork(
            "reconciliation",
            ReconciliationWorkflow.run,
            settings.reconciliation_every_seconds,
            "holds book and chain against each other",
        ),
        Clockwork(
            "inspection",
            InspectionWorkflow.run,
            settings.inspection_every_seconds,
            "looks at every promise of the book",
        ),
    )
