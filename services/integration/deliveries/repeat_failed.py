"""Have everything delivered again that a receiver failed to take since an instant: by a job."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events, webhooks
from adapters.postgres.database import Database
from adapters.postgres.integration import redeliveries
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
from domain.jobs.jobs import Job, JobKind
from domain.requests import Request
from services.jobs.jobs.record_job import RecordJob, record_job_within


@dataclass(frozen=True, slots=True)
class RepeatFailed:
    """`since` is the instant at which the events happened; `job_id` is new."""

    webhook_id: str
    since: datetime
    job_id: str
    request: Request
    at: datetime


async def repeat_failed(database: Database, command: RepeatFailed) -> Job:
    """
    Record the job, whose total is how many there are; it makes them due, and whoever dispatches finds them.
    Raises Conflict when the subscription is not active.
    """
    webhook_id, since, at = command.webhook_id, command.since, command.at
    async with database.transaction() as connection:
        if not (await webhooks.get(connection, webhook_id)).active:
            raise Conflict(f"webhook {webhook_id!r} is not active: activate it first")
        failed = await redeliveries.count_failed(connection, webhook_id, since)
        asked = {"webhook_id": webhook_id, "since": format_instant(since)}
        wanted = RecordJob(
            command.job_id, JobKind.REDELIVERY, asked, command.request, at, total=failed
        )
        job = await record_job_within(connection, wanted)
        payload = {"since": format_instant(since), "deliveries": failed, "job_id": job.id}
        await events.publish(
            connection,
            make_audit_entry(
                f"webhook/{webhook_id}",
                "webhook.redelivered",
                command.request,
                at,
                payload,
                *(command.request.correlation_id, format_instant(at)),
            ),
        )
    return job
