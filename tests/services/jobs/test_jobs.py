"""A job is recorded, begun, got on with and ended; two attempts never save at the same time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.jobs import job_files, jobs
from adapters.postgres.sla.bulk import checked_rows
from devstack.environment.stack import Stack
from domain.errors import Conflict, NotFound
from domain.jobs.job_files import FileRole, JobFile
from domain.jobs.jobs import (
    FAILURES_MAX,
    KEPT,
    Job,
    JobKind,
    JobPlace,
    JobStatus,
    JobStep,
    JobStopped,
    ReportFailureInput,
)
from services.jobs.job_files.open_output import open_output
from services.jobs.jobs.begin_job import begin_job
from services.jobs.jobs.cancel_job import CancelJob, cancel_job
from services.jobs.jobs.end_job import EndJob, end_job
from services.jobs.jobs.purge_jobs import purge_jobs
from services.jobs.jobs.report_failure import report_failure
from services.jobs.jobs.retry_job import RetryJob, retry_job
from services.jobs.jobs.save_progress import save_progress
from services.jobs.jobs.stop_job import stop_job
from tests.testkit.jobs.job_factory import BY, add_job, read_job
from tests.testkit.stacks import open_scratch_database

AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


def make_step(job: Job, done: int, *output: bytes, next_chunk: int = 0) -> JobStep:
    checkpoint = {"after": done}
    return JobStep(job.id, job.attempts, done, 10, checkpoint, output, next_chunk)


async def list_actions(database: Database, job: Job) -> list[str]:
    async with database.autocommit() as connection:
        trail = await audit.read_trail(connection, f"job/{job.id}")
    return [f"{each['actor']} {each['action']}" for each in trail]


async def read_output(database: Database, job: Job) -> list[bytes]:
    found, role = list[bytes](), FileRole.OUTPUT
    async with database.autocommit() as connection:
        while chunk := await job_files.read_chunk(connection, job.id, role, len(found)):
            found.append(chunk)
    return found


async def open_file(database: Database, job: Job) -> None:
    file = JobFile(job.id, FileRole.OUTPUT, "found.csv", "text/csv", None, None, AT)
    await open_output(database, file)


async def test_a_job_is_done_from_the_beginning_to_the_end(scratch: Database) -> None:
    job = await add_job(scratch, at=AT)
    assert (job.status, job.attempts, job.done) == (JobStatus.QUEUED, 0, 0)
    running = await begin_job(scratch, job.id, AT)
    assert (running.status, running.attempts, running.started_at) == (JobStatus.RUNNING, 1, AT)
    await open_file(scratch, running)
    await save_progress(scratch, make_step(running, 4, b"abc", b"def"))
    later = AT + timedelta(minutes=5)
    last = make_step(running, 10, next_chunk=2)
    ended = await end_job(scratch, EndJob(last, {"found": 10}, later, 6, "ab" * 32))
    assert (ended.status, ended.done, ended.total) == (JobStatus.DONE, 10, 10)
    assert (ended.result, ended.ended_at, ended.expires_at) == ({"found": 10}, later, later + KEPT)
    assert await read_output(scratch, job) == [b"abc", b"def"]
    assert await list_actions(scratch, job) == ["somebody job.recorded", "engine job.done"]


async def test_an_attempt_that_was_believed_to_be_dead_saves_nothing_any_more(
    scratch: Database,
) -> None:
    job = await add_job(scratch)
    first = await begin_job(scratch, job.id, AT)
    await open_file(scratch, job)
    await save_progress(scratch, make_step(first, 4, b"one"))
    second = await begin_job(scratch, job.id, AT + timedelta(minutes=1))
    assert (second.attempts, second.checkpoint, second.done) == (2, {"after": 4}, 4)
    assert second.started_at == AT
    with pytest.raises(JobStopped):
        await save_progress(scratch, make_step(first, 5, b"twice", next_chunk=1))
    with pytest.raises(JobStopped):
        await end_job(scratch, EndJob(make_step(first, 5), {}, AT))
    await save_progress(scratch, make_step(second, 6, b"two", next_chunk=1))
    assert await read_output(scratch, job) == [b"one", b"two"]
    assert (await read_job(scratch, job.id)).status is JobStatus.RUNNING


async def test_what_cannot_be_written_leaves_the_progress_as_it_was(scratch: Database) -> None:
    """Progress and output are one transaction: here a chunk that is there already."""
    job = await begin_job(scratch, (await add_job(scratch)).id, AT)
    await open_file(scratch, job)
    await save_progress(scratch, make_step(job, 1, b"one"))
    with pytest.raises(Exception, match="duplicate key"):
        await save_progress(scratch, make_step(job, 2, b"two", next_chunk=0))
    assert (await read_job(scratch, job.id)).done == 1


async def test_a_queued_job_is_cancelled_at_once(scratch: Database) -> None:
    job = await add_job(scratch)
    cancelled = await cancel_job(scratch, CancelJob(job.id, BY, AT))
    assert (cancelled.status, cancelled.ended_at) == (JobStatus.CANCELLED, AT)
    again = await cancel_job(scratch, CancelJob(job.id, BY, AT + timedelta(hours=1)))
    assert again == cancelled
    assert (await begin_job(scratch, job.id, AT)).attempts == 0
    assert await list_actions(scratch, job) == [
        *("somebody job.recorded", "somebody job.cancel_requested", "engine job.cancelled")
    ]


async def test_a_running_job_is_cancelled_at_its_next_step(scratch: Database) -> None:
    job = await begin_job(scratch, (await add_job(scratch)).id, AT)
    await save_progress(scratch, make_step(job, 3))
    asked = await cancel_job(scratch, CancelJob(job.id, BY, AT))
    assert (asked.status, asked.cancel_requested_at) == (JobStatus.RUNNING, AT)
    with pytest.raises(JobStopped):
        await save_progress(scratch, make_step(job, 4))
    stopped = await stop_job(scratch, job.id, AT)
    assert (stopped.status, stopped.done) == (JobStatus.CANCELLED, 3)
    # So is one whose worker has died meanwhile.
    other = await begin_job(scratch, (await add_job(scratch)).id, AT)
    await cancel_job(scratch, CancelJob(other.id, BY, AT))
    assert (await begin_job(scratch, other.id, AT)).status is JobStatus.CANCELLED
    # And one whose attempt fails.
    third = await begin_job(scratch, (await add_job(scratch)).id, AT)
    await cancel_job(scratch, CancelJob(third.id, BY, AT))
    failure = ReportFailureInput(third.id, "the database does not answer", False)
    assert (await report_failure(scratch, failure, AT)).status is JobStatus.CANCELLED


async def test_a_job_that_has_ended_is_not_cancelled(scratch: Database) -> None:
    job = await begin_job(scratch, (await add_job(scratch)).id, AT)
    await end_job(scratch, EndJob(make_step(job, 1), {}, AT))
    with pytest.raises(Conflict, match="is done: there is nothing left to cancel"):
        await cancel_job(scratch, CancelJob(job.id, BY, AT))
    with pytest.raises(NotFound, match="does not exist; jobs are kept for 30 days"):
        await cancel_job(scratch, CancelJob("job_none", BY, AT))


async def test_a_job_fails_when_trying_again_cannot_help_or_helps_too_rarely(
    scratch: Database,
) -> None:
    refused = await begin_job(scratch, (await add_job(scratch)).id, AT)
    said = "webhook 'x' is not active: activate it first"
    failed = await report_failure(scratch, ReportFailureInput(refused.id, said, True), AT)
    assert (failed.status, failed.error) == (JobStatus.FAILED, said)
    flaky = await begin_job(scratch, (await add_job(scratch)).id, AT)
    down = ReportFailureInput(flaky.id, "the database does not answer", False)
    for _ in range(FAILURES_MAX - 1):
        standing = await report_failure(scratch, down, AT)
    assert (standing.status, standing.failures) == (JobStatus.RUNNING, FAILURES_MAX - 1)
    assert standing.error == "the database does not answer"
    await save_progress(scratch, make_step(flaky, 1))
    assert (await report_failure(scratch, down, AT)).failures == 1
    for _ in range(FAILURES_MAX - 1):
        standing = await report_failure(scratch, down, AT)
    assert standing.status is JobStatus.FAILED


async def test_what_begins_anew_each_time_fails_however_much_it_has_written(
    scratch: Database,
) -> None:
    """It would be tried for ever, once a second."""
    job = await begin_job(scratch, (await add_job(scratch)).id, AT)
    for attempt in range(FAILURES_MAX):
        for done in (0, 7):
            await save_progress(scratch, JobStep(job.id, job.attempts, done, 10, None))
        failure = ReportFailureInput(job.id, "the database does not answer", False)
        standing = await report_failure(scratch, failure, AT)
        assert standing.failures == attempt + 1
    assert standing.status is JobStatus.FAILED
    # Nor does the same checkpoint once more get it on.
    other = await begin_job(scratch, (await add_job(scratch)).id, AT)
    for attempt in range(2):
        await save_progress(scratch, make_step(other, 3))
        failure = ReportFailureInput(other.id, "the database does not answer", False)
        assert (await report_failure(scratch, failure, AT)).failures == attempt + 1


async def test_a_failed_job_is_retried_from_where_it_was(scratch: Database) -> None:
    job = await begin_job(scratch, (await add_job(scratch)).id, AT)
    with pytest.raises(Conflict, match="is running: only one that failed can be retried"):
        await retry_job(scratch, RetryJob(job.id, BY, AT))
    await save_progress(scratch, make_step(job, 7))
    await report_failure(scratch, ReportFailureInput(job.id, "it is not active", True), AT)
    with pytest.raises(Conflict, match="has expired"):
        await retry_job(scratch, RetryJob(job.id, BY, AT + KEPT))
    queued = await retry_job(scratch, RetryJob(job.id, BY, AT))
    assert (queued.status, queued.error, queued.expires_at) == (JobStatus.QUEUED, None, None)
    again = await begin_job(scratch, job.id, AT)
    assert (again.attempts, again.done, again.checkpoint) == (2, 7, {"after": 7})
    assert "somebody job.retried" in await list_actions(scratch, job)


async def test_jobs_are_listed_from_the_newest_on(scratch: Database) -> None:
    made = [await add_job(scratch, at=AT + timedelta(days=9, hours=n)) for n in range(5)]
    async with scratch.autocommit() as connection:
        every, kinds = [], [JobKind.RECOMPUTATION]
        place: JobPlace | None = None
        while page := await jobs.list_newest(connection, JobStatus.QUEUED, kinds, place, 2):
            every += [each.id for each in page]
            place = JobPlace(page[-1].created_at, page[-1].id)
        other = await jobs.list_newest(connection, None, [JobKind.REDELIVERY], None, 10)
    assert every[:5] == [each.id for each in reversed(made)]
    assert len(every) == len(set(every))
    assert other == []


async def test_an_ended_job_is_deleted_after_thirty_days_with_all_of_its_file(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_files, "CHUNKS_DELETED_AT_ONCE_MAX", 2)
    job = await begin_job(scratch, (await add_job(scratch)).id, AT)
    kept = await begin_job(scratch, (await add_job(scratch)).id, AT)
    for each in (job, kept):
        await open_file(scratch, each)
        await save_progress(scratch, make_step(each, 1, *[b"chunk"] * 5))
    await end_job(scratch, EndJob(make_step(job, 1), {}, AT, 25, "ab" * 32))
    monkeypatch.setattr(checked_rows, "FORGOTTEN_AT_ONCE_MAX", 2)
    async with scratch.transaction() as connection:
        await checked_rows.add(connection, job.id, [(f"OUT-{n}", "digest") for n in range(3)])
    before = AT + KEPT - timedelta(seconds=1)
    while await purge_jobs(scratch, before):
        pass
    assert len(await read_output(scratch, job)) == 5
    deleted = []
    while count := await purge_jobs(scratch, AT + KEPT):
        deleted.append(count)
    assert deleted[:2] == [2, 2]  # a portion each time
    assert deleted[3:5] == [2, 1], deleted
    assert await read_output(scratch, job) == []
    with pytest.raises(NotFound):
        await read_job(scratch, job.id)
    assert len(await read_output(scratch, kept)) == 5
