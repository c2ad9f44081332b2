"""What the tests of the embedded parts share: a supervisor that leaves nothing behind, and a patient eye."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from devstack.processes.supervisor import Supervisor


@pytest.fixture
def reported() -> list[str]:
    """Return what the supervisor printed for the user."""
    return []


@pytest.fixture
async def supervisor(tmp_path: Path, reported: list[str]) -> AsyncIterator[Supervisor]:
    each = Supervisor(tmp_path / "logs", reported.append)
    yield each
    await each.stop(list(each.restarts))


Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """Wait for a condition, and fail when it does not come true in time."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        limit = time.monotonic() + 20
        while not await condition():
            assert time.monotonic() < limit, "it did not come true within 20 s"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """False for a zombie too: in a container nobody may ever collect it."""

    def look(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return look
