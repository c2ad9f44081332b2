"""What floods cost the API in memory, one after the other, and whether it serves others meanwhile."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from devstack.bench.edge.floods import Flood, send_flood
from devstack.bench.edge.peak_memory import PeakMemory

MEMORY_MB_MAX = 200
LOOK_SECONDS = 0.05
HEALTH_SECONDS = 30


@dataclass(frozen=True)
class FloodCost:
    """`healthy`: asked for its health after the flood, the API answered."""

    name: str
    connections: int
    peak_mb: int
    healthy: bool

    @property
    def problem(self) -> str | None:
        if not self.healthy:
            return f"the API does not answer after {self.name}"
        if self.peak_mb >= MEMORY_MB_MAX:
            return f"{self.name} took the API to {self.peak_mb} MB; {MEMORY_MB_MAX} is the limit"
        return None


async def measure(url: str, pid: int, floods: Sequence[Flood]) -> list[FloodCost]:
    """Send each flood; the memory of the API's own process counts."""
    memory, costs = PeakMemory(pid), list[FloodCost]()
    port = urlsplit(url).port
    assert port is not None, "an engine of this machine has a port"
    async with aiohttp.ClientSession() as session:
        for flood in floods:
            memory.forget()
            flooding = asyncio.create_task(send_flood(port, flood))
            while not flooding.done():
                memory.read_mb()
                await asyncio.sleep(LOOK_SECONDS)
            await flooding
            healthy = await _is_healthy(session, url)
            costs.append(FloodCost(flood.name, flood.connections, memory.read_mb(), healthy))
    return costs


async def _is_healthy(session: aiohttp.ClientSession, url: str) -> bool:
    limit = aiohttp.ClientTimeout(total=HEALTH_SECONDS)
    with suppress(aiohttp.ClientError, TimeoutError):
        async with session.get(f"{url}/health", timeout=limit) as response:
            return response.status == 200
    return False
