"""The rows of a file that a check has seen, by the ids of their outages."""

from collections.abc import Sequence

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import import_rows

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


async def forget(connection: AsyncConnection, job_id: str) -> None:
    await connection.execute(delete(import_rows).where(import_rows.c.job_id == job_id))
