"""What callers see of a job."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from domain.jobs.job_files import FileRole, JobFile
from domain.jobs.jobs import Job, JobKind, JobStatus


class JobFileView(BaseModel):
    """`size` and `sha256` are null until it is whole."""

    role: FileRole
    filename: str
    content_type: str
    size: int | None
    sha256: str | None


class JobView(BaseModel):
    """
    `total` is null while nobody knows how much there is to do; `error` says why the job, or its newest attempt,
    failed. `files` are null in lists.
    """

    id: str
    kind: JobKind
    status: JobStatus
    parameters: dict[str, Any]
    done: int
    total: int | None
    result: dict[str, Any] | None
    error: str | None
    attempts: int
    asked_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    cancel_requested_at: datetime | None
    correlation_id: str
    workflow_id: str
    files: list[JobFileView] | None

    @classmethod
    def of(cls, job: Job, files: Sequence[JobFile] | None = None) -> "JobView":
        shown = asdict(job) | {"workflow_id": job.workflow_id}
        known = None if files is None else [JobFileView.model_validate(asdict(f)) for f in files]
        return cls.model_validate(shown | {"files": known})


class JobPageView(BaseModel):
    """Pass `next_cursor` as `cursor` to go on; it is null at the end."""

    items: list[JobView]
    next_cursor: str | None
