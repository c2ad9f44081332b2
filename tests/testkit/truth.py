"""Whether the database and the workflows of a running stack say the same, and commands of callers that give up."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import httpx
from sqlalchemy import select
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.postgres.database import Database
from adapters.postgres.tables import outages, payments
from devstack.environment.stack import Stack
from domain.sla.outages import FINAL
from workflows.visibility.search_attributes import ACKNOWLEDGED

ANSWER_SECONDS = 10.0
LOOK_SECONDS = 0.1


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


async def read_workflow(client: Client, outage_id: str) -> tuple[str, int | None] | None:
    """
    Return the status that the workflow of an outage knows, and the version that it has acknowledged; None when it does
    not answer. One that is over is played again to be asked, which takes seconds where the cores have other work.
    """
    with suppress(RPCError, TimeoutError):
        handle = client.get_workflow_handle(f"outage/{outage_id}")
        async with asyncio.timeout(ANSWER_SECONDS):
            described = await handle.describe()
            status = str(await handle.query("state"))
        return status, described.typed_search_attributes.get(ACKNOWLEDGED)
    return None


async def wait_for_agreement(
    database: Database, client: Client, outage_id: str, limit: float
) -> None:
    """Wait until the workflow knows what the database says, and fail with what both say after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        known, found = (
            await read_workflow(client, outage_id),
            await read_outage(database, outage_id),
        )
        if known is not None and (known == found or _is_over(known, found)):
            return
        assert time.monotonic() < end, f"{outage_id}: the workflow says {known}, the row {found}"
        await asyncio.sleep(LOOK_SECONDS)


def _is_over(known: tuple[str, int | None], found: tuple[str, int] | None) -> bool:
    """Tell whether an outage ended, as both say: what may be corrected afterwards has a version, and no workflow."""
    return found is not None and known[0] == found[0] and known[0] in FINAL
