"""
Workflows that somebody ends in the Web UI: the database is the truth, and what they were at goes on. All
on one stack, since none of these tests leaves anything of it behind changed.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from temporalio.client import Client

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.tables import audit_entries
from devstack.environment.stack import Stack
from tests.testkit.api_client import (
    BRIEF,
    TERMS,
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.stacks import Stacks
from tests.testkit.truth import open_api, read_payment

STARTED_WITHIN_SECONDS = 60


@pytest.fixture(scope="module")
async def stack(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path_factory.mktemp("ended")) as running:
        yield running


@pytest.fixture(scope="module")
async def opened(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with open_api(stack) as client:
        for name, window, patience in (("at-once", 0, 0), (BRIEF, 3, 3600)):
            policy = {
                "name": name,
                "dispute_window_seconds": window,
                "decision_window_seconds": patience,
                "terms": TERMS,
            }
            assert (await client.post("/sla/policies", json=policy)).status_code == 201
        yield client


@pytest.fixture
async def api(opened: httpx.AsyncClient) -> httpx.AsyncClient:
    return opened


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    opened = Database(stack.environment["DATABASE_URL"], connections_max=4)
    yield opened
    async with opened.autocommit() as connection:
        assert await invariants.check(connection) == []
    await opened.close()


@pytest.fixture
async def client(stack: Stack) -> Client:
    return await Client.connect(stack.environment["TEMPORAL_ADDRESS"])


@pytest.mark.parametrize("end", ["terminate", "reset", "cancel"])
async def test_outages_whose_workflows_somebody_ends_go_on(
    api: httpx.AsyncClient, database: Database, client: Client, end: str
) -> None:
    declared = await declare_outage(api)
    judged = await declare_outage(api, policy=BRIEF)
    await resolve_outage(api, judged)
    for outage_id in (declared, judged):
        await end_workflow(client, f"outage/{outage_id}", end)
    await wait_for_lifecycle(api, judged, "closed", STARTED_WITHIN_SECONDS)
    if end == "cancel":
        called_off = await wait_for_lifecycle(api, declared, "cancelled")
        assert called_off["id"] == declared
        return

    async def resolves() -> bool:
        answer = await api.post(f"/outages/{declared}/resolve", json={"mttr_minutes": 25})
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    await wait_until(resolves, "the outage can be resolved again", STARTED_WITHIN_SECONDS)
    if end == "terminate":
        assert await count_restarts(database, f"outage/{declared}") == 1


@pytest.mark.parametrize("end", ["terminate", "reset", "cancel"])
async def test_payments_whose_workflows_somebody_ends_are_made_once(
    api: httpx.AsyncClient, database: Database, client: Client, end: str
) -> None:
    reason = {"action": "open", "reason": "a test"}
    assert (await api.post("/payments/circuit-breaker", json=reason)).status_code == 200
    outage_id = await declare_outage(api, policy="at-once")
    await resolve_outage(api, outage_id)

    async def find_held() -> str | None:
        found = await read_payment(database, outage_id)
        return found[0] if found and found[1] == "on_hold" else None

    payment_id = await wait_until(find_held, "the payment is on hold")
    await end_workflow(client, f"payment/{payment_id}", end)
    reason["action"] = "close"
    assert (await api.post("/payments/circuit-breaker", json=reason)).status_code == 200
    await wait_for_lifecycle(api, outage_id, "closed", 2 * STARTED_WITHIN_SECONDS)


async def end_workflow(client: Client, workflow_id: str, end: str) -> None:
    handle = client.get_workflow_handle(workflow_id)
    if end == "terminate":
        await handle.terminate("by an operator")
    elif end == "cancel":
        await handle.cancel()
    else:
        command = [
            *("workflow", "reset", "--workflow-id", workflow_id, "--type", "FirstWorkflowTask"),
            *("--reason", "by an operator", "--address", client.service_client.config.target_host),
        ]
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("temporal")),
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()


async def count_restarts(database: Database, subject: str) -> int:
    async with database.autocommit() as connection:
        rows = await connection.execute(
            select(audit_entries.c.id).where(
                audit_entries.c.subject == subject, audit_entries.c.action == "workflow.restarted"
            )
        )
        return len(rows.all())
