"""
Workflows that work at intervals, for as long as the engine runs: one each, started by the worker.

Whoever ends one, or lets the workflow server forget it, only sees it started again within half a minute.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

log = logging.getLogger(__name__)
LOOK_SECONDS = 30.0
RPC_TIMEOUT = timedelta(seconds=10)


@dataclass(frozen=True)
class ScheduledWorkflow:
    """A workflow that works every so many seconds, and never twice at the same time."""

    name: str
    run: Callable[..., Awaitable[Any]]
    every_seconds: int
    summary: str

    @property
    def workflow_id(self) -> str:
        return f"schedule/{self.name}"


def begin(
    queue: str, stack: AsyncExitStack, *works: ScheduledWorkflow
) -> Callable[[Client], Awaitable[None]]:
    """Return what starts each workflow, or sets its interval to that of the settings, and sees that it runs."""

    async def begin_all(client: Client) -> None:
        for work in works:
            await _start(client, queue, work)
        stack.push_async_callback(_stop, asyncio.create_task(_keep(client, queue, works)))

    return begin_all


async def _keep(client: Client, queue: str, works: tuple[ScheduledWorkflow, ...]) -> None:
    """Start again what does not run, for as long as this process does."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for work in works:
            try:
                if not await _is_running(client, work.workflow_id):
                    log.warning("%s does not run; it is started again", work.workflow_id)
                    await _start(client, queue, work)
            except RPCError as error:
                log.warning("%s is looked at again later: %s", work.workflow_id, error)


async def _is_running(client: Client, workflow_id: str) -> bool:
    handle = client.get_workflow_handle(workflow_id)
    try:
        described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return described.status is WorkflowExecutionStatus.RUNNING


async def _start(client: Client, queue: str, work: ScheduledWorkflow) -> None:
    """Start a workflow; one that runs already is only told its interval."""
    await client.start_workflow(
        work.run,
        work.every_seconds,
        id=work.workflow_id,
        task_queue=queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal="set_interval",
        start_signal_args=[work.every_seconds],
        static_summary=work.summary,
        rpc_timeout=RPC_TIMEOUT,
    )


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
