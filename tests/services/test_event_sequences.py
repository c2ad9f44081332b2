"""The events of an outage are numbered without a gap, whoever publishes them at the same time."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import select

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.tables import events as published
from domain.audit import make_audit_entry
from domain.events import EventType, make_event
from domain.requests import Request
from tests.testkit.api_client import declare_outage, settle_outage

BY = Request("tester", "corr-1")


class Undone(Exception):
    """Rolls a transaction back."""


async def publish(database: Database, outage_id: str, key: str, *, undone: bool = False) -> None:
    at, data = datetime.now(UTC), {"outage_id": outage_id, "reason": "a test", "revision": 1}
    made = [
        make_event(EventType.OUTAGE_REOPENED, outage_id, at, data, key, str(n)) for n in range(2)
    ]
    entry = make_audit_entry(f"outage/{outage_id}", "test.published", BY, at, {}, key)
    async with database.transaction() as connection:
        await events.publish(connection, entry, *made)
        if undone:
            raise Undone


async def read_numbers(database: Database, outage_id: str) -> list[int]:
    async with database.autocommit() as connection:
        rows = await connection.scalars(
            select(published.c.outage_sequence)
            .where(published.c.outage_id == outage_id)
            .order_by(published.c.outage_sequence)
        )
        return list(rows)


async def test_many_at_once_and_some_undone_leave_no_gap(
    api: httpx.AsyncClient, database: Database
) -> None:
    outage_id = await declare_outage(api)

    async def publish_undone(key: str) -> None:
        with pytest.raises(Undone):
            await publish(database, outage_id, key, undone=True)

    kept = [publish(database, outage_id, f"kept-{n}") for n in range(12)]
    undone = [publish_undone(f"undone-{n}") for n in range(12)]
    await asyncio.gather(*(each for pair in zip(kept, undone, strict=True) for each in pair))
    assert await read_numbers(database, outage_id) == list(range(1, 1 + 1 + 24))
    # Published again, by an activity that ran twice, they are the same.
    await publish(database, outage_id, "kept-3")
    assert await read_numbers(database, outage_id) == list(range(1, 1 + 1 + 24))


async def test_a_whole_life_is_numbered_in_its_order(
    api: httpx.AsyncClient, database: Database
) -> None:
    outage = await settle_outage(api)
    numbers = await read_numbers(database, outage["id"])
    assert numbers == list(range(1, len(numbers) + 1))
    cursor, feed = "0-0", []
    while (page := (await api.get("/events", params={"after": cursor, "limit": 1000})).json())[
        "items"
    ]:
        feed += [each for each in page["items"] if each["outage_id"] == outage["id"]]
        cursor = page["next"]
    assert [each["outage_sequence"] for each in feed] == numbers
    assert [each["type"] for each in feed][:2] == ["outage.created", "outage.resolved"]
