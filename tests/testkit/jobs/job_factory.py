"""A factory of jobs, and of much for them to do: outages that were judged, deliveries that failed."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, text

from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from domain.jobs.jobs import ENDED, Job, JobKind
from domain.requests import Request
from services.jobs.jobs.record_job import RecordJob, make_job_id, record_job

BY = Request("somebody", "asked-for-a-job")
EVERY_OUTAGE: dict[str, Any] = dict.fromkeys(("severity", "site", "agreement", "since", "until"))
_JUDGE = text(
    """
    WITH policy AS (SELECT * FROM policies WHERE name = 'standard' ORDER BY version LIMIT 1),
    outage AS (
        INSERT INTO outages (id, status, severity, site_name, description, affected_services,
            detected_at, declared_at, resolved_at, fingerprint, correlation_id, agreement,
            agreement_version, policy, policy_version)
        SELECT :run || '-' || lpad(i::text, 6, '0'), 'closed', 'critical', :run, '', '[]',
               CAST(:at AS timestamptz), :at, CAST(:at AS timestamptz) + interval '25 minutes',
               '', :run, 'default', 1, policy.name, policy.version
        FROM generate_series(1, :count) AS i, policy
        RETURNING id
    )
    INSERT INTO sla_results (outage_id, revision, severity, status, payment_type, rating, mttr_minutes,
        mttr_basis, threshold_minutes, amount_stroops, policy, policy_version, policy_digest, judged_at)
    SELECT outage.id, 1, 'critical', 'violated', 'penalty', 'poor', 25, 'measured',
           (terms->'critical'->>'threshold_minutes')::int,
           -10000000 * (25 - (terms->'critical'->>'threshold_minutes')::bigint)
               * (terms->'critical'->>'penalty_per_minute')::bigint,
           policy.name, policy.version, policy.digest, :at
    FROM outage, policy
    """
)
_FAIL = text(
    """
    WITH entry AS (
        INSERT INTO audit_entries (id, subject, action, actor, correlation_id, recorded_at, content, hash)
        VALUES ('aud_' || :run, :run, 'tried', 'a test', :run, :at, '{}', '') RETURNING id
    ), event AS (
        INSERT INTO events (id, type, entry_id, occurred_at, data)
        SELECT 'evt_' || :run || lpad(i::text, 6, '0'), 'outage.created', entry.id, :at, '{}'
        FROM generate_series(1, :count) AS i, entry RETURNING id
    )
    INSERT INTO deliveries (id, event_id, webhook_id, status, attempts, problem)
    SELECT 'dlv_' || substr(event.id, 5), event.id, :webhook_id, 'failed', 3, 'no answer' FROM event
    """
)


async def add_job(
    database: Database,
    kind: JobKind = JobKind.RECOMPUTATION,
    parameters: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> Job:
    wanted = EVERY_OUTAGE if parameters is None else parameters
    command = RecordJob(make_job_id(), kind, wanted, BY, at or datetime.now(UTC))
    return await record_job(database, command)


def make_fitting_job(status: StrEnum) -> dict[str, Any]:
    """What the table's own rules want of a job in this status."""
    when = func.now() if status in ENDED else None
    return {"kind": JobKind.REDELIVERY, "error": "x", "ended_at": when, "expires_at": when}


async def read_job(database: Database, job_id: str) -> Job:
    async with database.autocommit() as connection:
        return await jobs.get(connection, job_id)


async def judge_outages(database: Database, run: str, count: int) -> None:
    """Have outages judged at the site `run`, all in the same way."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    async with database.transaction() as connection:
        await connection.execute(_JUDGE, {"run": run, "count": count, "at": at})


async def fail_deliveries(database: Database, run: str, webhook_id: str, count: int) -> None:
    """Have deliveries of events given up, whose receiver is a subscription that exists."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    given = {"run": run, "webhook_id": webhook_id, "count": count, "at": at}
    async with database.transaction() as connection:
        await connection.execute(_FAIL, given)
