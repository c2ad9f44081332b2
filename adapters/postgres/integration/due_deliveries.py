"""Deliveries that are due: claimed by a dispatcher for a while, handed over to a workflow, made due again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from domain.access.webhook_secrets import SignatureScheme, SigningSecret
from domain.deliveries import (
    CONCURRENT_POSTS,
    CONCURRENT_POSTS_FAILING,
    FAILING,
    LEASE,
    PROBE_PAUSE,
    DeliveryStatus,
    Room,
    TriedDeliveries,
)


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """All that is needed to post one delivery; its secrets are as they are kept, encrypted."""

    id: str
    webhook_id: str
    url: str
    secrets: list[SigningSecret]
    event_id: str
    type: str
    outage_id: str | None
    outage_sequence: int | None
    occurred_at: datetime
    data: dict[str, Any]
    correlation_id: str
    trace: str | None
    status: DeliveryStatus
    attempts: int
    earlier_attempts: int
    next_attempt_at: datetime | None
    due_at: datetime | None
    leased_until: datetime | None
    active: bool
    deleted: bool
    failures: int


def _make_secrets(column: str) -> str:
    """Return the SQL for a column of the secrets that are signed with now, the newest first."""
    return f"""ARRAY(
        SELECT {column} FROM webhook_secrets s
        WHERE s.webhook_id = d.webhook_id AND (s.expires_at IS NULL OR s.expires_at > now())
        ORDER BY s.number DESC
    )"""


def _make_pending(found: str, wanted: str = "true") -> str:
    """Return the SQL for all that is needed to post the deliveries of a table, the oldest first."""
    return f"""
        SELECT d.*, w.url, w.active, w.deleted_at, w.failures, e.type, e.outage_id, e.outage_sequence,
               e.occurred_at, e.data, e.trace, a.correlation_id, {_make_secrets("scheme")} AS schemes,
               {_make_secrets("secret")} AS secrets, {_make_secrets("public_key")} AS public_keys
        FROM {found} d JOIN webhooks w ON w.id = d.webhook_id JOIN events e ON e.id = d.event_id
        JOIN audit_entries a ON a.id = e.entry_id
        WHERE {wanted} ORDER BY e.sequence, d.id
    """


# Of each receiver as many as it may have at once, the oldest first, and of all of them by turns: so those of one
# that answers slowly, or that many are due to, are never in the way of another's. A receiver that is disabled is probed by one of what waits for it.
_CLAIM = text(
    f"""
    WITH busy AS (
        SELECT * FROM unnest(
            CAST(:webhook_ids AS text[]), CAST(:counts AS int[]), CAST(:rates AS int[])
        ) AS b (webhook_id, posts, rate)
    ), receiver AS (
        SELECT w.id,
               CASE WHEN w.active AND w.failures < :failing OR w.deleted_at IS NOT NULL
                    THEN least(:posts - coalesce(b.posts, 0), coalesce(b.rate, :posts))
                    ELSE least(:posts_failing - coalesce(b.posts, 0), coalesce(b.rate, 1)) END
               AS places
        FROM webhooks w LEFT JOIN busy b ON b.webhook_id = w.id
        WHERE w.active OR w.deleted_at IS NOT NULL OR w.probe_at <= now()
    ), picked AS (
        SELECT d.id, d.webhook_id, d.due_at FROM receiver r CROSS JOIN LATERAL (
            SELECT id, webhook_id, due_at FROM deliveries
            WHERE webhook_id = r.id AND due_at <= now() AND due_at IS NOT NULL
              AND (leased_until IS NULL OR leased_until <= now())
            ORDER BY due_at, id LIMIT greatest(r.places, 0)
            FOR UPDATE SKIP LOCKED
        ) d
        ORDER BY row_number() OVER (PARTITION BY d.webhook_id ORDER BY d.due_at, d.id), d.due_at
        LIMIT :total
    ), waiting AS (  -- whom nothing is due to, since each has failed before, is probed by the oldest
        UPDATE deliveries SET due_at = now(), next_attempt_at = NULL
        WHERE id IN (
            SELECT (SELECT d.id FROM deliveries d JOIN events e ON e.id = d.event_id
                    WHERE d.webhook_id = w.id AND d.status = 'pending' ORDER BY e.occurred_at, d.id LIMIT 1)
            FROM webhooks w
            WHERE NOT w.active AND w.deleted_at IS NULL AND w.probe_at <= now() AND NOT EXISTS (
                SELECT FROM deliveries d WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL
            )
        )
    ), probed AS (
        UPDATE webhooks SET probe_at = now() + :probe_pause
        WHERE NOT active AND deleted_at IS NULL AND id IN (SELECT webhook_id FROM picked)
    ), claimed AS (
        UPDATE deliveries SET leased_until = now() + :lease
        FROM picked WHERE deliveries.id = picked.id RETURNING deliveries.*
    )
    {_make_pending("claimed")}
    """
)
_LOAD = text(_make_pending("deliveries", "d.id = ANY(:ids)"))


async def claim(
    connection: AsyncConnection, busy: Mapping[str, Room], total: int
) -> list[PendingDelivery]:
    """
    Claim what is due for a while, up to `total`; others skip it meanwhile. `busy` says of receivers how many
    posts of this process are on their way, and how many more may leave now.
    """
    rows = await connection.execute(
        _CLAIM,
        {
            "webhook_ids": list(busy),
            "counts": [room.posts for room in busy.values()],
            "rates": [room.rate for room in busy.values()],
            "failing": FAILING,
            "posts": CONCURRENT_POSTS,
            "posts_failing": CONCURRENT_POSTS_FAILING,
            "total": total,
            "lease": LEASE,
            "probe_pause": PROBE_PAUSE,
        },
    )
    return [_to_pending(row) for row in rows]


async def load(connection: AsyncConnection, ids: Sequence[str]) -> list[PendingDelivery]:
    """Return what to post for these deliveries, the oldest first; nothing for those that do not exist."""
    return [_to_pending(row) for row in await connection.execute(_LOAD, {"ids": ids})]


def _to_pending(row: Row[Any]) -> PendingDelivery:
    sealed = zip(row.schemes, row.secrets, row.public_keys, strict=True)
    return PendingDelivery(
        id=row.id,
        webhook_id=row.webhook_id,
        url=row.url,
        secrets=[SigningSecret(SignatureScheme(scheme), *rest) for scheme, *rest in sealed],
        event_id=row.event_id,
        type=row.type,
        outage_id=row.outage_id,
        outage_sequence=row.outage_sequence,
        occurred_at=row.occurred_at,
        data=row.data,
        correlation_id=row.correlation_id,
        trace=row.trace,
        status=DeliveryStatus(row.status),
        attempts=row.attempts,
        earlier_attempts=row.earlier_attempts,
        next_attempt_at=row.next_attempt_at,
        due_at=row.due_at,
        leased_until=row.leased_until,
        active=row.active,
        deleted=row.deleted_at is not None,
        failures=row.failures,
    )


_HAND_OVER = text(
    """
    UPDATE deliveries SET due_at = nullif(deliveries.due_at, claimed.due_at), leased_until = NULL
    FROM unnest(
        CAST(:ids AS text[]), CAST(:due AS timestamptz[]), CAST(:leases AS timestamptz[])
    ) AS claimed (id, due_at, leased_until)
    WHERE deliveries.id = claimed.id
      AND (deliveries.due_at = claimed.due_at OR deliveries.leased_until = claimed.leased_until)
    """
)


async def hand_over(connection: AsyncConnection, claimed: Sequence[PendingDelivery]) -> None:
    """
    Leave deliveries to their workflows, which run by now; one that somebody wants tried now stays due, and whoever
    dispatches may have it at once.
    """
    await connection.execute(
        _HAND_OVER,
        {
            "ids": [each.id for each in claimed],
            "due": [each.due_at for each in claimed],
            "leases": [each.leased_until for each in claimed],
        },
    )


async def abandon_due(connection: AsyncConnection, webhook_id: str) -> None:
    """Give up whatever is due to a receiver; its workflows give up what they have."""
    machine, to = transitions.DELIVERIES, DeliveryStatus.FAILED
    await connection.execute(
        text(
            f"""
            UPDATE deliveries SET {machine.make_assignment(to)}, due_at = NULL,
                leased_until = NULL, next_attempt_at = NULL
            WHERE webhook_id = :webhook_id AND due_at IS NOT NULL AND {machine.make_condition(to)}
            """
        ),
        {"webhook_id": webhook_id},
    )


async def make_due(connection: AsyncConnection, webhook_id: str) -> None:
    """Let everything that waits for a receiver be tried now; the pauses begin anew, for what was probed with too."""
    await connection.execute(
        text(
            """
            UPDATE deliveries SET due_at = now(), next_attempt_at = NULL, earlier_attempts = attempts
            WHERE webhook_id = :webhook_id AND status = 'pending'
            """
        ),
        {"webhook_id": webhook_id},
    )


async def reopen_failed(connection: AsyncConnection, webhook_id: str, since: datetime) -> int:
    """
    Let every delivery to a receiver be tried again that failed of an event since an instant; return how many.
    """
    machine, failed = transitions.DELIVERIES, {DeliveryStatus.FAILED}
    result = await connection.execute(
        text(
            f"""
            UPDATE deliveries
            SET {machine.make_assignment(DeliveryStatus.PENDING)}, problem = NULL,
                earlier_attempts = attempts, due_at = now(), next_attempt_at = NULL
            FROM events
            WHERE events.id = deliveries.event_id AND webhook_id = :webhook_id
              AND {machine.make_condition(DeliveryStatus.PENDING, failed)}
              AND events.occurred_at >= :since
            """
        ),
        {"webhook_id": webhook_id, "since": since},
    )
    return result.rowcount


async def count_tried(connection: AsyncConnection, outage_id: str) -> TriedDeliveries:
    """Count an outage's deliveries: all, those delivered, and those that nobody has tried and somebody may."""
    row = (
        await connection.execute(
            text(
                """
                SELECT count(*) AS total, count(*) FILTER (WHERE d.status = 'success') AS delivered,
                       count(*) FILTER (
                           WHERE d.status = 'pending' AND d.attempts = 0 AND w.active
                       ) AS untried
                FROM events e JOIN deliveries d ON d.event_id = e.id
                JOIN webhooks w ON w.id = d.webhook_id WHERE e.outage_id = :outage_id
                """
            ),
            {"outage_id": outage_id},
        )
    ).one()
    return TriedDeliveries(row.total, row.delivered, row.untried)
