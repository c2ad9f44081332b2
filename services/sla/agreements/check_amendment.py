"""Refuse a correction by which an outage would fall under other agreements: it is bound for ever."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla import outages
from adapters.postgres.sla.agreements.coverages import find_matches
from adapters.postgres.sla.agreements.parts import list_parts
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict
from domain.sla.agreements.coverages import choose_agreements
from domain.sla.outages import Outage, OutageStatus, RecordedOutage, apply_amendment

_FOUND_BY = {"site_id", "affected_services"}


async def check_same_agreements_within(
    connection: AsyncConnection, outage_id: str, changes: Mapping[str, Any]
) -> None:
    """Raises Conflict. An outage that named its agreement falls under no other."""
    if not _FOUND_BY & set(changes):
        return
    recorded = await outages.get(connection, outage_id, EVERYTHING)
    outage = recorded.outage
    if outage.agreement is not None or recorded.status is not OutageStatus.DECLARED:
        return
    bound = await _list_bound(connection, recorded)
    found = await _find(connection, apply_amendment(outage, dict(changes)))
    # What nothing covers, before and after, stays with the agreement of the settings.
    if found == bound or not (found or await _find(connection, outage)):
        return
    raise Conflict(
        f"outage {outage_id!r} would fall under other agreements ({_name(found)}) than it is bound to "
        f"({_name(bound)}): cancel it, and declare it anew"
    )


async def _list_bound(connection: AsyncConnection, recorded: RecordedOutage) -> set[str]:
    parts = await list_parts(connection, recorded.outage.id) if recorded.parts else []
    return {recorded.agreement, *(part.agreement for part in parts)}


async def _find(connection: AsyncConnection, outage: Outage) -> set[str]:
    """Return the agreements that cover an outage, without a fallback."""
    matches = await find_matches(
        connection, outage.site_id, outage.affected_services, outage.detected_at
    )
    return {each.agreement for each in choose_agreements(matches, "", outage.customer)}


def _name(agreements: set[str]) -> str:
    return ", ".join(sorted(agreements)) or "none"
