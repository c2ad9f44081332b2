"""Jobs in the database: recorded, begun, got on with, ended, and deleted when they have expired."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, case, delete, insert, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.tables import job_files, jobs
from domain.errors import NotFound
from domain.jobs.jobs import Job, JobKind, JobPlace, JobStatus, JobStep

DELETED_AT_ONCE_MAX = 1000


def to_job(row: RowMapping) -> Job:
    known = {each.name: row[each.name] for each in fields(Job)}
    return Job(**known | {"kind": JobKind(row["kind"]), "status": JobStatus(row["status"])})


async def add(connection: AsyncConnection, job: Job) -> None:
    known = {each.name: getattr(job, each.name) for each in fields(Job)}
    await connection.execute(insert(jobs).values(known))


async def get(connection: AsyncConnection, job_id: str) -> Job:
    """Raises NotFound when there is no such job, or no more."""
    return await _get(connection, job_id, lock=False)


async def lock(connection: AsyncConnection, job_id: str) -> Job:
    """Keep others from changing a job until the transaction ends. Raises NotFound."""
    return await _get(connection, job_id, lock=True)


async def _get(connection: AsyncConnection, job_id: str, *, lock: bool) -> Job:
    wanted = select(jobs).where(jobs.c.id == job_id)
    rows = await connection.execute(wanted.with_for_update() if lock else wanted)
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"job {job_id!r} does not exist; jobs are kept for 30 days after their end")
    return to_job(row)


async def list_newest(
    connection: AsyncConnection,
    status: JobStatus | None,
    kinds: Collection[JobKind] | None,
    after: JobPlace | None,
    limit: int,
) -> list[Job]:
    """Return the newest first, those that follow a place."""
    wanted = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
    if status is not None:
        wanted = wanted.where(jobs.c.status == status)
    if kinds is not None:
        wanted = wanted.where(jobs.c.kind.in_(kinds))
    if after is not None:
        wanted = wanted.where(
            tuple_(jobs.c.created_at, jobs.c.id) < tuple_(after.created_at, after.id)
        )
    return [to_job(row) for row in (await connection.execute(wanted)).mappings()]


async def move(
    connection: AsyncConnection,
    job_id: str,
    to: JobStatus,
    *,
    again: bool = False,
    **changes: Any,
) -> bool:
    """Move a job to its next status; False when it has that already. With `again` it may be written again."""
    key: dict[str, Any] = {"id": job_id}
    return await transitions.move(connection, transitions.JOBS, key, to, again=again, **changes)


async def save_step(connection: AsyncConnection, step: JobStep) -> bool:
    """
    Save how far a job is, for the attempt that holds it; False when it was cancelled, has ended, or another
    attempt holds it. Another checkpoint is a new beginning for the count of failures: what has none begins anew
    each time, however much it has written by then.
    """
    saved: dict[str, Any] = {"done": step.done, "total": step.total, "checkpoint": step.checkpoint}
    if step.checkpoint is not None:
        moves = jobs.c.checkpoint.is_distinct_from(literal(step.checkpoint, JSONB()))
        saved["failures"] = case((moves, 0), else_=jobs.c.failures)
    result = await connection.execute(
        update(jobs)
        .where(
            jobs.c.id == step.job_id,
            jobs.c.attempts == step.attempt,
            jobs.c.ended_at.is_(None),
            jobs.c.cancel_requested_at.is_(None),
        )
        .values(saved)
    )
    return result.rowcount == 1


async def note_failure(connection: AsyncConnection, job_id: str, error: str, failures: int) -> None:
    await connection.execute(
        update(jobs).where(jobs.c.id == job_id).values(error=error, failures=failures)
    )


async def request_cancel(connection: AsyncConnection, job_id: str, at: datetime) -> None:
    await connection.execute(update(jobs).where(jobs.c.id == job_id).values(cancel_requested_at=at))


async def is_cancel_requested(connection: AsyncConnection, job_id: str) -> bool:
    wanted = select(jobs.c.cancel_requested_at).where(jobs.c.id == job_id)
    return await connection.scalar(wanted) is not None


async def delete_expired(connection: AsyncConnection, at: datetime) -> int:
    """Delete some jobs that expired before an instant and have no files any more; return how many."""
    filed = select(job_files.c.job_id).where(job_files.c.job_id == jobs.c.id)
    expired = (
        select(jobs.c.id)
        .where(jobs.c.expires_at <= at, ~filed.exists())
        .limit(DELETED_AT_ONCE_MAX)
        .scalar_subquery()
    )
    return (await connection.execute(delete(jobs).where(jobs.c.id.in_(expired)))).rowcount
