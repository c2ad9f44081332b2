"""Agreements in the database: versions are added, never changed."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.agreements.parties import add_party
from adapters.postgres.tables import agreement_coverages, agreement_versions, agreements
from domain.errors import Conflict, Invalid, NotFound
from domain.sla.agreements.agreements import Agreement, AgreementVersion
from domain.sla.agreements.parties import PartyKind
from domain.sla.policies import BEGINNING_OF_TIME

_ENGINE = "engine"


async def get_agreement(connection: AsyncConnection, name: str) -> Agreement:
    rows = await connection.execute(select(agreements).where(agreements.c.name == name))
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
    statement = insert(agreements).values(**asdict(terms))
    await connection.execute(statement.on_conflict_do_nothing(index_elements=["name"]))
    first = AgreementVersion(terms.name, 1, BEGINNING_OF_TIME)
    await add_version(connection, first, _ENGINE)
    return await get_agreement(connection, terms.name)


async def get_in_force(connection: AsyncConnection, name: str, at: datetime) -> int:
    """Return the number of an agreement's version in force at an instant. Raises Invalid."""
    rows = await connection.execute(
        select(agreement_versions.c.version, agreement_versions.c.effective_until)
        .where(agreement_versions.c.agreement == name, agreement_versions.c.effective_from <= at)
        .order_by(agreement_versions.c.effective_from.desc())
        .limit(1)
    )
    row = rows.one_or_none()
    if row is None or (row.effective_until is not None and row.effective_until <= at):
        raise Invalid(
            "agreement", f"no version of agreement {name!r} is in force at {at.isoformat()}"
        )
    return int(row.version)


async def add_version(connection: AsyncConnection, version: AgreementVersion, by: str) -> None:
    """Add a version with what it covers; one that is there stays as it is."""
    added = await connection.execute(
        insert(agreement_versions)
        .values(
            agreement=version.agreement,
            version=version.version,
            effective_from=version.effective_from,
            effective_until=version.effective_until,
            policy=version.policy,
            digest=version.digest(),
            created_by=by,
        )
        .on_conflict_do_nothing(index_elements=["agreement", "version"])
        .returning(agreement_versions.c.version)
    )
    covered = [("site", site) for site in version.coverage.sites]
    covered += [("service", service) for service in version.coverage.services]
    if added.one_or_none() is None or not covered:
        return
    key = {"agreement": version.agreement, "version": version.version}
    await connection.execute(
        insert(agreement_coverages), [key | {"kind": k, "value": v} for k, v in covered]
    )
