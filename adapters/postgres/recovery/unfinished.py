"""What is on record as unfinished, in pages in the order of ids; and which outages changed not long ago."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Label, Select, func, literal_column, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.jobs.jobs import to_job
from adapters.postgres.settlement import batches
from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.sla.outages import to_outage
from adapters.postgres.tables import deliveries, events, jobs, outages, payments, webhooks
from adapters.postgres.tables.metadata import make_one_of
from domain.deliveries import Delivery
from domain.recovery.unfinished import ChangedOutage, Unfinished
from domain.requests import Request
from domain.settlement.payments import PaymentStatus
from domain.sla.disputes import UNDECIDED
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
# The window is over or the dispute is decided, and the contract, where it is asked, has confirmed the newest verdict.
_DUE = f"""
    (outages.status = 'disputable' AND outages.dispute_deadline < now() - interval '10 seconds'
        OR outages.status = 'disputed' AND NOT EXISTS (
            SELECT FROM disputes d WHERE d.outage_id = outages.id AND {make_one_of("d.status", UNDECIDED)}))
    AND NOT EXISTS (
        SELECT FROM attestations t WHERE t.outage_id = outages.id AND t.status <> 'attested'
          AND t.revision = (SELECT max(r.revision) FROM sla_results r WHERE r.outage_id = outages.id))
"""
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


def _take_page(
    statement: Select[Any], id_: ColumnElement[str], after: str, only: Sequence[str] | None
) -> Select[Any]:
    """Return the rows behind an id, a page of them; of those named by `only`, if it is given."""
    page = statement.where(id_ > after).order_by(id_).limit(PAGE)
    return page if only is None else page.where(id_.in_(only))


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
    due: Label[bool] = literal_column(f"({_DUE})").label("due")
    statement = select(outages, paid.label("paid"), due).where(_UNFINISHED, _STARTED)
    page = _take_page(statement, outages.c.id, after, only)
    found = []
    for row in (await connection.execute(page)).mappings():
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
                "catch_up" if row["due"] else "",
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
        )
    )
    page = _take_page(statement, payments.c.id, after, only)
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
        for row in (await connection.execute(page)).mappings()
    ]


async def list_payment_ids(connection: AsyncConnection, debts: Sequence[str]) -> list[str]:
    """Return the ids of payments, each named by its outage and its revision: OUT-7/1."""
    named = [
        (outage_id, int(n)) for outage_id, _, n in (d.rpartition("/") for d in debts) if n.isdigit()
    ]
    if not named:
        return []
    wanted = tuple_(payments.c.outage_id, payments.c.revision).in_(named)
    return list(await connection.scalars(select(payments.c.id).where(wanted)))


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
        )
    )
    page = _take_page(statement, deliveries.c.id, after, only)
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
        for row in await connection.execute(page)
    ]


async def list_jobs(
    connection: AsyncConnection, after: str = "", only: Sequence[str] | None = None
) -> list[Unfinished]:
    """Return a page of the jobs that have not ended, but those of a moment ago."""
    statement = select(jobs).where(
        jobs.c.ended_at.is_(None),
        jobs.c.created_at < func.now() - _STARTED_WITHIN,
    )
    page = _take_page(statement, jobs.c.id, after, only)
    found = [to_job(row) for row in (await connection.execute(page)).mappings()]
    return [
        Unfinished(
            job.workflow_id,
            "",
            job.correlation_id,
            job.status,
            job.order,
            due_signal="look_again" if job.cancel_requested_at else "",
            summary=job.summary,
        )
        for job in found
    ]
