"""
Jobs: long work that somebody asked for, which is on record before it begins and goes on where it was.

A job has a kind, of which one runner knows how it is done, and a checkpoint that is saved with what it stands
for. `attempts` counts how often it was begun: a runner that was believed to be dead saves nothing any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.access.permissions import Permission
from domain.requests import Request

# An ended job, its files and what it found are kept so long.
KEPT = timedelta(days=30)
# So many failures without any progress between them, and a job has failed.
FAILURES_MAX = 10
ID_MAX = 64


class JobKind(StrEnum):
    """What is to be done: one runner each, see activities/jobs/runners.py."""

    REDELIVERY = "redelivery"  # of what a receiver failed to take
    IMPORT = "import"  # of outages from a file
    RECOMPUTATION = "recomputation"  # of verdicts, compared with those on record
    SNAPSHOT = "snapshot"  # of the analytics, compared with the journal
    # Of a dataset: a kind each, because each asks for another permission.
    EXPORT_OUTAGES = "export_outages"
    EXPORT_PAYMENTS = "export_payments"
    EXPORT_VERDICTS = "export_verdicts"
    EXPORT_DISPUTES = "export_disputes"
    EXPORT_AUDIT = "export_audit"
    EXPORT_ANALYTICS = "export_analytics"
    EXPORT_FINANCE = "export_finance"


# What somebody needs to be permitted to ask for such a job, to cancel it, to retry it and to read its files.
PERMISSIONS: Mapping[JobKind, Permission] = {
    JobKind.REDELIVERY: Permission.WEBHOOKS_MANAGE,
    JobKind.IMPORT: Permission.OUTAGES_DECLARE,
    JobKind.RECOMPUTATION: Permission.OUTAGES_RESOLVE,
    JobKind.SNAPSHOT: Permission.SNAPSHOTS_TAKE,
    JobKind.EXPORT_OUTAGES: Permission.OUTAGES_READ,
    JobKind.EXPORT_PAYMENTS: Permission.PAYMENTS_READ,
    JobKind.EXPORT_VERDICTS: Permission.OUTAGES_READ,
    JobKind.EXPORT_DISPUTES: Permission.DISPUTES_READ,
    JobKind.EXPORT_AUDIT: Permission.AUDIT_READ,
    JobKind.EXPORT_ANALYTICS: Permission.OUTAGES_READ,
    JobKind.EXPORT_FINANCE: Permission.JOURNAL_READ,
}


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.DONE: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset(),
}
ENDED = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How a job stands, as its workflow shows it."""

    status: JobStatus
    done: int
    total: int | None

    def __str__(self) -> str:
        if self.total is None:
            return f"{self.status}, {self.done} done"
        return f"{self.status}, {self.done} of {self.total} done"


@dataclass(frozen=True, slots=True)
class Job:
    """`total` is None while nobody knows how much there is to do; `failures` is counted since the last progress."""

    id: str
    kind: JobKind
    status: JobStatus
    parameters: dict[str, Any]
    asked_by: str
    correlation_id: str
    total: int | None
    done: int
    checkpoint: dict[str, Any] | None
    result: dict[str, Any] | None
    error: str | None
    attempts: int
    failures: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    cancel_requested_at: datetime | None

    @property
    def workflow_id(self) -> str:
        return name_workflow(self.id)

    @property
    def order(self) -> "RunJobInput":
        return RunJobInput(self.id, self.kind, self.correlation_id)

    @property
    def progress(self) -> JobProgress:
        return JobProgress(self.status, self.done, self.total)

    @property
    def summary(self) -> str:
        return f"{self.kind}, asked for by {self.asked_by}"


@dataclass(frozen=True, slots=True)
class JobStep:
    """
    How far a job is, and what it has written until there: saved together, or not at all. `output` follows
    the chunk before `next_chunk`.
    """

    job_id: str
    attempt: int
    done: int
    total: int | None
    checkpoint: dict[str, Any] | None
    output: tuple[bytes, ...] = field(default=(), repr=False)
    next_chunk: int = 0


class JobStopped(Exception):
    """The job was cancelled, or another attempt of it goes on; this one ends, and its step is not saved."""


@dataclass(frozen=True, slots=True)
class JobPlace:
    """The last job of a page."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class RunJobInput:
    """What the workflow of a job is started with."""

    job_id: str
    kind: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class ReportFailureInput:
    """An attempt that came to nothing: why, and whether trying again could not help."""

    job_id: str
    error: str
    final: bool


@dataclass(frozen=True, slots=True)
class ReportFailureResult:
    """How the job stands now, and how often it has failed since it last got on."""

    progress: JobProgress
    failures: int


@dataclass(frozen=True, slots=True)
class CancelJobInput:
    job_id: str
    request: Request


def name_workflow(job_id: str) -> str:
    return f"job/{job_id}"
