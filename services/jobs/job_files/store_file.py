"""Store a file that is to be the input of a job, as it comes: no more than two chunks are in memory."""

import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files
from domain.errors import Conflict
from domain.jobs.job_files import CHUNK_BYTES, FileRole, JobFile


@dataclass(frozen=True, slots=True)
class StoreFile:
    """`job_id` is that of a job which is recorded once the file is here."""

    job_id: str
    filename: str
    content_type: str
    at: datetime


async def store_file(
    database: Database, command: StoreFile, content: AsyncIterable[bytes]
) -> JobFile:
    """
    Store the content under the id of a job, a transaction for each chunk. What has come of a file whose sender
    gives up is deleted after a day.
    """
    file = JobFile(
        command.job_id,
        FileRole.INPUT,
        command.filename,
        command.content_type,
        None,
        None,
        command.at,
    )
    await _begin(database, file)
    digest, size, number, kept = hashlib.sha256(), 0, 0, bytearray()
    async for part in content:
        digest.update(part)
        size += len(part)
        kept += part
        while len(kept) >= CHUNK_BYTES:
            await _add(database, file, number, bytes(kept[:CHUNK_BYTES]))
            number += 1
            del kept[:CHUNK_BYTES]
    if kept:
        await _add(database, file, number, bytes(kept))
    return await _complete(database, file, size, digest.hexdigest())


async def _begin(database: Database, file: JobFile) -> None:
    async with database.transaction() as connection:
        if await job_files.list_files(connection, file.job_id):
            raise Conflict(f"job {file.job_id!r} has a file already: name a new job")
        await job_files.add_file(connection, file)


async def _add(database: Database, file: JobFile, number: int, chunk: bytes) -> None:
    async with database.transaction() as connection:
        await job_files.add_chunks(connection, file.job_id, file.role, number, [chunk])


async def _complete(database: Database, file: JobFile, size: int, sha256: str) -> JobFile:
    async with database.transaction() as connection:
        await job_files.complete_file(connection, file.job_id, file.role, size, sha256)
        (found,) = await job_files.list_files(connection, file.job_id)
        return found
