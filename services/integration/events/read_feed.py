"""Read a page of the event feed, in commit order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.postgres import events
from adapters.postgres.database import Database


@dataclass(frozen=True, slots=True)
class Feed:
    """Events, and the cursor after the last of them."""

    items: Sequence[Mapping[str, Any]]
    next: str


async def read_feed(database: Database, after: str, limit: int) -> Feed:
    """Read on from a cursor; it stays the same while nothing new has happened."""
    cursor = events.Cursor.parse(after)
    async with database.autocommit() as connection:
        rows = await events.list_after(connection, cursor, limit)
    if rows:
        cursor = events.Cursor(rows[-1]["transaction"], rows[-1]["sequence"])
    return Feed([dict(row) for row in rows], str(cursor))
