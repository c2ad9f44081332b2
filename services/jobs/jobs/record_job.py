"""Record a job that somebody asks for; its workflow is started afterwards."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.audit import make_audit_entry
from domain.jobs.jobs import Job, JobKind, JobStatus
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RecordJob:
    """`job_id` is a new one, under which its input may be stored already."""

    job_id: str
    kind: JobKind
    parameters: Mapping[str, Any]
    request: Request
    at: datetime
    total: int | None = None


def make_job_id() -> str:
    """Make the id of a new job: it is needed before the job is recorded, where its input is stored first."""
    return f"job_{secrets.token_hex(12)}"


async def record_job(database: Database, command: RecordJob) -> Job:
    async with database.transaction() as connection:
        return await record_job_within(connection, command)


async def record_job_within(connection: AsyncConnection, command: RecordJob) -> Job:
    """Record a job together with what else the caller writes."""
    job = Job(
        id=command.job_id,
        kind=command.kind,
        status=JobStatus.QUEUED,
        parameters=dict(command.parameters),
        asked_by=command.request.actor,
        correlation_id=command.request.correlation_id,
        total=command.total,
        done=0,
        checkpoint=None,
        result=None,
        error=None,
        attempts=0,
        failures=0,
        created_at=command.at,
        started_at=None,
        ended_at=None,
        expires_at=None,
        cancel_requested_at=None,
    )
    await jobs.add(connection, job)
    payload = {"kind": job.kind, "parameters": job.parameters}
    entry = make_audit_entry(
        f"job/{job.id}", "job.recorded", command.request, command.at, payload, job.id
    )
    await events.publish(connection, entry)
    return job
