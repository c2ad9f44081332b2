"""A subscriber of our own: receives signed webhooks, checks every signature, wakes who waits."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from devstack.processes.ports import LOOPBACK, free
from devstack.replay.api_client import EngineClient, RequestTimedOut
from domain.webhooks import verify

UNAUTHORIZED, NO_CONTENT = 401, 204
CLOSED = "outage.closed"


class BenchmarkReceiver:
    """Knows each outage by the event that says it is closed."""

    def __init__(self, patience_seconds: float) -> None:
        self.patience_seconds = patience_seconds
        self.secret = ""
        self.forged = 0
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def closed(self, outage_id: str) -> dict[str, Any]:
        """Wait for the event; call `expect` before anything can have closed the outage."""
        try:
            return await asyncio.wait_for(self._waiting[outage_id], self.patience_seconds)
        except TimeoutError:
            waited = f"{self.patience_seconds:.0f} s"
            raise RequestTimedOut(
                f"no webhook says that {outage_id} is closed, for {waited}"
            ) from None
        finally:
            del self._waiting[outage_id]

    def expect(self, outage_id: str) -> None:
        self._waiting[outage_id] = asyncio.get_running_loop().create_future()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        named = {name.lower(): value for name, value in request.headers.items()}
        if not verify(self.secret, named, body, int(time.time())):
            self.forged += 1
            return web.Response(status=UNAUTHORIZED)
        event = orjson.loads(body)
        data = event["data"]
        closed = event["type"] == CLOSED
        waiting = self._waiting.get(data["outage_id"]) if closed else None
        if waiting and not waiting.done():
            waiting.set_result(data)
        return web.Response(status=NO_CONTENT)


@asynccontextmanager
async def open_receiver(
    engine: EngineClient, patience_seconds: float, *, all_events: bool = False
) -> AsyncIterator[BenchmarkReceiver]:
    """One that is subscribed to outage.closed, or to every event, for as long as this lasts."""
    taking = BenchmarkReceiver(patience_seconds)
    application = web.Application()
    application.router.add_post("/", taking.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    port = free()
    await web.TCPSite(runner, LOOPBACK, port).start()
    listed = (await engine.ask("GET", "/events/schemas")).body if all_events else {}
    events = listed.get("types", [CLOSED])
    wanted = {"url": f"http://{LOOPBACK}:{port}/", "events": events}
    subscription = (await engine.ask("POST", "/webhooks", wanted)).body
    taking.secret = subscription["secret"]
    try:
        yield taking
    finally:
        await engine.ask("DELETE", f"/webhooks/{subscription['id']}")
        await runner.cleanup()
