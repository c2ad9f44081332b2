"""Workers of the queue outages that a test starts, and that die where they are told to."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from devstack.environment.services import is_seed
from devstack.environment.stack import Stack


@asynccontextmanager
async def serve_outages(stack: Stack, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Workers of outages that start at once, and die where they are told to."""
    environment = {k: v for k, v in stack.signing_environment.items() if not is_seed(k)}
    environment["WEBHOOK_SECRET_KEY"] = stack.environment["WEBHOOK_SECRET_KEY"]
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "tests.testkit.processes.worker_forkserver",
                "outages,analytics,webhooks",
            ),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
        )
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.write(b"\n")
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
                await process.wait()


async def start_worker(process: asyncio.subprocess.Process, order: str) -> None:
    """Stop the worker that runs, and start another one; return once it serves."""
    assert process.stdin is not None
    process.stdin.write(f"{order}\n".encode())
    await read_line(process, "ready queues")


async def read_end(process: asyncio.subprocess.Process) -> list[str]:
    """Wait until a worker has died, and return how."""
    return await read_line(process, "gone")


async def read_line(process: asyncio.subprocess.Process, beginning: str) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while line := (await process.stdout.readline()).decode():
            if line.startswith(beginning):
                return line.split()
    raise AssertionError("whoever starts the workers has died; its log tells why")
