"""The workflow server: connecting, and the names of its task queues."""

from temporalio.client import Client
from temporalio.service import RPCError

from domain.errors import Unavailable

QUEUES = ("outages", "settlement", "webhooks", "analytics")


async def connect(address: str, namespace: str, *, lazy: bool = False) -> Client:
    """Connect; lazily, the first call connects, so that a process can start before the server."""
    try:
        return await Client.connect(address, namespace=namespace, lazy=lazy)
    except (RPCError, RuntimeError) as error:
        raise Unavailable(f"Temporal does not answer at {address}; is it running?") from error
