"""The edge of the process around an application of a few lines, on a port of loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from api.edge.limits import EdgeLimits
from api.edge.protocol import ConnectionGate
from api.sockets import open_listener
from devstack.processes.ports import LOOPBACK


@asynccontextmanager
async def serve(app: ASGIApp, limits: EdgeLimits) -> AsyncIterator[int]:
    """Serve an application within limits; yield the port."""
    with open_listener(LOOPBACK, 0) as listener:
        gate = ConnectionGate(limits)
        config = uvicorn.Config(
            app,
            http=gate,  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server._serve([listener]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await running


class RawCaller:
    """One connection on which a caller writes bytes of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> "RawCaller":
        return cls(*await asyncio.open_connection(LOOPBACK, port))

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def read_all(self, within: float = 10.0) -> bytes:
        """Return what is answered until the server closes."""
        return await asyncio.wait_for(self.reader.read(), within)

    async def close(self) -> None:
        self.writer.close()


async def exchange(port: int, content: bytes) -> bytes:
    """Send on a connection of its own, and return all that is answered."""
    caller = await RawCaller.connect(port)
    try:
        await caller.send(content)
        return await caller.read_all()
    finally:
        await caller.close()
