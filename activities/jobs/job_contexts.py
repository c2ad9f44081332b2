"""What a runner is given: what is wanted, where to go on, the files, and how to save what it did."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

from adapters.postgres.database import Database
from domain.jobs.job_files import CHUNK_BYTES, FileRole, JobFile, split_chunks
from domain.jobs.jobs import Job, JobProgress, JobStatus, JobStep, JobStopped
from services.jobs.job_files.open_output import open_output
from services.jobs.job_files.read_chunks import read_chunks
from services.jobs.jobs.save_progress import save_progress


class JobContext:
    """
    One attempt of a job. `done`, `total` and `checkpoint` are what was saved last, by this attempt or one before;
    `is_cancelled` becomes true within seconds, for a runner that works long between two steps.
    """

    def __init__(self, database: Database, job: Job) -> None:
        self.database = database
        self.job = job
        self.parameters: dict[str, Any] = job.parameters
        self.checkpoint: dict[str, Any] | None = job.checkpoint
        self.done, self.total = job.done, job.total
        self.is_cancelled = False
        self._written: list[bytes] = []
        self._next_chunk: int | None = None

    @property
    def is_saved(self) -> bool:
        """Whether all that was written is on record."""
        return not self._written

    @property
    def progress(self) -> JobProgress:
        return JobProgress(JobStatus.RUNNING, self.done, self.total)

    @property
    def has_output(self) -> bool:
        return self._next_chunk is not None

    async def save(
        self, done: int, total: int | None = None, checkpoint: dict[str, Any] | None = None
    ) -> None:
        """
        Save how far the job is, with what was written until here. Raises JobStopped, which a runner lets pass,
        when the job is cancelled.
        """
        async with self.begin_step(done, total, checkpoint) as step:
            await save_progress(self.database, step)

    @asynccontextmanager
    async def begin_step(
        self, done: int, total: int | None = None, checkpoint: dict[str, Any] | None = None
    ) -> AsyncIterator[JobStep]:
        """
        Make what is saved by `save_progress_within`, in the transaction of the use case that is called in this
        block. A `total` or `checkpoint` of None leaves the last one.
        """
        if self.is_cancelled:
            raise JobStopped(self.job.id)
        step = self.make_step(done, total, checkpoint)
        yield step
        self.note_saved(step)

    def note_saved(self, step: JobStep) -> None:
        """Go on from a step that is on record."""
        self.done, self.total, self.checkpoint = step.done, step.total, step.checkpoint
        self._written.clear()
        self._next_chunk = step.next_chunk + len(step.output) if self.has_output else None

    def make_step(
        self, done: int, total: int | None = None, checkpoint: dict[str, Any] | None = None
    ) -> JobStep:
        return JobStep(
            self.job.id,
            self.job.attempts,
            done,
            self.total if total is None else total,
            self.checkpoint if checkpoint is None else checkpoint,
            tuple(split_chunks(b"".join(self._written))),
            self._next_chunk or 0,
        )

    async def read_input(self, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the input from a byte on, in parts of at most 256 KiB."""
        first, skipped = divmod(offset, CHUNK_BYTES)
        async for chunk in read_chunks(self.database, self.job.id, FileRole.INPUT, first):
            yield chunk[skipped:]
            skipped = 0

    async def open_output(self, filename: str, content_type: str) -> None:
        """Begin the file that the job makes; one that an earlier attempt began goes on where its checkpoint is."""
        file = JobFile(
            self.job.id, FileRole.OUTPUT, filename, content_type, None, None, datetime.now(UTC)
        )
        self._next_chunk = await open_output(self.database, file)

    @contextmanager
    def keep_or_forget(self) -> Iterator[None]:
        """Forget what was written in this block if it fails."""
        before = len(self._written)
        try:
            yield
        except BaseException:
            del self._written[before:]
            raise

    def write(self, content: bytes) -> None:
        """Write to the file that was opened: it is kept in memory until the next step is saved."""
        assert self.has_output, "open the output first"
        self._written.append(content)
