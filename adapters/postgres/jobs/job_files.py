"""Files of jobs in the database: chunks are added in their order and read one at a time."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import job_file_chunks, job_files
from domain.jobs.job_files import ABANDONED_AFTER, FileRole, JobFile

# Fifty megabytes.
CHUNKS_DELETED_AT_ONCE_MAX = 200
# What belongs to a job that has expired, or to none though it has been here for long.
_DOOMED = """
    SELECT f.job_id, f.role FROM job_files f LEFT JOIN jobs j ON j.id = f.job_id
    WHERE j.expires_at <= :at OR (j.id IS NULL AND f.created_at <= :abandoned)
"""
_DELETE_CHUNKS = text(
    f"""
    DELETE FROM job_file_chunks WHERE (job_id, role, number) IN (
        SELECT c.job_id, c.role, c.number FROM job_file_chunks c
        JOIN ({_DOOMED}) d USING (job_id, role) LIMIT :limit
    )
    """
)
_DELETE_FILES = text(
    f"""
    DELETE FROM job_files f WHERE (job_id, role) IN ({_DOOMED}) AND NOT EXISTS (
        SELECT FROM job_file_chunks c WHERE c.job_id = f.job_id AND c.role = f.role
    )
    """
)


async def add_file(connection: AsyncConnection, file: JobFile) -> None:
    """Add a file that is to be filled; one that is here already stays as it is."""
    known = {each.name: getattr(file, each.name) for each in fields(JobFile)}
    await connection.execute(insert(job_files).values(known).on_conflict_do_nothing())


async def add_chunks(
    connection: AsyncConnection,
    job_id: str,
    role: FileRole,
    number: int,
    contents: Sequence[bytes],
) -> None:
    """Add chunks, of which `number` is the first one's."""
    for place, content in enumerate(contents, number):
        await connection.execute(
            insert(job_file_chunks).values(job_id=job_id, role=role, number=place, content=content)
        )


async def count_chunks(connection: AsyncConnection, job_id: str, role: FileRole) -> int:
    newest = select(func.max(job_file_chunks.c.number)).where(
        job_file_chunks.c.job_id == job_id, job_file_chunks.c.role == role
    )
    found = await connection.scalar(newest)
    return 0 if found is None else found + 1


async def read_chunk(
    connection: AsyncConnection, job_id: str, role: FileRole, number: int
) -> bytes | None:
    """Return a chunk; None after the last one."""
    found: bytes | None = await connection.scalar(
        select(job_file_chunks.c.content).where(
            job_file_chunks.c.job_id == job_id,
            job_file_chunks.c.role == role,
            job_file_chunks.c.number == number,
        )
    )
    return found


async def complete_file(
    connection: AsyncConnection, job_id: str, role: FileRole, size: int, sha256: str
) -> None:
    """Note that all of a file is here."""
    await connection.execute(
        update(job_files)
        .where(job_files.c.job_id == job_id, job_files.c.role == role)
        .values(size=size, sha256=sha256)
    )


async def list_files(connection: AsyncConnection, job_id: str) -> list[JobFile]:
    rows = await connection.execute(
        select(job_files).where(job_files.c.job_id == job_id).order_by(job_files.c.role)
    )
    return [
        JobFile(**{each.name: row[each.name] for each in fields(JobFile)} | {"role": role})
        for row in rows.mappings()
        for role in [FileRole(row["role"])]
    ]


async def delete_chunks(connection: AsyncConnection, job_id: str, role: FileRole) -> int:
    """Delete some chunks of a file that is made anew; return how many, 0 once there are no more."""
    chunks = job_file_chunks.c
    mine = (chunks.job_id == job_id, chunks.role == role)
    some = select(chunks.number).where(*mine).limit(CHUNKS_DELETED_AT_ONCE_MAX)
    result = await connection.execute(delete(job_file_chunks).where(*mine, chunks.number.in_(some)))
    return result.rowcount


async def delete_file(connection: AsyncConnection, job_id: str, role: FileRole) -> None:
    """Delete a file of which no chunk is left."""
    files = job_files.c
    await connection.execute(delete(job_files).where(files.job_id == job_id, files.role == role))


async def delete_some_chunks(connection: AsyncConnection, at: datetime) -> int:
    """Delete some chunks of files that nobody needs any more; return how many."""
    wanted = {"at": at, "abandoned": at - ABANDONED_AFTER, "limit": CHUNKS_DELETED_AT_ONCE_MAX}
    return (await connection.execute(_DELETE_CHUNKS, wanted)).rowcount


async def delete_emptied(connection: AsyncConnection, at: datetime) -> int:
    """Delete files that nobody needs any more and that have no chunks left; return how many."""
    wanted = {"at": at, "abandoned": at - ABANDONED_AFTER}
    return (await connection.execute(_DELETE_FILES, wanted)).rowcount
