"""
`python -m benchmarks.bare_workers --queues bare-outages`: serves the bare lives.

Built by the worker's own composition root, so that sandbox, pollers and caches are the real ones.
"""

import argparse
import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack

import uvloop
from temporalio import activity

from adapters import temporal
from benchmarks.bare import (
    OUTAGES,
    SETTLEMENT,
    WEBHOOKS,
    BareOutageWorkflow,
    BarePaymentWorkflow,
    BareSteps,
    BareWebhookWorkflow,
    Telling,
)
from sandbox.ports import LOOPBACK
from worker.main import Duty, build

WORKFLOWS = {
    OUTAGES: BareOutageWorkflow,
    SETTLEMENT: BarePaymentWorkflow,
    WEBHOOKS: BareWebhookWorkflow,
}


class BareActivities(BareSteps):
    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    @activity.defn
    async def nothing(self, what: str) -> str:
        return what

    @activity.defn
    async def tell(self, telling: Telling) -> str:
        self.socket.sendto(telling.what.encode(), (LOOPBACK, telling.port))
        return telling.what


async def main(queues: Sequence[str]) -> None:
    """Serve until told to stop."""
    client = await temporal.connect(
        os.environ["TEMPORAL_ADDRESS"], os.environ["TEMPORAL_NAMESPACE"]
    )
    bare = BareActivities()
    async with AsyncExitStack() as stack:
        for queue in queues:
            work = Duty([WORKFLOWS[queue]], [bare.nothing, bare.tell])
            await stack.enter_async_context(build(client, queue, work))
        stopped = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
        print(f"ready queues={','.join(queues)}", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bare_workers", description=__doc__)
    parser.add_argument("--queues", required=True, help="comma-separated queue names")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(parser.parse_args().queues.split(",")))
    # A process that used a Temporal client may abort in its last moments otherwise.
    os._exit(0)
