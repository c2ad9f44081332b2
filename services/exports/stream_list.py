"""Read all that a list shows, for a file that is written where it is asked for: of one moment, in one pass."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database

Row = TypeVar("Row")


async def stream_list(
    database: Database, read: Callable[[AsyncConnection], AsyncGenerator[Row]]
) -> AsyncGenerator[Row]:
    """Yield what `read` yields, which is given a connection that sees everything as of one moment."""
    async with database.open_snapshot() as connection, aclosing(read(connection)) as rows:
        async for row in rows:
            yield row
