"""The relay finds what is lost, whatever else of its work goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

import pytest
from temporalio.client import Client

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.errors import Unavailable
from tests.testkit.api_client import wait_until
from tests.testkit.stacks import open_scratch_database
from worker.recovery import relay
from worker.recovery.recovery import Recovery


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def test_what_cannot_be_purged_keeps_nothing_lost_from_being_found(
    scratch: Database, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was tried first, and again at once, so that nothing was swept any more."""
    tried, swept, sweep = list[datetime](), list[int](), Recovery.sweep

    async def fail(_: Database, at: datetime) -> int:
        tried.append(at)
        raise Unavailable("the database does not answer; repeat the request")

    async def count(recovery: Recovery) -> int:
        swept.append(await sweep(recovery))
        return swept[-1]

    monkeypatch.setattr(relay, "purge_jobs", fail)
    monkeypatch.setattr(relay, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(relay, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(Recovery, "sweep", count)
    serving = asyncio.create_task(relay.Relay(scratch, temporal).run())

    async def look() -> bool:
        return len(swept) > 2

    await wait_until(look, "what is lost is looked for")
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    assert len(tried) == 1
