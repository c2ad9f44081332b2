"""The outages that are running, with the terms by which they will be judged."""

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.access.scopes import list_outage_conditions
from adapters.postgres.tables import outages, policies
from domain.access.scopes import Scope
from domain.analytics.exposure import RunningOutage
from domain.analytics.trends import AnalyticsFilter
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import Severity, Terms


async def list_running(
    connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter
) -> list[RunningOutage]:
    """Return every outage that is down, of an agreement, a severity and a site, or of all."""
    o, conditions = outages.c, list_outage_conditions(scope)
    if wanted.severity is not None:
        conditions.append(o.severity == wanted.severity)
    if wanted.site is not None:
        conditions.append(or_(o.site_id == wanted.site, o.site_name == wanted.site))
    if wanted.agreement is not None:
        conditions.append(o.agreement == wanted.agreement)
    rows = await connection.execute(
        select(
            *(o.id, o.site_name, o.site_id, o.severity, o.agreement, o.detected_at),
            policies.c.terms,
        )
        .join(policies, (policies.c.name == o.policy) & (policies.c.version == o.policy_version))
        .where(o.status == OutageStatus.DECLARED, *conditions)
    )
    return [
        RunningOutage(
            row.id,
            row.site_name,
            row.site_id,
            Severity(row.severity),
            row.agreement,
            row.detected_at,
            Terms(**row.terms[row.severity]),
        )
        for row in rows
    ]
