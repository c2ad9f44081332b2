"""The secrets of webhooks in the database, all of them encrypted."""

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import webhook_secrets, webhooks
from domain.access.webhook_secrets import (
    SECRETS_MAX,
    SecretRecord,
    SignatureScheme,
    SigningSecret,
)
from domain.errors import Conflict, NotFound


async def add(
    connection: AsyncConnection,
    webhook_id: str,
    secret: SigningSecret,
    at: datetime,
    others_expire_at: datetime | None = None,
) -> int:
    """
    Add the newest secret of a subscription, and let the others expire at an instant; those that have are deleted. Return
    its number. Raises NotFound, and Conflict while too many have not expired.
    """
    kept = await connection.scalar(
        select(webhooks.c.id)
        .where(webhooks.c.id == webhook_id, webhooks.c.deleted_at.is_(None))
        .with_for_update()
    )
    if kept is None:
        raise NotFound(f"webhook {webhook_id!r} does not exist")
    mine = webhook_secrets.c.webhook_id == webhook_id
    newest = await connection.scalar(select(func.max(webhook_secrets.c.number)).where(mine))
    await connection.execute(
        delete(webhook_secrets).where(mine, webhook_secrets.c.expires_at <= at)
    )
    await connection.execute(
        update(webhook_secrets)
        .where(mine)
        .values(expires_at=func.least(webhook_secrets.c.expires_at, others_expire_at))
    )
    await _refuse_too_many(connection, webhook_id, at)
    await connection.execute(
        insert(webhook_secrets).values(
            webhook_id=webhook_id,
            number=(newest or 0) + 1,
            scheme=secret.scheme,
            secret=secret.sealed,
            public_key=secret.public_key,
            created_at=at,
        )
    )
    return (newest or 0) + 1


async def _refuse_too_many(connection: AsyncConnection, webhook_id: str, at: datetime) -> None:
    mine = webhook_secrets.c.webhook_id == webhook_id
    live = select(func.count()).where(mine, webhook_secrets.c.expires_at > at)
    if (await connection.scalar(live) or 0) >= SECRETS_MAX:
        raise Conflict(
            f"webhook {webhook_id!r} is signed with {SECRETS_MAX} secrets that have not expired: wait until one "
            "has, or send overlap_hours 0, with which all of them expire at once"
        )


async def list_records(connection: AsyncConnection, webhook_id: str) -> list[SecretRecord]:
    """Return the secrets of a subscription, the newest first, without what is secret."""
    rows = await connection.execute(
        select(webhook_secrets)
        .where(webhook_secrets.c.webhook_id == webhook_id)
        .order_by(webhook_secrets.c.number.desc())
    )
    return [
        SecretRecord(
            row.number,
            SignatureScheme(row.scheme),
            row.public_key,
            row.created_at,
            row.expires_at,
        )
        for row in rows
    ]
