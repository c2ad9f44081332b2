"""API keys in the database, which holds only their SHA-256 digests."""

import hashlib

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import api_keys
from domain.access.permissions import Role
from domain.access.principals import Principal


def hash_key(key: str) -> bytes:
    # A key is 256 random bits or chosen by an operator, never a person's password. So a fast hash is
    # enough to make a stolen table useless.
    return hashlib.sha256(key.encode()).digest()


async def save_key(connection: AsyncConnection, name: str, role: Role, key: str) -> None:
    """Save `key` as the key of `name`; it replaces an earlier one."""
    values = {"role": role, "digest": hash_key(key)}
    statement = insert(api_keys).values(name=name, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


async def find_principal(connection: AsyncConnection, key: str) -> Principal | None:
    rows = await connection.execute(
        select(api_keys.c.name, api_keys.c.role).where(api_keys.c.digest == hash_key(key))
    )
    row = rows.one_or_none()
    return None if row is None else Principal(row.name, Role(row.role))
