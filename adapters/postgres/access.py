"""API keys in the database: only their digests."""

import hashlib

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import api_keys
from domain.access import Principal, Role


def hash_key(key: str) -> bytes:
    # A key is 256 random bits or was chosen by an operator; it is never a person's password,
    # so a fast hash is enough to keep a stolen table useless.
    return hashlib.sha256(key.encode()).digest()


async def save_key(connection: AsyncConnection, name: str, role: Role, key: str) -> None:
    """Make `key` the key of `name`, replacing an earlier one."""
    values = {"role": role, "digest": hash_key(key)}
    statement = insert(api_keys).values(name=name, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


async def find_principal(connection: AsyncConnection, key: str) -> Principal | None:
    rows = await connection.execute(
        select(api_keys.c.name, api_keys.c.role).where(api_keys.c.digest == hash_key(key))
    )
    row = rows.one_or_none()
    return None if row is None else Principal(row.name, Role(row.role))
