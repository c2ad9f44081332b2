"""Which agreements an outage may fall under, found by an index of the sites and services they name."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.sla.agreements.coverages import Match

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
                   AND c.value = ANY (CAST(:services AS text[]))) AS service_matches
    FROM found
    JOIN agreement_versions v ON v.agreement = found.agreement AND v.version = found.version
    JOIN agreements a ON a.name = v.agreement
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
    rows = await connection.execute(
        _FIND,
        {"site_id": site_id, "services": list(services), "at": at, "fallback": fallback},
    )
    return [Match(**row) for row in rows.mappings()]
