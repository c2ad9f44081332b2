"""`apexchainx polling`: the health check of a worker that has no port, answered by Temporal itself."""

import asyncio
import socket
from typing import Annotated

import typer
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from cli.databases import DataDir, NoDatabase, find_temporal


def command(
    queues: Annotated[str, typer.Option(help="Task queues, separated by commas.")],
    data_dir: DataDir = None,
) -> None:
    """
    Asks the Temporal of --data-dir, or that at TEMPORAL_ADDRESS. Exit 0 when a worker of this host has polled each queue lately, 1
    when one is deserted.
    """
    try:
        address, namespace = find_temporal(data_dir)
    except NoDatabase as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    try:
        deserted = asyncio.run(_deserted(address, namespace, queues.split(",")))
    except (RuntimeError, RPCError) as failure:
        raise SystemExit(f"temporal does not answer at {address}: {failure}") from None
    if deserted:
        raise SystemExit(
            f"nobody on this host polls {', '.join(deserted)} of Temporal at {address}"
        )


async def _deserted(address: str, namespace: str, queues: list[str]) -> list[str]:
    client = await Client.connect(address, namespace=namespace)
    return [queue for queue in queues if not await _polled_from_here(client, queue)]


async def _polled_from_here(client: Client, queue: str) -> bool:
    """The server remembers who polled in the last five minutes; a poll lasts one."""
    for kind in (
        TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    ):
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
            )
        )
        # An identity is PID@HOST unless a worker chooses another.
        if any(poller.identity.endswith(f"@{socket.gethostname()}") for poller in answer.pollers):
            return True
    return False
