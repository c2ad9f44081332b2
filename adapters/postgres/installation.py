"""The installation that a database belongs to: its id never changes, whatever is restored."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import installation


async def get_id(connection: AsyncConnection) -> UUID:
    found = await connection.execute(select(installation.c.id))
    return found.scalar_one()
