"""
`python -m devstack.bench.lifecycle.baseline_workers --queues baseline-outages`: serves the bare workflow.

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
from devstack.bench.lifecycle.baseline import (
    OUTAGES,
    WEBHOOKS,
    BaselineActivities,
    BaselineOutageWorkflow,
    NotifyInput,
)
from devstack.processes.ports import LOOPBACK
from worker.main import build
from worker.queues import QueueSpec

WORKFLOWS: dict[str, list[type]] = {OUTAGES: [BaselineOutageWorkflow], WEBHOOKS: []}


class BaselineActivitiesImpl(BaselineActivities):
    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    @activity.defn
    async def do_nothing(self, what: str) -> str:
        return what

    @activity.defn
    async def notify(self, notification: NotifyInput) -> str:
        self.socket.sendto(notification.what.encode(), (LOOPBACK, notification.port))
        return notification.what


async def main(queues: Sequence[str]) -> None:
    """Serve until told to stop."""
    client = await temporal.connect(
        os.environ["TEMPORAL_ADDRESS"], os.environ["TEMPORAL_NAMESPACE"]
    )
    bare = BaselineActivitiesImpl()
    async with AsyncExitStack() as stack:
        for queue in queues:
            work = QueueSpec(WORKFLOWS[queue], [bare.do_nothing, bare.notify])
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
