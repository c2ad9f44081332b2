"""The migrations build exactly the tables the code knows, and the database guards the book."""

import asyncio

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.database import Database
from adapters.postgres.tables import guards
from migrations.run import check, upgrade
from sandbox.stack import Stack
from tests.support import AT_ONCE, declare, eventually, resolve


async def test_the_migrations_and_the_tables_agree(stack: Stack) -> None:
    await asyncio.to_thread(check, stack.environment["DATABASE_URL"])


async def test_the_guards_are_known_up_to_the_last_migration(database: Database) -> None:
    """An inspection leaves a book alone that was made by a migration it does not know."""
    async with database.autocommit() as connection:
        newest = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    assert newest == guards.REVISION


async def test_migrating_again_changes_nothing(stack: Stack) -> None:
    await asyncio.to_thread(upgrade, stack.environment["DATABASE_URL"])


ONE_SIDED = text(
    """
    WITH entry AS (
        INSERT INTO entries (id, kind, payment_id, currency, lines, slot)
        SELECT 'one-sided', 'closing', id, 'USDC', 1, 0 FROM payments LIMIT 1 RETURNING id
    )
    INSERT INTO postings (entry_id, line, account, amount_stroops)
    SELECT id, 1, 'expense:test', 5 FROM entry
    """
)


async def book_one_side(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(ONE_SIDED)


async def test_an_entry_that_does_not_balance_is_refused(
    api: httpx.AsyncClient, database: Database
) -> None:
    outage_id = await declare(api, policy=AT_ONCE)
    await resolve(api, outage_id)
    await eventually(lambda: _paid(api, outage_id), "the outage is paid")
    with pytest.raises(IntegrityError, match="does not balance"):
        await book_one_side(database)


async def _paid(api: httpx.AsyncClient, outage_id: str) -> bool:
    listed = await api.get("/payments", params={"outage_id": outage_id})
    return bool(listed.json()["items"])


@pytest.mark.parametrize("table", ["entries", "postings", "audit_leaves", "events", "sla_results"])
async def test_nothing_in_the_book_is_ever_changed(
    stack: Stack, database: Database, table: str
) -> None:
    with pytest.raises(IntegrityError, match="never changed"):
        await empty(database, table)


async def empty(database: Database, table: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text(f"DELETE FROM {table}"))
