"""Settlement workers that a test starts, kills and stops itself, beside a stack without one or with its own."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from devstack.environment.stack import Stack

START_SECONDS = 120


async def start_signer(
    stack: Stack, log: Path, *arguments: str, settings: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start a settlement worker with what the stack gives its own, and these settings; what it says goes to a file."""
    with await asyncio.to_thread(log.open, "ab") as said:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "worker", "--queues", "settlement"),
            *arguments,
            env=stack.signing_environment | dict(settings or {}),
            stdout=said,
            stderr=said,
        )


async def read_refusal(stack: Stack, log: Path) -> str:
    """Start a settlement worker that does not go on, and return what it said."""
    process = await start_signer(stack, log)
    try:
        async with asyncio.timeout(START_SECONDS):
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = await asyncio.to_thread(log.read_text)
    assert code == 1, said
    assert "Traceback" not in said
    return said.strip().splitlines()[-1]


@asynccontextmanager
async def running_signer(
    stack: Stack, log: Path, *arguments: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """Run a settlement worker until the block ends, in which it must not end by itself."""
    process = await start_signer(stack, log, *arguments, settings=settings)
    try:
        yield
        assert process.returncode is None, await asyncio.to_thread(log.read_text)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
