"""What is on record of many outages, as far as a file may contradict it."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.sla.bulk.known_outages import KnownOutage
from domain.sla.outages import OutageStatus

_FIND = text(
    """
    SELECT o.id, o.fingerprint, o.status, o.resolved_at, o.settled_elsewhere,
           (SELECT abs(r.amount_stroops) FROM sla_results r WHERE r.outage_id = o.id
            ORDER BY r.revision DESC LIMIT 1) AS amount_stroops
    FROM outages o WHERE o.id = ANY (CAST(:ids AS text[]))
    """
)


async def find_known(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, KnownOutage]:
    """Return those outages that are on record, by their ids."""
    rows = await connection.execute(_FIND, {"ids": list(ids)})
    return {
        row["id"]: KnownOutage(**dict(row) | {"status": OutageStatus(row["status"])})
        for row in rows.mappings()
    }
