"""The rows of a file that a check has seen, by the ids of their outages."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import import_rows, jobs

# A file may have ten million rows, and no statement may take so long.
FORGOTTEN_AT_ONCE_MAX = 20_000

_ADD = text(
    """
    INSERT INTO import_rows (job_id, outage_id, content)
    SELECT :job_id, * FROM unnest(CAST(:ids AS text[]), CAST(:contents AS text[]))
    """
)


async def find(connection: AsyncConnection, job_id: str, ids: Sequence[str]) -> dict[str, str]:
    """Return the contents of those that were seen, by their ids."""
    rows = await connection.execute(
        select(import_rows.c.outage_id, import_rows.c.content).where(
            import_rows.c.job_id == job_id, import_rows.c.outage_id.in_(ids)
        )
    )
    return {row.outage_id: row.content for row in rows}


async def add(
    connection: AsyncConnection, job_id: str, contents: Sequence[tuple[str, str]]
) -> None:
    given = {"ids": [id_ for id_, _ in contents], "contents": [each for _, each in contents]}
    await connection.execute(_ADD, {"job_id": job_id, **given})


async def forget_some(connection: AsyncConnection, job_id: str) -> int:
    """Forget some of what was seen; return how many, 0 once there are no more."""
    mine = import_rows.c.job_id == job_id
    some = select(import_rows.c.outage_id).where(mine).limit(FORGOTTEN_AT_ONCE_MAX)
    result = await connection.execute(
        delete(import_rows).where(mine, import_rows.c.outage_id.in_(some))
    )
    return result.rowcount


async def forget_some_expired(connection: AsyncConnection, at: datetime) -> int:
    """Forget some of what was seen for jobs that expired before an instant; return how many."""
    key = (import_rows.c.job_id, import_rows.c.outage_id)
    some = (
        select(*key)
        .join(jobs, jobs.c.id == import_rows.c.job_id)
        .where(jobs.c.expires_at <= at)
        .limit(FORGOTTEN_AT_ONCE_MAX)
    )
    return (await connection.execute(delete(import_rows).where(tuple_(*key).in_(some)))).rowcount
