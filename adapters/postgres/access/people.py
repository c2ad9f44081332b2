"""People in the database."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_page
from adapters.postgres.tables import devices, people
from domain.access.people import Person, PersonStatus
from domain.access.permissions import Role
from domain.errors import NotFound

COLUMNS = (
    people.c.id,
    people.c.email,
    people.c.full_name,
    people.c.role,
    people.c.disabled,
    people.c.stellar_wallet,
    people.c.created_at,
    people.c.party,
)


def to_person(row: Any) -> Person:
    return Person(
        row.id,
        row.email,
        row.full_name,
        Role(row.role),
        PersonStatus.DISABLED if row.disabled else PersonStatus.ACTIVE,
        row.stellar_wallet,
        row.created_at,
        row.party,
    )


async def add(connection: AsyncConnection, person: Person, password_hash: str) -> bool:
    """Return whether the person is new; somebody who has that address already stays as they are."""
    values = {
        "id": person.id,
        "email": person.email,
        "full_name": person.full_name,
        "role": person.role,
        "disabled": person.status is PersonStatus.DISABLED,
        "password_hash": password_hash,
        "created_at": person.created_at,
        "party": person.party,
    }
    statement = insert(people).values(values).on_conflict_do_nothing()
    return await connection.scalar(statement.returning(people.c.id)) is not None


async def find(connection: AsyncConnection, email: str) -> Person | None:
    row = (await connection.execute(select(*COLUMNS).where(people.c.email == email))).one_or_none()
    return None if row is None else to_person(row)


async def lock(connection: AsyncConnection, email: str) -> Person:
    """Return a person whom nobody else changes until the end of the transaction."""
    wanted = select(*COLUMNS).where(people.c.email == email).with_for_update()
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise NotFound(f"there is no person with the address {email!r}")
    return to_person(row)


async def list_page(
    connection: AsyncConnection, segment: ListSegment
) -> tuple[list[Person], Total]:
    """Return people by their addresses, and how many there are."""
    key = Keyset((people.c.email,), descending=False)
    rows, total = await read_page(connection, Listing(people, key, (), select(*COLUMNS)), segment)
    return [to_person(SimpleNamespace(**row)) for row in rows], total


async def get_password_hash(connection: AsyncConnection, email: str) -> str | None:
    found: str | None = await connection.scalar(
        select(people.c.password_hash).where(people.c.email == email)
    )
    return found


async def change(connection: AsyncConnection, person_id: str, **values: Any) -> None:
    """Change columns of a person; `status` is kept as whether they are disabled."""
    if "status" in values:
        values["disabled"] = values.pop("status") == PersonStatus.DISABLED
    await connection.execute(update(people).where(people.c.id == person_id).values(**values))


async def get_preferences(connection: AsyncConnection, person_id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = await connection.scalar(
        select(people.c.preferences).where(people.c.id == person_id)
    )
    return found or {}


async def is_device_known(connection: AsyncConnection, email: str, digest: bytes) -> bool:
    """Return whether the person has logged in from that browser before."""
    wanted = (
        select(devices.c.digest)
        .join(people, people.c.id == devices.c.person_id)
        .where(people.c.email == email, devices.c.digest == digest)
    )
    return await connection.scalar(wanted) is not None


async def remember_device(
    connection: AsyncConnection, person_id: str, digest: bytes, at: datetime
) -> None:
    statement = insert(devices).values(digest=digest, person_id=person_id, seen_at=at)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["digest", "person_id"], set_={"seen_at": at}
        )
    )
