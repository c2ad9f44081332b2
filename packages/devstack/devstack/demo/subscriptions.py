"""The demo subscribes its receiver, and takes away what dead receivers of earlier runs left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from devstack.demo.webhook_receiver import (
    DemoReceiver,
    is_alive,
    is_demo,
)
from devstack.processes.programs import CannotStart
from devstack.replay.api_client import EngineClient, RequestRefused
from domain.events import EventType

GOODBYE_SECONDS = 5


@asynccontextmanager
async def subscribe_receiver(engine: EngineClient, deadline: float) -> AsyncIterator[DemoReceiver]:
    """A receiver that reports everything while inside, and nothing afterwards."""
    receiver = DemoReceiver()
    await receiver.start()
    try:
        await _subscribe(engine, receiver, deadline)
        yield receiver
    finally:
        with suppress(RequestRefused, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await _unsubscribe(engine, {receiver.url})
        await receiver.stop()


async def _subscribe(engine: EngineClient, receiver: DemoReceiver, deadline: float) -> None:
    wanted = {"url": receiver.url, "events": list(EventType), "secret": receiver.secret}
    try:
        async with asyncio.timeout_at(deadline):
            await _unsubscribe_the_dead(engine)
            made = await engine.send("POST", "/webhooks", wanted)
            receiver.webhook_id = made["id"]
    except TimeoutError:
        raise CannotStart(f"the API at {engine.url} did not answer in time") from None


async def _unsubscribe_the_dead(engine: EngineClient) -> None:
    """A demo that was killed could not unsubscribe its receiver."""
    urls = {each["url"] for each in await engine.get("/webhooks")}
    await _unsubscribe(engine, {url for url in urls if is_demo(url) and not await is_alive(url)})


async def _unsubscribe(engine: EngineClient, urls: set[str]) -> None:
    for each in await engine.get("/webhooks"):
        if each["url"] in urls:
            await engine.send("DELETE", f"/webhooks/{each['id']}")
