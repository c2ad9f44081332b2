"""Read a page of the event feed, in commit order."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.postgres import events
from adapters.postgres.database import Database
from domain.access.scopes import Scope
from domain.events import FeedEvent


@dataclass(frozen=True, slots=True)
class Feed:
    """Events, and the cursor after the last of them."""

    items: Sequence[FeedEvent]
    next: str


async def read_feed(database: Database, after: str, limit: int, scope: Scope) -> Feed:
    """Read on from a cursor; it stays the same while nothing new has happened."""
    cursor = events.Cursor.parse(after)
    async with database.autocommit() as connection:
        items = await events.list_after(connection, cursor, limit, scope)
    if items:
        cursor = events.Cursor(items[-1].transaction, items[-1].sequence)
    return Feed(items, str(cursor))
