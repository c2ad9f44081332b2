"""Read a file of a job as a stream: one chunk is in memory, and no connection is held between two."""

import hashlib
from collections.abc import AsyncIterator

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files
from domain.jobs.job_files import FileRole


async def read_chunks(
    database: Database, job_id: str, role: FileRole, first: int = 0
) -> AsyncIterator[bytes]:
    """Yield the chunks of a file in their order, from a number on."""
    number = first
    while (chunk := await _read(database, job_id, role, number)) is not None:
        yield chunk
        number += 1


async def read_digest(database: Database, job_id: str, role: FileRole) -> tuple[int, str]:
    """Return size and SHA-256 of what is stored."""
    size, digest = 0, hashlib.sha256()
    async for chunk in read_chunks(database, job_id, role):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


async def _read(database: Database, job_id: str, role: FileRole, number: int) -> bytes | None:
    async with database.autocommit() as connection:
        return await job_files.read_chunk(connection, job_id, role, number)
