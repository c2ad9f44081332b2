"""Read the audit trail: a page of what is asked for, or all of it."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

from adapters.postgres import audit
from adapters.postgres.database import Database
from services.exports.stream_list import stream_list


def make_filter(
    *,
    subject: str | None,
    action: str | None,
    actor: str | None,
    correlation_id: str | None,
    since: datetime | None,
    until: datetime | None,
) -> audit.AuditFilter:
    return audit.AuditFilter(subject, action, actor, correlation_id, since, until)


async def read_entries(
    database: Database, wanted: audit.AuditFilter, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the newest entries first, and the sequence to go on before; None at the end of the trail."""
    async with database.autocommit() as connection:
        found = await audit.list_before(connection, wanted, before, limit + 1)
    more = found[limit - 1]["sequence"] if len(found) > limit else None
    return found[:limit], more


def read_all_entries(
    database: Database, wanted: audit.AuditFilter
) -> AsyncGenerator[dict[str, Any]]:
    """Yield all entries, the oldest first, as of one moment."""
    return stream_list(database, lambda connection: audit.stream(connection, wanted))
