"""Receivers on loopback: each verifies every signature, and knows when each event began to arrive."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from devstack.processes.ports import LOOPBACK, free
from domain.webhooks import verify


@dataclass
class CountingReceiver:
    """`arrived` has the instant of each event's first arrival, by its id; `forged` counts what did not verify."""

    url: str
    secret: str = ""
    arrived: dict[str, float] = field(default_factory=dict)
    repeated: int = 0
    forged: int = 0

    async def take(self, request: web.Request) -> web.Response:
        at, body = time.time(), await request.read()
        named = {name.lower(): value for name, value in request.headers.items()}
        if not verify(self.secret, named, body, int(at)):
            self.forged += 1
            return web.Response(status=401)
        self.repeated += named["webhook-id"] in self.arrived
        self.arrived.setdefault(named["webhook-id"], at)
        return web.Response(status=204)


@asynccontextmanager
async def open_receivers(count: int) -> AsyncIterator[Sequence[CountingReceiver]]:
    """Serve so many receivers, each at a port of its own."""
    receivers, runners = [], []
    try:
        for _ in range(count):
            port = free()
            receiver = CountingReceiver(f"http://{LOOPBACK}:{port}/")
            application = web.Application()
            application.router.add_post("/", receiver.take)
            runner = web.AppRunner(application, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, LOOPBACK, port).start()
            receivers.append(receiver)
            runners.append(runner)
        yield receivers
    finally:
        await asyncio.gather(*(runner.cleanup() for runner in runners))


async def wait_for_all(
    receivers: Sequence[CountingReceiver], wanted: Sequence[set[str]], patience_seconds: float
) -> float:
    """Wait until each receiver has the events that it is to get; return when the last of them arrived."""
    deadline = time.monotonic() + patience_seconds
    while any(not each.arrived.keys() >= ids for each, ids in zip(receivers, wanted, strict=True)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not every event has arrived in {patience_seconds:g} s")
        await asyncio.sleep(0.02)
    return max(max(each.arrived.values()) for each in receivers)
