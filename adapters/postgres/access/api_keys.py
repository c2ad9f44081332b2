"""API keys in the database, which holds only their SHA-256 digests."""

import hashlib
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_page
from adapters.postgres.tables import api_keys, people
from domain.access.api_keys import KeyRecord
from domain.access.permissions import Permission, Role
from domain.access.principals import Principal
from domain.errors import NotFound

# Used again within this time, nothing is written.
_USED_EVERY = timedelta(minutes=1)


def hash_key(key: str) -> bytes:
    # A key is 256 random bits or chosen by an operator, never a person's password. So a fast hash is
    # enough to make a stolen table useless.
    return hashlib.sha256(key.encode()).digest()


def _to_record(row: Any) -> KeyRecord:
    return KeyRecord(
        row.id,
        row.name,
        Role(row.role),
        _to_scopes(row.scopes),
        row.person_id,
        row.created_by,
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
        row.party,
        row.replaced_by,
    )


def _to_scopes(names: list[str] | None) -> frozenset[Permission] | None:
    """A scope that this version does not know allows nothing."""
    known = set(Permission)
    return None if names is None else frozenset(Permission(name) for name in names if name in known)


async def lock_name(connection: AsyncConnection, name: str) -> None:
    """
    Let nobody else add or revoke keys of a name until the end of the transaction: who revokes all of them would not
    see one that is being added.
    """
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"api-key/{name}"))))


async def add(connection: AsyncConnection, record: KeyRecord, key: str) -> None:
    scopes = None if record.scopes is None else sorted(record.scopes)
    await connection.execute(
        insert(api_keys).values(
            id=record.id,
            name=record.name,
            role=record.role,
            scopes=scopes,
            person_id=record.person_id,
            party=record.party,
            digest=hash_key(key),
            created_by=record.created_by,
            created_at=record.created_at,
            expires_at=record.expires_at,
        )
    )


async def save_key(
    connection: AsyncConnection, name: str, role: Role, key: str, by: str = "operator"
) -> bool:
    """
    Save a `key` that somebody chose as the key of `name`; others of that name are revoked.

    Return whether anything changed.
    """
    digest = hash_key(key)
    await lock_name(connection, name)
    others = (api_keys.c.name == name) & (api_keys.c.digest != digest)
    replaced = await revoke(connection, others)
    known = (
        await connection.execute(select(api_keys).where(api_keys.c.digest == digest))
    ).one_or_none()
    if known is None:
        id_ = f"key_{digest.hex()[:24]}"
        new = insert(api_keys).values(id=id_, name=name, role=role, digest=digest, created_by=by)
        # Two processes may start at once.
        made = await connection.scalar(new.on_conflict_do_nothing().returning(api_keys.c.id))
        return made is not None
    if (known.name, known.role, known.revoked_at) == (name, role, None):
        return replaced > 0
    again = {"name": name, "role": role, "revoked_at": None}
    await connection.execute(update(api_keys).where(api_keys.c.digest == digest).values(again))
    return True


async def revoke(connection: AsyncConnection, which: Any) -> int:
    revoked = await connection.execute(
        update(api_keys).where(which, api_keys.c.revoked_at.is_(None)).values(revoked_at=func.now())
    )
    return revoked.rowcount


async def revoke_key(connection: AsyncConnection, key_id: str) -> bool:
    """Return whether it was valid until now."""
    return await revoke(connection, api_keys.c.id == key_id) == 1


async def revoke_by_name(connection: AsyncConnection, name: str) -> int:
    """Return how many keys the name had until now."""
    await lock_name(connection, name)
    return await revoke(connection, api_keys.c.name == name)


async def replace(connection: AsyncConnection, key_id: str, by: str, at: datetime) -> None:
    """Let a key that another one replaces end then, if it does not end sooner."""
    ends = func.least(func.coalesce(api_keys.c.expires_at, at), at)
    await connection.execute(
        update(api_keys).where(api_keys.c.id == key_id).values(expires_at=ends, replaced_by=by)
    )


async def lock(connection: AsyncConnection, key_id: str) -> KeyRecord:
    """Return a key, and let nobody else change it or others of its name. Raises NotFound."""
    here = api_keys.c.id == key_id
    # The name first, as who revokes all of it does: a name has one order of locks.
    name = await connection.scalar(select(api_keys.c.name).where(here))
    if name is not None:
        await lock_name(connection, name)
    row = (await connection.execute(select(api_keys).where(here).with_for_update())).one_or_none()
    if row is None:
        raise NotFound(f"there is no API key {key_id!r}")
    return _to_record(row)


async def list_page(
    connection: AsyncConnection, segment: ListSegment
) -> tuple[list[KeyRecord], Total]:
    """Return keys, the newest first, and how many there are; those that are revoked too."""
    key = Keyset((api_keys.c.created_at, api_keys.c.id))
    rows, total = await read_page(connection, Listing(api_keys, key, (), select(api_keys)), segment)
    return [_to_record(SimpleNamespace(**row)) for row in rows], total


async def find_principal(connection: AsyncConnection, key: str) -> Principal | None:
    """Return whom a valid key stands for, and note that it is used."""
    valid = (
        (api_keys.c.digest == hash_key(key))
        & api_keys.c.revoked_at.is_(None)
        & (api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > func.now()))
    )
    unused = api_keys.c.last_used_at.is_(None) | (
        api_keys.c.last_used_at < func.now() - _USED_EVERY
    )
    person = (people.c.email, people.c.disabled, people.c.party.label("person_party"))
    wanted = (
        select(api_keys, *person, unused.label("unused"))
        .outerjoin(people, people.c.id == api_keys.c.person_id)
        .where(valid)
    )
    row = (await connection.execute(wanted)).one_or_none()
    if row is None or row.disabled:
        return None
    if row.unused:
        await connection.execute(
            update(api_keys).where(api_keys.c.id == row.id, unused).values(last_used_at=func.now())
        )
    # A person's key follows them to another party.
    party = row.party if row.person_id is None else row.person_party
    return Principal(row.email or row.name, Role(row.role), _to_scopes(row.scopes), party=party)
