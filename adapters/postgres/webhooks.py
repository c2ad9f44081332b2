"""Webhook subscriptions and their deliveries in the database."""

from dataclasses import fields
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import webhook_secrets, webhooks
from domain.deliveries import DeliveryAttempt
from domain.errors import NotFound
from domain.webhooks import Subscription


async def subscribe(
    connection: AsyncConnection, webhook_id: str, url: str, wanted: list[str]
) -> None:
    await connection.execute(insert(webhooks).values(id=webhook_id, url=url, events=wanted))


async def list_subscriptions(connection: AsyncConnection) -> list[Subscription]:
    rows = await connection.execute(
        select(*(webhooks.c[each.name] for each in fields(Subscription)))
        .where(webhooks.c.deleted_at.is_(None))
        .order_by(webhooks.c.created_at, webhooks.c.id)
    )
    return [Subscription(*row) for row in rows]


async def get(connection: AsyncConnection, webhook_id: str) -> Subscription:
    """Return a subscription. Raises NotFound."""
    found = [each for each in await list_subscriptions(connection) if each.id == webhook_id]
    if not found:
        raise NotFound(f"webhook {webhook_id!r} does not exist")
    return found[0]


async def require(connection: AsyncConnection, webhook_id: str) -> None:
    """Raise NotFound for a webhook that does not exist, or was deleted."""
    found = await connection.scalar(
        select(webhooks.c.id).where(webhooks.c.id == webhook_id, webhooks.c.deleted_at.is_(None))
    )
    if found is None:
        raise NotFound(f"webhook {webhook_id!r} does not exist")


async def update_subscription(
    connection: AsyncConnection, webhook_id: str, changes: dict[str, Any]
) -> None:
    result = await connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id, webhooks.c.deleted_at.is_(None))
        .values(**changes)
    )
    if result.rowcount == 0:
        raise NotFound(f"webhook {webhook_id!r} does not exist")


async def count_attempt(
    connection: AsyncConnection, webhook_id: str, attempt: DeliveryAttempt
) -> Subscription | None:
    """
    Count an attempt for or against its receiver, whose row is locked then; return how it stood before a success,
    and after a failure. None when there was no failure to forget.
    """
    mine = webhooks.c.id == webhook_id
    shown = [webhooks.c[each.name] for each in fields(Subscription)]
    if attempt.delivered:
        failing = select(*shown).where(mine, webhooks.c.failures > 0).with_for_update()
        before = (await connection.execute(failing)).one_or_none()
        if before is None:
            return None
        forgotten = {"failures": 0, "failing_since": None}
        await connection.execute(update(webhooks).where(mine).values(forgotten))
        return Subscription(*before)
    counted = {
        "failures": webhooks.c.failures + 1,
        "failing_since": func.coalesce(webhooks.c.failing_since, attempt.at),
    }
    changed = update(webhooks).where(mine).values(counted).returning(*shown)
    return Subscription(*(await connection.execute(changed)).one())


async def unsubscribe(connection: AsyncConnection, webhook_id: str) -> None:
    """End a subscription and delete its secrets; its deliveries stay on record."""
    ended = {"active": False, "deleted_at": func.now(), "probe_at": None}
    await update_subscription(connection, webhook_id, ended)
    await connection.execute(
        delete(webhook_secrets).where(webhook_secrets.c.webhook_id == webhook_id)
    )
