"""Signing keys of access tokens in the database, their private part encrypted."""

from datetime import datetime

from sqlalchemy import insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.credentials.secret_box import SecretBox
from adapters.postgres.tables import signing_keys
from domain.access.signing_keys import SigningKey


async def lock(connection: AsyncConnection) -> None:
    """Let one process at a time decide about new keys."""
    await connection.execute(text("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE"))


async def list_shown(
    connection: AsyncConnection, box: SecretBox, now: datetime
) -> list[SigningKey]:
    shown = or_(signing_keys.c.shown_until.is_(None), signing_keys.c.shown_until > now)
    rows = await connection.execute(
        select(signing_keys).where(shown).order_by(signing_keys.c.signs_from)
    )
    return [
        SigningKey(row.id, row.public, box.open(row.private), row.signs_from, row.shown_until)
        for row in rows
    ]


async def add(
    connection: AsyncConnection, key: SigningKey, box: SecretBox, created_at: datetime
) -> None:
    assert key.private is not None
    await connection.execute(
        insert(signing_keys).values(
            id=key.id,
            public=key.public,
            private=box.close(key.private),
            created_at=created_at,
            signs_from=key.signs_from,
            shown_until=key.shown_until,
        )
    )


async def retire(connection: AsyncConnection, until: datetime) -> None:
    """Show those that nobody has retired until then, and no longer."""
    await connection.execute(
        update(signing_keys).where(signing_keys.c.shown_until.is_(None)).values(shown_until=until)
    )
