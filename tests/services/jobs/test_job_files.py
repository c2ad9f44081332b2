"""Files of jobs come and go as streams, in chunks, and are what was sent."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files
from devstack.environment.stack import Stack
from domain.errors import Conflict
from domain.jobs.job_files import CHUNK_BYTES, FileRole, split_chunks
from services.jobs.job_files.read_chunks import read_chunks, read_digest
from services.jobs.job_files.store_file import StoreFile, store_file
from services.jobs.jobs.purge_jobs import purge_jobs
from services.jobs.jobs.record_job import make_job_id
from tests.testkit.stacks import open_scratch_database

AT = datetime(2026, 5, 1, tzinfo=UTC)
CONTENT = bytes(range(256)) * 4096  # a million bytes, more than three chunks


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def send(content: bytes, size: int) -> AsyncIterator[bytes]:
    """Send content in parts as a network has them."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", [1000, CHUNK_BYTES, 700_000])
async def test_a_file_is_stored_as_it_comes_and_read_as_it_was(
    scratch: Database, size: int
) -> None:
    job_id = make_job_id()
    command = StoreFile(job_id, "outages.csv", "text/csv", AT)
    file = await store_file(scratch, command, send(CONTENT, size))
    assert (file.size, file.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    chunks = [each async for each in read_chunks(scratch, job_id, FileRole.INPUT)]
    assert b"".join(chunks) == CONTENT
    assert {len(each) for each in chunks[:-1]} == {CHUNK_BYTES}
    assert await read_digest(scratch, job_id, FileRole.INPUT) == (file.size, file.sha256)
    later = [each async for each in read_chunks(scratch, job_id, FileRole.INPUT, 2)]
    assert b"".join(later) == CONTENT[2 * CHUNK_BYTES :]


async def test_an_empty_file_is_a_file(scratch: Database) -> None:
    command = StoreFile(make_job_id(), "none.csv", "text/csv", AT)
    file = await store_file(scratch, command, send(b"", 1))
    assert (file.size, file.sha256) == (0, hashlib.sha256(b"").hexdigest())


async def test_a_second_file_is_no_part_of_the_first(scratch: Database) -> None:
    command = StoreFile(make_job_id(), "one.csv", "text/csv", AT)
    await store_file(scratch, command, send(b"one", 1))
    with pytest.raises(Conflict, match="has a file already"):
        await store_file(scratch, command, send(b"two", 1))
    assert [each async for each in read_chunks(scratch, command.job_id, FileRole.INPUT)] == [b"one"]


async def test_what_came_of_a_file_whose_sender_gave_up_is_deleted_after_a_day(
    scratch: Database,
) -> None:
    async def give_up() -> AsyncIterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    command = StoreFile(make_job_id(), "torn.csv", "text/csv", AT)
    with pytest.raises(ConnectionResetError):
        await store_file(scratch, command, give_up())
    for at, left in ((AT + timedelta(hours=23), 1), (AT + timedelta(hours=25), 0)):
        while await purge_jobs(scratch, at):
            pass
        async with scratch.autocommit() as connection:
            files = await job_files.list_files(connection, command.job_id)
        assert [each.sha256 for each in files] == [None] * left
    assert await read_digest(scratch, command.job_id, FileRole.INPUT) == (
        0,
        hashlib.sha256(b"").hexdigest(),
    )


def test_content_is_split_without_a_rest() -> None:
    assert list(split_chunks(b"")) == []
    assert [len(each) for each in split_chunks(bytes(CHUNK_BYTES + 1))] == [CHUNK_BYTES, 1]
