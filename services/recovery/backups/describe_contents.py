"""Describe what a database holds, with the invariants that are violated in it."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database, take_snapshot
from adapters.postgres.recovery import backups
from domain.recovery.backups import DatabaseContents

# What is overdue breaks no invariant.
OVERDUE = timedelta(days=36_500)


async def describe_contents(database: Database) -> DatabaseContents:
    async with database.transaction() as connection:
        await take_snapshot(connection)
        return await describe_contents_within(connection)


async def describe_contents_within(connection: AsyncConnection) -> DatabaseContents:
    """Call it in a snapshot; it reads every row once, and the journal a few times more."""
    await backups.prepare_snapshot(connection)
    contents = await backups.read_contents(connection)
    violations = await invariants.check(connection, OVERDUE)
    violated = sorted({str(each.invariant) for each in violations if not each.overdue})
    return replace(contents, violated=violated)
