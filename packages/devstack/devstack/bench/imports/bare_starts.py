"""How many workflows a second the workflow server takes, of which nobody runs anything: what an import cannot exceed."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

from temporalio.client import Client

from adapters import temporal

# They end by themselves soon, unserved.
LASTS = timedelta(minutes=1)
QUEUE = "bench-unserved"


async def measure(address: str, namespace: str, count: int, in_flight: int) -> float:
    """Start so many with so many in flight; return how many there were a second."""
    client, name = await temporal.connect(address, namespace), f"bare-start-{time.time_ns()}"
    left, began = iter(range(count)), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(_start(client, name, left))
    return round(count / (time.perf_counter() - began), 1)


async def _start(client: Client, name: str, left: Iterator[int]) -> None:
    for number in left:
        await client.start_workflow(
            "BareStart", id=f"{name}/{number}", task_queue=QUEUE, execution_timeout=LASTS
        )
