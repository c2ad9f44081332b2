"""An export by a job: one file of one moment, whatever became of the attempt before."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from activities.jobs import exports
from activities.jobs.exports import EXPORT_KINDS, ExportRunner
from activities.jobs.job_contexts import JobContext
from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.exports import copies
from adapters.postgres.jobs import job_files
from devstack.environment.stack import Stack
from domain.exports.datasets import Dataset, ExportFormat
from domain.jobs.job_files import FileRole
from domain.jobs.jobs import Job, JobStep, JobStopped
from domain.sla.listings import OutageFilter
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import Severity
from services.exports.export_orders import choose_kind, make_order, parse_order
from services.jobs.jobs.begin_job import begin_job
from services.jobs.jobs.record_job import RecordJob, make_job_id, record_job
from tests.services.exports.test_stream_export import INSERT
from tests.testkit.exports.export_reader import READER, parse_file, read_export
from tests.testkit.stacks import open_scratch_database

AT = datetime(2026, 5, 1, tzinfo=UTC)
WANTED = OutageFilter(
    severity=Severity.HIGH,
    statuses=[OutageStatus.DECLARED],
    since=datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC),
)


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        async with database.transaction() as connection:
            await connection.execute(INSERT, {"prefix": "OUT-", "count": 2000})
        yield database


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SAVED_BYTES", 100_000)
    monkeypatch.setattr(job_files, "CHUNKS_DELETED_AT_ONCE_MAX", 1)
    monkeypatch.setattr(copies, "BLOCK_BYTES", 64 * 1024)


async def add_export(database: Database, form: ExportFormat = ExportFormat.CSV) -> Job:
    order = make_order(Dataset.OUTAGES, form, WANTED, {"severity": "high"})
    kind = choose_kind(Dataset.OUTAGES)
    return await record_job(database, RecordJob(make_job_id(), kind, order, READER, AT))


class DyingContext(JobContext):
    """Dies with the step after so many, as a process does."""

    steps = 3

    def make_step(self, *arguments: Any) -> JobStep:
        if self.steps == 0:
            raise KeyError("the process has died")
        self.steps -= 1
        return super().make_step(*arguments)


async def read_output(database: Database, job_id: str) -> bytes:
    content, number = b"", 0
    async with database.autocommit() as connection:
        while chunk := await job_files.read_chunk(connection, job_id, FileRole.OUTPUT, number):
            content, number = content + chunk, number + 1
    return content


def test_every_dataset_has_a_kind_of_job() -> None:
    assert {choose_kind(dataset) for dataset in Dataset} == set(EXPORT_KINDS)


async def test_an_order_is_read_back_as_it_was_given(scratch: Database) -> None:
    job = await add_export(scratch, ExportFormat.JSON)
    form, command = parse_order(await begin_job(scratch, job.id, AT))
    assert (form, command.dataset, command.wanted) == ("json", Dataset.OUTAGES, WANTED)
    assert (command.said, command.request) == ({"severity": "high"}, READER)


async def test_an_attempt_after_a_crash_writes_the_whole_file_anew(scratch: Database) -> None:
    job = await add_export(scratch)
    dying = DyingContext(scratch, await begin_job(scratch, job.id, AT))
    with pytest.raises(KeyError):
        await ExportRunner().run(dying)
    left = await read_output(scratch, job.id)
    assert left, "it died after it had saved something"
    async with scratch.transaction() as connection:
        await connection.execute(text("UPDATE outages SET description = 'since'"))
    context = JobContext(scratch, await begin_job(scratch, job.id, AT))
    result = await ExportRunner().run(context)
    content = await read_output(scratch, job.id)
    assert content == await read_export(scratch, Dataset.OUTAGES, WANTED)
    rows = parse_file(content)
    assert (result["rows"], context.done, context.total) == (len(rows), len(rows), len(rows))
    assert len(rows) == 2000
    assert {row["description"] for row in rows} == {"since"}
    # The one that was believed to be dead takes nothing away from the one that followed.
    with pytest.raises(JobStopped):
        await ExportRunner().run(JobContext(scratch, dying.job))
    assert await read_output(scratch, job.id) == content


async def test_each_attempt_is_on_record(scratch: Database) -> None:
    job = await add_export(scratch)
    context = JobContext(scratch, await begin_job(scratch, job.id, AT))
    result = await ExportRunner().run(context)
    async with scratch.autocommit() as connection:
        trail = await audit.read_trail(connection, f"export/{result['export_id']}")
    assert [(each["action"], each["actor"]) for each in trail] == [
        ("export.started", "reader"),
        ("export.ended", "reader"),
    ]
    assert trail[1]["evidence"]["sha256"] == result["sha256"]
