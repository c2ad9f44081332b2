"""The workflow server: connecting, the names of its task queues, and what is begun from outside."""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.errors import Unavailable
from domain.webhooks import Delivery

log = logging.getLogger(__name__)
START_WITHIN = timedelta(seconds=10)
QUEUES = ("outages", "settlement", "webhooks", "analytics")


async def connect(address: str, namespace: str, *, lazy: bool = False) -> Client:
    """Connect; lazily, the first call connects, so that a process can start before the server."""
    try:
        return await Client.connect(address, namespace=namespace, lazy=lazy)
    except (RPCError, RuntimeError) as error:
        raise Unavailable(f"Temporal does not answer at {address}; is it running?") from error


async def start_deliveries(client: Client, ids: list[str]) -> None:
    """
    Begin the life of each delivery of an event that no workflow published. What cannot be begun
    stays on record as pending, and is said here; the change it tells of is made either way.
    """
    await asyncio.gather(*(_start_delivery(client, delivery_id) for delivery_id in ids))


async def _start_delivery(client: Client, delivery_id: str) -> None:
    try:
        with suppress(WorkflowAlreadyStartedError):
            await client.start_workflow(
                "WebhookWorkflow",
                Delivery(delivery_id),
                id=f"webhook/{delivery_id}",
                task_queue="webhooks",
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                rpc_timeout=START_WITHIN,
            )
    except RPCError as error:
        log.error("delivery %s is pending, for Temporal does not answer: %s", delivery_id, error)
