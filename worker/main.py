"""Wire the adapters into the activities, then serve the task queues asked for."""

import asyncio
import logging
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib.metadata import version

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities.integration.delivery_notices import DeliveryNotices
from adapters import temporal
from adapters.postgres.database import Database
from adapters.postgres.durability import require_durability
from adapters.settings import WorkerSettings, refuse_seeds
from domain.errors import Unavailable
from worker.error_interceptor import ErrorInterceptor
from worker.log_interceptor import LogContext
from worker.queues import QueueSpec, build_queue_spec

log = logging.getLogger(__name__)


def build(client: Client, queue: str, work: QueueSpec) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=work.workflows,
        activities=work.activities,
        interceptors=[LogContext(), ErrorInterceptor()],
        # By itself the SDK would read and hash the code of every module that is loaded, at each start.
        build_id=f"apexchainx-{version('apexchainx')}",
        # The tests run every workflow in a strict sandbox, which would load its files for each run.
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=2000,
        max_concurrent_workflow_tasks=100,
        max_concurrent_activities=work.activities_max,
        max_concurrent_local_activities=100,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        # After a crash, what this worker had cached is served elsewhere this much later.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=5),
        graceful_shutdown_timeout=timedelta(seconds=10),
    )


async def _await_durability(database: Database, network: str) -> None:
    """Wait for a database that keeps what it commits; raises NotDurable when this one may not."""
    while True:
        try:
            if risk := await require_durability(database, network):
                log.warning("%s", risk)
        except Unavailable as error:
            log.warning("%s; asking again in 2 seconds", error)
            await asyncio.sleep(2)
        else:
            return


async def main(
    queues: Sequence[str], settings: WorkerSettings, *, takes_over: bool = False
) -> None:
    """
    Serve the queues until SIGINT or SIGTERM, or until another engine has the channels.

    With `takes_over`, a person says that another engine on the same channels is to stop.
    """
    if "settlement" not in queues:
        refuse_seeds()
    elif "webhooks" in queues:
        raise SystemExit(
            "the settlement queue has the signing seeds, and deliveries go to addresses of others: "
            "serve settlement and webhooks by two processes"
        )
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url, connections_max=20)
        stack.push_async_callback(database.close)
        # Each keeps the plans of all their statements, eight megabytes of the server's; ten keep it busy.
        steps = Database(settings.database_url, connections_max=10, repeats=True)
        stack.push_async_callback(steps.close)
        await _await_durability(database, settings.stellar_network)
        client = await temporal.connect(settings.temporal_address, settings.temporal_namespace)
        notices, guards = DeliveryNotices(), []
        for queue in queues:
            work = await build_queue_spec(
                *(queue, settings, database, steps, stack), notices=notices, takes_over=takes_over
            )
            guards += [work.guard] if work.guard else []
            if work.workflows:
                await stack.enter_async_context(build(client, queue, work))
            if work.begin:
                await work.begin(client)
        stopped = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
        print(f"ready queues={','.join(queues)}", flush=True)
        await _wait_for_end(stopped, guards)
        log.info("stopping: no new tasks are taken, running ones are finished")


async def _wait_for_end(stopped: asyncio.Event, guards: Sequence[asyncio.Task[None]]) -> None:
    """Wait until the worker is stopped; raises the error of a guard that ends before."""
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait([stopping, *guards], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for guard in guards:
        if guard.done():
            guard.result()
