"""Whether the database and the workflows of a running stack say the same, and commands of callers that give up."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
from sqlalchemy import select
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.postgres.database import Database
from adapters.postgres.tables import outages, payments
from devstack.environment.stack import Stack
from tests.testkit.api_client import wait_until
from workflows.visibility.search_attributes import ACKNOWLEDGED


def open_api(stack: Stack, limit: float = 30) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1",
        headers={"X-API-Key": stack.environment["BOOTSTRAP_API_KEY"]},
        timeout=limit,
        trust_env=False,
    )


async def ask_and_leave(api: httpx.AsyncClient, method: str, path: str, body: Any) -> None:
    """Ask as a caller does that does not wait for the answer, and never comes back."""
    with suppress(httpx.TransportError):
        await api.request(method, path, json=body, timeout=1)


async def read_outage(database: Database, outage_id: str) -> tuple[str, int] | None:
    """Return the status and the version on record."""
    async with database.autocommit() as connection:
        rows = await connection.execute(
            select(outages.c.status, outages.c.version).where(outages.c.id == outage_id)
        )
        row = rows.one_or_none()
    return None if row is None else (row.status, row.version)


async def read_payment(database: Database, outage_id: str) -> tuple[str, str] | None:
    """Return the id and the status of the payment of an outage."""
    async with database.autocommit() as connection:
        rows = await connection.execute(
            select(payments.c.id, payments.c.status).where(payments.c.outage_id == outage_id)
        )
        row = rows.one_or_none()
    return None if row is None else (row.id, row.status)


async def agree(database: Database, client: Client, outage_id: str) -> bool:
    """Return whether the workflow knows what the database says, status and version."""
    described, status = None, None
    with suppress(RPCError):
        handle = client.get_workflow_handle(f"outage/{outage_id}")
        described = await handle.describe()
        async with asyncio.timeout(2):
            status = await handle.query("state")
    known = described and described.typed_search_attributes.get(ACKNOWLEDGED)
    return (status, known) == await read_outage(database, outage_id)


async def wait_for_agreement(
    database: Database, client: Client, outage_id: str, limit: float
) -> None:
    async def look() -> bool:
        with suppress(TimeoutError):
            return await agree(database, client, outage_id)
        return False

    found = await read_outage(database, outage_id)
    await wait_until(look, f"the workflow of {outage_id} knows {found}", limit)
