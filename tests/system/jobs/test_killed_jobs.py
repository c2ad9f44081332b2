"""A worker that is killed in the middle of jobs: another goes on where it was, nothing is lost or doubled."""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
from sqlalchemy import select

from adapters.postgres.database import Database
from adapters.postgres.tables import deliveries
from devstack.environment.stack import Stack
from domain.jobs.job_files import FileRole, JobFile
from domain.jobs.jobs import Job
from services.jobs.job_files.open_output import open_output
from tests.testkit.api_client import wait_until
from tests.testkit.jobs.job_factory import EVERY_OUTAGE, add_job, fail_deliveries, judge_outages
from tests.testkit.stacks import Stacks
from tests.testkit.truth import open_api
from tests.testkit.webhook_receiver import WebhookReceiver

OUTAGES, DELIVERIES = 2200, 1200
# Two pages of 500 are saved before.
BLOCKED_CHUNK, BLOCKED_DELIVERY = 2, 1100
ENDS_WITHIN_SECONDS = 120


async def test_what_a_killed_worker_was_doing_goes_on_where_it_was(
    stacks: Stacks, tmp_path: Path
) -> None:
    async with (
        stacks.start(tmp_path / "data") as stack,
        WebhookReceiver() as receiver,
        open_api(stack) as api,
    ):
        database = Database(stack.environment["DATABASE_URL"], connections_max=2)
        wanted = {"url": receiver.url, "events": ["outage.created"]}
        webhook = (await api.post("/webhooks", json=wanted)).raise_for_status().json()["id"]
        await judge_outages(database, "mast", OUTAGES)
        await fail_deliveries(database, "run", webhook, DELIVERIES)
        report = await add_job(database, parameters=EVERY_OUTAGE | {"site": "mast"})
        async with block_steps(stack, database, report):
            # Nobody has started its workflow: the relay does.
            await wait_until(partial(is_at, api, report.id, 1000), "two pages are reported", 90)
            since = {"since": "2026-02-01T00:00:00Z"}
            asked = await api.post(f"/webhooks/{webhook}/redeliver", json=since)
            assert asked.json()["deliveries"] == DELIVERIES
            job_ids = [report.id, asked.json()["job_id"]]
            await wait_until(partial(is_at, api, job_ids[1], 1000), "two pages are due again")
            stack.kill("worker")
        ended = [
            await wait_until(partial(find_done, api, each), "it is done", ENDS_WITHIN_SECONDS)
            for each in job_ids
        ]
        assert stack.restarts["worker"] == 1
        assert all(each["attempts"] > 1 for each in ended), ended
        await check_report(api, ended[0])
        assert ended[1]["result"] == {"deliveries": DELIVERIES}
        await check_deliveries(database)
        await database.close()


@asynccontextmanager
async def block_steps(stack: Stack, database: Database, report: Job) -> AsyncIterator[None]:
    """Let no job get beyond its third page while the block runs: what it would write there is locked."""
    file = JobFile(
        report.id,
        FileRole.OUTPUT,
        "found.jsonl",
        "application/jsonl",
        None,
        None,
        datetime.now(UTC),
    )
    await open_output(database, file)
    url = stack.environment["DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(
            "INSERT INTO job_file_chunks (job_id, role, number, content) VALUES (%s, 'output', %s, 'x')",
            [report.id, BLOCKED_CHUNK],
        )
        await connection.execute(
            "SELECT 1 FROM deliveries WHERE id = %s FOR UPDATE",
            [f"dlv_run{BLOCKED_DELIVERY:06}"],
        )
        yield
        await connection.rollback()


async def is_at(api: httpx.AsyncClient, job_id: str, done: int) -> bool:
    return bool((await api.get(f"/jobs/{job_id}")).json()["done"] == done)


async def find_done(api: httpx.AsyncClient, job_id: str) -> dict[str, Any] | None:
    shown: dict[str, Any] = (await api.get(f"/jobs/{job_id}")).json()
    assert shown["status"] in ("running", "done"), shown
    return shown if shown["status"] == "done" else None


async def check_report(api: httpx.AsyncClient, job: dict[str, Any]) -> None:
    assert (job["done"], job["total"], job["result"]["equal"]) == (OUTAGES, OUTAGES, OUTAGES)
    output = (await api.get(f"/jobs/{job['id']}/output")).raise_for_status()
    assert hashlib.sha256(output.content).hexdigest() == job["files"][0]["sha256"]
    rows = [json.loads(line)["outage_id"] for line in output.text.splitlines()]
    assert rows == [f"mast-{number:06}" for number in range(1, OUTAGES + 1)]


async def check_deliveries(database: Database) -> None:
    """Each is due again or delivered, and was made due once: after the three attempts of before."""
    async with database.autocommit() as connection:
        rows = await connection.execute(select(deliveries.c.status, deliveries.c.earlier_attempts))
        counted = Counter(
            (row.status in ("pending", "success"), row.earlier_attempts) for row in rows
        )
    assert counted == {(True, 3): DELIVERIES}
