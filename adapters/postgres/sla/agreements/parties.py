"""Parties in the database."""

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading import keysets
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment
from adapters.postgres.tables import parties
from domain.errors import NotFound
from domain.sla.agreements.parties import Party, PartyKind


def to_party(row: RowMapping) -> Party:
    return Party(**(dict(row) | {"kind": PartyKind(row["kind"])}))


async def get_party(connection: AsyncConnection, party_id: str) -> Party:
    rows = await connection.execute(select(parties).where(parties.c.id == party_id))
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"party {party_id!r} does not exist")
    return to_party(row)


async def add_party(
    connection: AsyncConnection, party_id: str, kind: PartyKind, name: str, by: str
) -> Party:
    """Add a party unless its code is known, and return the one on record."""
    await connection.execute(
        insert(parties)
        .values(id=party_id, name=name, kind=kind, created_by=by)
        .on_conflict_do_nothing(index_elements=["id"])
    )
    return await get_party(connection, party_id)


async def list_page(
    connection: AsyncConnection, kind: PartyKind | None, segment: ListSegment
) -> tuple[list[Party], Total]:
    """Return one page of parties, and how many there are."""
    wanted = [] if kind is None else [parties.c.kind == kind]
    key = Keyset((parties.c.id,), descending=False)
    listing = Listing(parties, key, wanted, select(parties))
    rows, total = await keysets.read_page(connection, listing, segment)
    return [to_party(row) for row in rows], total
