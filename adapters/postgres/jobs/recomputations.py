"""The newest verdict on each outage of a filter, with its terms, in pages in the order of ids."""

from typing import Any

from sqlalchemy import Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.listings import list_conditions
from adapters.postgres.sla.policies import to_policy
from adapters.postgres.sla.verdicts import to_recorded
from adapters.postgres.tables import outages, policies, sla_results
from domain.jobs.recomputations import JudgedOutage
from domain.sla.listings import OutageFilter
from domain.sla.outages import OutageStatus

_TERMS = [column.name for column in policies.columns]


def _select(wanted: OutageFilter, *columns: Any) -> Select[Any]:
    newest = (
        select(sla_results)
        .where(
            sla_results.c.outage_id == outages.c.id,
            # The verdicts on one that is reopened are taken back.
            outages.c.status != OutageStatus.DECLARED,
        )
        .order_by(sla_results.c.revision.desc())
        .limit(1)
        .lateral("newest")
    )
    shown = columns or (
        *newest.c,
        outages.c.detected_at,
        outages.c.resolved_at,
        *(policies.c[name].label(f"terms_{name}") for name in _TERMS),
    )
    return (
        select(*shown)
        .select_from(outages)
        .join(newest, true())
        .join(
            policies,
            (policies.c.name == newest.c.policy) & (policies.c.version == newest.c.policy_version),
        )
        .where(*list_conditions(wanted))
    )


async def count_judged(connection: AsyncConnection, wanted: OutageFilter) -> int:
    return await connection.scalar(_select(wanted, func.count())) or 0


async def list_judged(
    connection: AsyncConnection, wanted: OutageFilter, after: str, limit: int
) -> list[JudgedOutage]:
    """Return those whose ids follow one."""
    rows = await connection.execute(
        _select(wanted).where(outages.c.id > after).order_by(outages.c.id).limit(limit)
    )
    found = []
    for row in rows.mappings():
        policy = to_policy({name: row[f"terms_{name}"] for name in _TERMS})
        recorded = to_recorded(row)
        terms = policy.terms[recorded.severity]
        found.append(JudgedOutage(row["detected_at"], row["resolved_at"], recorded, terms))
    return found
