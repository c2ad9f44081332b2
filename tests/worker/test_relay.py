"""The relay finds what is lost, whatever else of its work goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from temporalio.client import Client

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.errors import Unavailable
from domain.recovery.unfinished import Unfinished
from domain.requests import Request
from domain.sla.outages import Declaration, Outage, RecordOutageInput
from domain.sla.verdicts import Severity
from services.sla.outages.record_outage import record_outage
from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.stacks import open_scratch_database
from worker.recovery import relay, sweeps
from worker.recovery.recovery import Recovery
from worker.recovery.sweeps import Sweeper

BEGAN, STANDARD = datetime(2026, 1, 31, 12, tzinfo=UTC), "standard"


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def test_what_cannot_be_purged_keeps_nothing_lost_from_being_found(
    scratch: Database, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was tried first, and again at once, so that nothing was swept any more."""
    tried, swept, sweep = list[datetime](), list[int](), Sweeper.sweep

    async def fail(_: Database, at: datetime) -> int:
        tried.append(at)
        raise Unavailable("the database does not answer; repeat the request")

    async def count(sweeper: Sweeper) -> int:
        swept.append(await sweep(sweeper))
        return swept[-1]

    monkeypatch.setattr(relay, "purge_jobs", fail)
    monkeypatch.setattr(relay, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(relay, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(Sweeper, "sweep", count)

    async def look() -> bool:
        return len(swept) > 2

    async with serve(scratch, temporal):
        await wait_until(look, "what is lost is looked for")
    assert len(tried) == 1


async def test_changes_and_ends_are_looked_for_while_a_sweep_goes_on(
    scratch: Database, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hundred thousand open outages it took longer than a workflow may know less than the database."""
    looked, endless = list[str](), asyncio.Event()

    async def sweep(_: Sweeper) -> int:
        await endless.wait()
        return 0

    async def note(what: str) -> None:
        looked.append(what)

    monkeypatch.setattr(relay, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(relay, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(Sweeper, "sweep", sweep)
    monkeypatch.setattr(Sweeper, "start_ended", lambda _: note("ended"))
    monkeypatch.setattr(relay.Relay, "look", lambda *_: note("changed"))

    async def look() -> bool:
        return looked.count("changed") > 2 and looked.count("ended") > 2

    async with serve(scratch, temporal):
        await wait_until(look, "what changed and what ended is looked for")


async def test_a_sweep_of_many_pages_rests_between_them_and_says_that_it_goes_on(
    scratch: Database, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, rests, said = [100, 100, 7], list[float](), list[datetime]()

    async def read_pages(_: Recovery, *, deliveries: bool) -> AsyncIterator[list[Unfinished]]:
        for size in pages:
            yield [Unfinished("", "", "", "", None)] * size

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    async def record(_: Database, at: datetime, _unattended: int) -> None:
        said.append(at)

    monkeypatch.setattr(Recovery, "read_pages", read_pages)
    monkeypatch.setattr(sweeps, "asyncio", SimpleNamespace(sleep=rest))
    monkeypatch.setattr(sweeps, "record_sweep", record)
    monkeypatch.setattr(sweeps, "RECORD_SECONDS", 0.0)
    monkeypatch.setattr(Sweeper, "_sweep_page", lambda *_: asyncio.sleep(0.01))
    await Sweeper(scratch, temporal).sweep()
    assert len(rests) == 2
    assert min(rests) > 0.02, "three times as long as the page took"
    assert len(said) == len(pages) + 1
    assert said == sorted(said), "what readiness goes by never goes back"


async def test_what_somebody_ended_is_started_again_without_a_sweep(
    scratch: Database, temporal: Client
) -> None:
    outage = Outage(make_unique_id("END"), "Tower 7", Severity.LOW, BEGAN, policy=STANDARD)
    declaration = Declaration(outage, Request("a test", "ended"), STANDARD, "default")
    minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    await record_outage(scratch, RecordOutageInput(declaration, minute_ago))
    name, sweeper = f"outage/{outage.id}", Sweeper(scratch, temporal)
    ended = await temporal.start_workflow("Anything", id=name, task_queue="nobody serves it")
    await ended.terminate("an operator's mistake")

    async def start() -> bool:
        return await sweeper.start_ended() == 1

    await wait_until(start, "it is started again")
    assert await sweeper.start_ended() == 0, "it runs by now"
    await temporal.get_workflow_handle(name).terminate("the test is over")


@asynccontextmanager
async def serve(database: Database, client: Client) -> AsyncIterator[None]:
    """Run a relay until the block ends."""
    serving = asyncio.create_task(relay.Relay(database, client).run())
    try:
        yield
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
