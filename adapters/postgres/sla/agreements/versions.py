"""Versions of agreements in the database: added, never changed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, String, func, select
from sqlalchemy.dialects.postgresql import array, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.agreements import treasuries
from adapters.postgres.tables import agreement_coverages, agreement_versions, agreements
from domain.errors import NotFound
from domain.sla.agreements.versions import AgreementVersion, Coverage, PublishedVersion


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
            bond=version.bond,
            pool=version.pool,
            digest=version.digest(),
            created_by=by,
        )
        .on_conflict_do_nothing(index_elements=["agreement", "version"])
        .returning(agreement_versions.c.version)
    )
    await treasuries.add(connection, [each for each in (version.bond, version.pool) if each])
    covered = [("site", site) for site in version.coverage.sites]
    covered += [("service", service) for service in version.coverage.services]
    if added.one_or_none() is None or not covered:
        return
    key = {"agreement": version.agreement, "version": version.version}
    await connection.execute(
        insert(agreement_coverages), [key | {"kind": k, "value": v} for k, v in covered]
    )


async def lock_newest(connection: AsyncConnection, agreement: str) -> AgreementVersion:
    """Keep others from publishing until the transaction ends; return the newest version. Raises NotFound."""
    locked = await connection.scalar(
        select(agreements.c.name).where(agreements.c.name == agreement).with_for_update()
    )
    if locked is None:
        raise NotFound(f"agreement {agreement!r} does not exist")
    return (await list_newest(connection, [agreement]))[agreement].version


async def list_versions(connection: AsyncConnection, agreement: str) -> list[PublishedVersion]:
    """Return every version of an agreement, the first one first."""
    rows = await connection.execute(
        _select()
        .where(agreement_versions.c.agreement == agreement)
        .order_by(agreement_versions.c.version)
    )
    return [_to_published(row) for row in rows.mappings()]


async def list_newest(
    connection: AsyncConnection, names: Sequence[str]
) -> dict[str, PublishedVersion]:
    """Return the newest version of each agreement, by its name."""
    rows = await connection.execute(
        _select()
        .ext(distinct_on(agreement_versions.c.agreement))
        .where(agreement_versions.c.agreement.in_(names))
        .order_by(agreement_versions.c.agreement, agreement_versions.c.version.desc())
    )
    return {row["agreement"]: _to_published(row) for row in rows.mappings()}


def _select() -> Select[Any]:
    return select(agreement_versions, _list("site"), _list("service"))


def _list(kind: str) -> ColumnElement[Any]:
    value = agreement_coverages.c.value
    return (
        select(func.coalesce(func.array_agg(value), array([], type_=String)))
        .where(
            agreement_coverages.c.agreement == agreement_versions.c.agreement,
            agreement_coverages.c.version == agreement_versions.c.version,
            agreement_coverages.c.kind == kind,
        )
        .scalar_subquery()
        .label(kind)
    )


def _to_published(row: RowMapping) -> PublishedVersion:
    version = AgreementVersion(
        row["agreement"],
        row["version"],
        row["effective_from"],
        row["effective_until"],
        row["policy"],
        Coverage(sorted(row["site"]), sorted(row["service"])),
        row["bond"],
        row["pool"],
    )
    return PublishedVersion(version, row["created_by"], row["created_at"])
