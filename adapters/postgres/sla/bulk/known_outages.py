"""What is on record of many outages, as far as a file may contradict it."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.sla.bulk.known_outages import KnownOutage
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import SlaStatus

_FIND = text(
    """
    SELECT o.id, o.fingerprint, o.status, o.resolved_at, o.settled_elsewhere, o.resolution_key,
           newest.amount_stroops, newest.sla_status
    FROM outages o LEFT JOIN LATERAL (
        SELECT abs(r.amount_stroops) AS amount_stroops, r.status AS sla_status FROM sla_results r
        WHERE r.outage_id = o.id ORDER BY r.revision DESC LIMIT 1
    ) newest ON true
    WHERE o.id = ANY (CAST(:ids AS text[]))
    """
)


async def find_known(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, KnownOutage]:
    """Return those outages that are on record, by their ids."""
    rows = await connection.execute(_FIND, {"ids": list(ids)})
    return {row["id"]: _to_known(row) for row in rows.mappings()}


def _to_known(row: RowMapping) -> KnownOutage:
    judged = row["sla_status"]
    read = {
        "status": OutageStatus(row["status"]),
        "sla_status": None if judged is None else SlaStatus(judged),
    }
    return KnownOutage(**dict(row) | read)
