"""Scheduled work: book and chain are compared again and again, by public settings alone."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from activities.reconciliation import ReconciliationActivities
from adapters.postgres.database import Database
from adapters.settings import AnalyticsSettings
from adapters.stellar.treasuries import connect
from domain.payments import Treasury
from workflows.reconciliation import ReconciliationWorkflow

SCHEDULE = "schedule/reconciliation"
# What a run takes at most; one that hangs makes room for the next.
RUN_TIMEOUT = timedelta(minutes=10)
# What was missed while nobody ran is made up for by the next run alone.
CATCH_UP = timedelta(seconds=10)


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


def begin_reconciling(every_seconds: int) -> Callable[[Client], Awaitable[None]]:
    """Let the schedule be as the settings say, whether it is there already or not."""
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(
            ReconciliationWorkflow.run,
            id="reconciliation",
            task_queue="analytics",
            execution_timeout=RUN_TIMEOUT,
            static_summary="holds book and chain against each other",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=every_seconds))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )

    def changed(known: ScheduleUpdateInput) -> ScheduleUpdate:
        # Somebody may have paused it: that stays.
        wanted.state = known.description.schedule.state
        return ScheduleUpdate(wanted)

    async def begin(client: Client) -> None:
        try:
            await client.create_schedule(SCHEDULE, wanted, trigger_immediately=True)
        except ScheduleAlreadyRunningError:
            await client.get_schedule_handle(SCHEDULE).update(changed)

    return begin
