"""Which agreements an outage may fall under, found by an index of the sites and services they name."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.policies import to_policy
from domain.sla.agreements.coverages import Match
from domain.sla.policies import Policy

_FIND = text(
    """
    WITH found AS (
        SELECT agreement, version FROM agreement_coverages
        WHERE kind = 'site' AND value = CAST(:site_id AS text)
        UNION
        SELECT agreement, version FROM agreement_coverages
        WHERE kind = 'service' AND value = ANY (CAST(:services AS text[]))
        UNION
        SELECT agreement, version FROM agreement_versions
        WHERE agreement = CAST(:fallback AS text)
    )
    SELECT v.agreement, v.version, v.policy, a.beneficiary_party,
           EXISTS (SELECT FROM agreement_coverages c WHERE c.agreement = v.agreement
                   AND c.version = v.version AND c.kind = 'site') AS names_sites,
           EXISTS (SELECT FROM agreement_coverages c WHERE c.agreement = v.agreement
                   AND c.version = v.version AND c.kind = 'service') AS names_services,
           EXISTS (SELECT FROM agreement_coverages c WHERE c.agreement = v.agreement
                   AND c.version = v.version AND c.kind = 'site'
                   AND c.value = CAST(:site_id AS text)) AS site_matches,
           EXISTS (SELECT FROM agreement_coverages c WHERE c.agreement = v.agreement
                   AND c.version = v.version AND c.kind = 'service'
                   AND c.value = ANY (CAST(:services AS text[]))) AS service_matches,
           p.name, p.version AS policy_version, p.effective_from, p.dispute_window_seconds,
           p.decision_window_seconds, p.terms
    FROM found
    JOIN agreement_versions v ON v.agreement = found.agreement AND v.version = found.version
    JOIN agreements a ON a.name = v.agreement
    LEFT JOIN LATERAL (
        SELECT * FROM policies
        WHERE name = coalesce(v.policy, CAST(:policy AS text)) AND effective_from <= :at
        ORDER BY effective_from DESC LIMIT 1
    ) p ON true
    WHERE v.effective_from <= :at AND (v.effective_until IS NULL OR v.effective_until > :at)
      AND NOT EXISTS (SELECT FROM agreement_versions later WHERE later.agreement = v.agreement
                      AND later.effective_from > v.effective_from AND later.effective_from <= :at)
    """
)


async def find_matches(
    connection: AsyncConnection,
    site_id: str | None,
    services: Sequence[str],
    at: datetime,
    fallback: str | None = None,
) -> list[Match]:
    """Return the versions in force at an instant that name the site or a service, and the fallback's."""
    found = await find_bound_matches(connection, site_id, services, at, fallback)
    return [match for match, _ in found]


async def find_bound_matches(
    connection: AsyncConnection,
    site_id: str | None,
    services: Sequence[str],
    at: datetime,
    fallback: str | None = None,
    policy: str | None = None,
) -> list[tuple[Match, Policy | None]]:
    """Return them each with its policy in force then, or with this one where it names none; None where none is."""
    asked = {"site_id": site_id, "services": list(services), "at": at}
    rows = await connection.execute(_FIND, asked | {"fallback": fallback, "policy": policy})
    return [(_to_match(row), _to_policy(row)) for row in rows.mappings()]


def _to_match(row: RowMapping) -> Match:
    return Match(**{each.name: row[each.name] for each in fields(Match)})


def _to_policy(row: RowMapping) -> Policy | None:
    return None if row["name"] is None else to_policy({**row, "version": row["policy_version"]})
