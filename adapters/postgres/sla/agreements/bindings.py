"""What the outages of one portion of a file may be bound to, read in two statements."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.policies import to_policy
from adapters.postgres.tables import policies
from domain.sla.agreements.bindings import BindingTable, CoveringVersion
from domain.sla.outages import Declaration
from domain.sla.policies import Policy

_FIND = text(
    """
    WITH found AS (
        SELECT agreement FROM agreement_coverages
        WHERE kind = 'site' AND value = ANY (CAST(:sites AS text[]))
        UNION
        SELECT agreement FROM agreement_coverages
        WHERE kind = 'service' AND value = ANY (CAST(:services AS text[]))
        UNION
        SELECT unnest(CAST(:names AS text[]))
    )
    SELECT v.agreement, v.version, v.policy, v.effective_from, v.effective_until, a.beneficiary_party,
           EXISTS (SELECT FROM agreement_coverages c WHERE c.agreement = v.agreement
                   AND c.version = v.version AND c.kind = 'site') AS names_sites,
           EXISTS (SELECT FROM agreement_coverages c WHERE c.agreement = v.agreement
                   AND c.version = v.version AND c.kind = 'service') AS names_services,
           ARRAY(SELECT c.value FROM agreement_coverages c WHERE c.agreement = v.agreement
                 AND c.version = v.version AND c.kind = 'site'
                 AND c.value = ANY (CAST(:sites AS text[]))) AS sites,
           ARRAY(SELECT c.value FROM agreement_coverages c WHERE c.agreement = v.agreement
                 AND c.version = v.version AND c.kind = 'service'
                 AND c.value = ANY (CAST(:services AS text[]))) AS services
    FROM found
    JOIN agreement_versions v ON v.agreement = found.agreement
    JOIN agreements a ON a.name = v.agreement
    ORDER BY v.agreement, v.effective_from
    """
)


async def read_table(
    connection: AsyncConnection, declarations: Sequence[Declaration]
) -> BindingTable:
    """Read what these outages may be bound to."""
    asked = [each.outage for each in declarations]
    rows = await connection.execute(
        _FIND,
        {
            "sites": sorted({each.site_id for each in asked if each.site_id is not None}),
            "services": sorted({name for each in asked for name in each.affected_services}),
            "names": sorted(
                {each.agreement for each in declarations}
                | {each.agreement for each in asked if each.agreement is not None}
            ),
        },
    )
    versions = defaultdict[str, list[CoveringVersion]](list)
    for row in rows.mappings():
        covered = {name: frozenset(row[name]) for name in ("sites", "services")}
        versions[row["agreement"]].append(CoveringVersion(**dict(row) | covered))
    names = {each.policy for each in declarations}
    names |= {each.policy for found in versions.values() for each in found if each.policy}
    return BindingTable(versions, await _read_policies(connection, names))


async def _read_policies(
    connection: AsyncConnection, names: Iterable[str]
) -> dict[str, list[Policy]]:
    rows = await connection.execute(
        select(policies)
        .where(policies.c.name.in_(sorted(names)))
        .order_by(policies.c.name, policies.c.effective_from)
    )
    found = defaultdict[str, list[Policy]](list)
    for row in rows.mappings():
        found[row["name"]].append(to_policy(row))
    return found
