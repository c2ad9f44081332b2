"""What is on record as unfinished, in pages in the order of ids; and which outages changed not long ago."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.jobs.jobs import to_job
from adapters.postgres.settlement import batches
from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.sla.outages import to_outage
from adapters.postgres.tables import deliveries, events, jobs, outages, payments, webhooks
from domain.deliveries import Delivery
from domain.recovery.unfinished import ChangedOutage, Unfinished
from domain.requests import Request
from domain.settlement.payments import PaymentStatus
from domain.sla.outages import Declaration, OutageStatus

PAGE = 100
# Taken by the one process of many that relays.
LOCK_KEY = 4706052305
# Whoever commits last began before this.
_COMMIT_WITHIN = timedelta(seconds=30)
# Who puts an outage on record starts its workflow after the commit; starting it once more does no harm.
_STARTED = text("outages.declared_at < now() - interval '3 seconds'")
# A delivery's workflow is started a moment after the commit.
_STARTED_WITHIN = timedelta(seconds=20)
# The workflow of an outage has its payment made within half a minute, or starts a workflow for it.
_PAID_WITHIN = timedelta(seconds=45)
_UNFINISHED = text("outages.status NOT IN ('closed', 'cancelled', 'voided')")


async def take_lock(connection: AsyncConnection) -> bool:
    """Become the one that relays, for as long as the connection lasts; False when another one is."""
    return bool(await connection.scalar(select(func.pg_try_advisory_lock(LOCK_KEY))))


async def list_changed(
    connection: AsyncConnection, since: datetime, after: str, grace: timedelta
) -> list[ChangedOutage]:
    """Return a page of the outages that changed since an instant, and not within the last `grace`."""
    recent = since - _COMMIT_WITHIN
    rows = await connection.execute(
        select(outages.c.id, outages.c.version)
        .where(
            outages.c.changed_at > recent,
            outages.c.changed_at < func.now() - grace,
            # Those have no workflow, and there may be a million.
            outages.c.settled_elsewhere.is_(False),
            outages.c.id > after,
        )
        .order_by(outages.c.id)
        .limit(PAGE)
    )
    return [ChangedOutage(row.id, row.version) for row in rows]


async def list_outages(
    connection: AsyncConnection, after: str = "", only: Sequence[str] | None = None
) -> list[Unfinished]:
    """Return a page of the outages that are not final, but those of a moment ago; of those named by `only`, if given."""
    paid = (
        select(payments.c.id)
        .where(
            payments.c.outage_id == outages.c.id,
            payments.c.status == PaymentStatus.CONFIRMED,
            outages.c.status == OutageStatus.SETTLING,
        )
        .exists()
    )
    statement = (
        select(outages, paid.label("paid"))
        .where(_UNFINISHED, _STARTED, outages.c.id > after)
        .order_by(outages.c.id)
        .limit(PAGE)
    )
    if only is not None:
        statement = statement.where(outages.c.id.in_(only))
    found = []
    for row in (await connection.execute(statement)).mappings():
        request = Request("engine", row["correlation_id"])
        declaration = Declaration(
            to_outage(row), request, row["policy"], row["agreement"], row["fingerprint"]
        )
        found.append(
            Unfinished(
                f"outage/{row['id']}",
                row["id"],
                row["correlation_id"],
                row["status"],
                declaration,
                row["version"],
                row["paid"],
            )
        )
    return found


async def list_payments(
    connection: AsyncConnection, after: str = "", only: Sequence[str] | None = None
) -> list[Unfinished]:
    """Return a page of the payments that are owed and not made, but those owed a moment ago."""
    statement = (
        select(payments, outages.c.agreement)
        .join(outages, outages.c.id == payments.c.outage_id)
        .where(
            text("payments.status NOT IN ('confirmed', 'voided')"),
            payments.c.created_at < func.now() - _PAID_WITHIN,
            payments.c.id > after,
        )
        .order_by(payments.c.id)
        .limit(PAGE)
    )
    if only is not None:
        statement = statement.where(payments.c.id.in_(only))
    return [
        Unfinished(
            to_payment(row).workflow_id,
            row["outage_id"],
            row["correlation_id"],
            row["status"],
            to_payment(row),
            agreement=row["agreement"],
            summary=f"{row['type']} for outage {row['outage_id']}",
            key=row["id"],
        )
        for row in (await connection.execute(statement)).mappings()
    ]


async def list_batches(connection: AsyncConnection) -> list[Unfinished]:
    """Return every batch whose attempt is open; and the workflow that forms batches, while payments wait for it."""
    found = [
        Unfinished(f"batch/{batch.id}", "", batch.id, "open", batch)
        for batch in await batches.list_open(connection)
    ]
    waiting = select(payments.c.id).where(payments.c.batch_ready_at < func.now() - _STARTED_WITHIN)
    if await connection.scalar(select(waiting.exists())):
        found.append(Unfinished("batching", "", "batching", "payments wait for a batch", None))
    return found


async def list_deliveries(
    connection: AsyncConnection, after: str = "", only: Sequence[str] | None = None
) -> list[Unfinished]:
    """
    Return a page of the deliveries that are left to their workflows and have not ended, but those of a moment
    ago. The others are due, and found by whoever dispatches.
    """
    statement = (
        select(
            *(deliveries.c.id, deliveries.c.attempts, events.c.outage_id),
            *(events.c.type, webhooks.c.url),
        )
        .join(events, events.c.id == deliveries.c.event_id)
        .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
        .where(
            text("deliveries.status = 'pending' AND deliveries.due_at IS NULL"),
            deliveries.c.created_at < func.now() - _STARTED_WITHIN,
            deliveries.c.id > after,
        )
        .order_by(deliveries.c.id)
        .limit(PAGE)
    )
    if only is not None:
        statement = statement.where(deliveries.c.id.in_(only))
    return [
        Unfinished(
            f"webhook/{row.id}",
            row.outage_id or "",
            row.id,
            f"pending after {row.attempts} attempts",
            Delivery(row.id),
            # The rest of the address is a secret of the receiver.
            summary=f"{row.type} to {urlsplit(row.url).hostname}",
        )
        for row in await connection.execute(statement)
    ]


async def list_jobs(
    connection: AsyncConnection, after: str = "", only: Sequence[str] | None = None
) -> list[Unfinished]:
    """Return a page of the jobs that have not ended, but those of a moment ago."""
    statement = (
        select(jobs)
        .where(
            jobs.c.ended_at.is_(None),
            jobs.c.created_at < func.now() - _STARTED_WITHIN,
            jobs.c.id > after,
        )
        .order_by(jobs.c.id)
        .limit(PAGE)
    )
    if only is not None:
        statement = statement.where(jobs.c.id.in_(only))
    found = [to_job(row) for row in (await connection.execute(statement)).mappings()]
    return [
        Unfinished(
            job.workflow_id, "", job.correlation_id, job.status, job.order, summary=job.summary
        )
        for job in found
    ]
