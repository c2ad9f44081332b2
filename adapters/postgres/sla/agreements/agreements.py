"""Agreements in the database: versions are added, never changed."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import list_agreement_conditions
from adapters.postgres.reading import keysets
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment
from adapters.postgres.sla.agreements import treasuries
from adapters.postgres.sla.agreements.parties import add_party
from adapters.postgres.sla.agreements.versions import add_version
from adapters.postgres.tables import agreement_versions, agreement_zones, agreements, payouts
from domain.access.scopes import EVERYTHING, Scope
from domain.errors import Conflict, Invalid, NotFound
from domain.sla.agreements.agreements import Agreement
from domain.sla.agreements.coverages import Match
from domain.sla.agreements.parties import PartyKind
from domain.sla.agreements.versions import AgreementVersion
from domain.sla.policies import BEGINNING_OF_TIME

_ENGINE = "engine"


async def get_agreement(connection: AsyncConnection, name: str, scope: Scope) -> Agreement:
    """Raises NotFound, for an agreement of others than the scope's party as for none."""
    wanted = (agreements.c.name == name, *list_agreement_conditions(scope))
    rows = await connection.execute(select(agreements).where(*wanted))
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFound(f"agreement {name!r} does not exist")
    return Agreement(**row)


async def add_agreement(connection: AsyncConnection, terms: Agreement) -> Agreement:
    """
    Add the agreement of the settings with its parties unless its name exists, and return the one in
    the database. Its first version holds from the earliest instant and covers nothing by itself.

    An existing agreement is never changed here: a payee changes its payout address only with a proof
    by the owner, and after a cool-off.
    """
    for party, kind in (
        (terms.provider_party, PartyKind.PROVIDER),
        (terms.beneficiary_party, PartyKind.CUSTOMER),
    ):
        known = await add_party(connection, party, kind, party, _ENGINE)
        if known.kind is not kind:
            raise Conflict(f"party {party!r} is a {known.kind}, and agreements take it as a {kind}")
    await put_agreement(connection, terms)
    first = AgreementVersion(terms.name, 1, BEGINNING_OF_TIME)
    await add_version(connection, first, _ENGINE)
    return await get_agreement(connection, terms.name, EVERYTHING)


async def put_agreement(connection: AsyncConnection, terms: Agreement) -> bool:
    """Insert an agreement between parties on record; False when its name exists."""
    await treasuries.add(connection, [terms.bond, terms.pool])
    added = await connection.execute(
        insert(agreements)
        .values(**asdict(terms))
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(agreements.c.name)
    )
    return added.one_or_none() is not None


async def get_zone(connection: AsyncConnection, name: str) -> str:
    """Return the time zone in which the months of an agreement begin: UTC, where nobody has set another."""
    c = agreement_zones.c
    return await connection.scalar(select(c.time_zone).where(c.agreement == name)) or "UTC"


async def put_zone(
    connection: AsyncConnection, name: str, time_zone: str, by: str, at: datetime
) -> None:
    changed = {"time_zone": time_zone, "changed_by": by, "changed_at": at}
    statement = insert(agreement_zones).values(agreement=name, **changed)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["agreement"], set_=changed)
    )


async def list_page(
    connection: AsyncConnection, party: str | None, scope: Scope, segment: ListSegment
) -> tuple[list[Agreement], Total]:
    """Return one page of the agreements in a scope, those of a party or all, and how many there are."""
    wanted = [
        *list_agreement_conditions(scope),
        *list_agreement_conditions(Scope(party)),
    ]
    key = Keyset((agreements.c.name,), descending=False)
    listing = Listing(agreements, key, wanted, select(agreements))
    rows, total = await keysets.read_page(connection, listing, segment)
    return [Agreement(**row) for row in rows], total


async def list_payees(connection: AsyncConnection) -> set[str]:
    """Return the accounts that any agreement pays, or will pay."""
    rows = await connection.execute(select(agreements.c.provider, agreements.c.beneficiary))
    changed = await connection.scalars(
        select(payouts.c.address).where(payouts.c.cancelled_at.is_(None))
    )
    return {address for row in rows for address in row} | set(changed)


async def get_in_force(connection: AsyncConnection, name: str, at: datetime) -> Match:
    """Return the version of an agreement in force at an instant. Raises Invalid when there is none."""
    rows = await connection.execute(
        select(agreement_versions, agreements.c.beneficiary_party)
        .join(agreements, agreements.c.name == agreement_versions.c.agreement)
        .where(agreement_versions.c.agreement == name, agreement_versions.c.effective_from <= at)
        .order_by(agreement_versions.c.effective_from.desc())
        .limit(1)
    )
    row = rows.one_or_none()
    if row is None or (row.effective_until is not None and row.effective_until <= at):
        raise Invalid(
            "agreement", f"no version of agreement {name!r} is in force at {at.isoformat()}"
        )
    unmatched = (False, False, False, False)
    return Match(name, row.version, row.policy, row.beneficiary_party, *unmatched)
