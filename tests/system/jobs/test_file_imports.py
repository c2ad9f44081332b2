"""A file far larger than the memory of those it goes through; and kills in the middle of an import."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from adapters.postgres.database import Database
from adapters.postgres.tables import audit_entries, outages
from devstack.bench.edge.peak_memory import PeakMemory
from devstack.bench.imports.import_bench import make_file, make_rows
from devstack.environment.stack import Stack
from tests.testkit.api_client import wait_until
from tests.testkit.stacks import Stacks

PADDED_ROWS, PADDING = 25_000, "x" * 4_800
MEMORY_MB_MAX = 230
KILLED_ROWS = 1_200


@pytest.fixture(scope="module")
async def importing(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path_factory.mktemp("imports")) as running:
        yield running


@pytest.fixture(scope="module")
async def caller(importing: Stack) -> AsyncIterator[httpx.AsyncClient]:
    headers = {
        "X-API-Key": importing.environment["BOOTSTRAP_API_KEY"],
        "Content-Type": "text/csv",
    }
    url = f"{importing.url}/api/v1"
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=120, trust_env=False
    ) as client:
        yield client


@pytest.fixture
async def records(importing: Stack) -> AsyncIterator[Database]:
    database = Database(importing.environment["DATABASE_URL"], connections_max=2)
    yield database
    await database.close()


async def read_job(caller: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await caller.get(f"/jobs/{job_id}")).json()
    return found


async def see_through(caller: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        try:
            found = await read_job(caller, job_id)
        except (httpx.TransportError, ValueError):
            return None  # the API is being started again
        return found if found.get("ended_at") else None

    job = await wait_until(look, "the end of the import", 240)
    assert job["status"] == "done", job
    return job


async def test_a_file_of_a_hundred_megabytes_costs_no_memory(
    importing: Stack, caller: httpx.AsyncClient, records: Database
) -> None:
    """Its columns that nobody knows are read, and left out."""
    pids = importing.pids
    peaks = {name: PeakMemory(pids[name]) for name in ("api", "worker")}
    for peak in peaks.values():
        peak.forget()
    rows = make_rows("large", PADDED_ROWS, ended=True, until=datetime.now(UTC))
    padded = (f"{row},{PADDING if place else 'padding'}" for place, row in enumerate(rows))
    answer = await caller.post("/imports", params={"mode": "backfill"}, content=make_file(padded))
    assert answer.status_code == 202, answer.text
    assert answer.json()["parameters"]["size"] > 100_000_000
    job = await see_through(caller, answer.json()["id"])
    assert job["result"]["imported"] == PADDED_ROWS
    assert {
        name: peak.read_mb() for name, peak in peaks.items() if peak.read_mb() > MEMORY_MB_MAX
    } == {}


@pytest.mark.parametrize("mode", ["backfill", "declare"])
async def test_a_worker_that_is_killed_loses_no_row_and_doubles_none(
    importing: Stack, caller: httpx.AsyncClient, records: Database, mode: str
) -> None:
    rows = make_rows(f"killed-{mode}", KILLED_ROWS, ended=False, until=datetime.now(UTC))
    if mode == "backfill":
        rows = make_rows("killed-backfill", KILLED_ROWS * 4, ended=True, until=datetime.now(UTC))
    answer = await caller.post("/imports", params={"mode": mode}, content=make_file(rows))
    job_id, wanted = answer.json()["id"], KILLED_ROWS * (4 if mode == "backfill" else 1)

    async def count() -> int:
        async with records.autocommit() as connection:
            return (
                await connection.scalar(
                    select(func.count()).where(outages.c.id.like(f"killed-{mode}-%"))
                )
                or 0
            )

    for part in (1, 2):
        while await count() < wanted * part // 4:
            await asyncio.sleep(0.02)
        before = importing.restarts.get("worker", 0)
        importing.kill("worker")
        while importing.restarts.get("worker", 0) == before:
            await asyncio.sleep(0.05)
    job = await see_through(caller, job_id)
    assert job["attempts"] > 1
    assert (job["result"]["imported"], job["result"]["skipped"]) == (wanted, 0)
    assert await count() == wanted
    async with records.autocommit() as connection:
        declared = await connection.scalar(
            select(func.count()).where(
                audit_entries.c.action == "outage.declared",
                audit_entries.c.subject.like(f"outage/killed-{mode}-%"),
            )
        )
    assert declared == (wanted if mode == "declare" else 0)
