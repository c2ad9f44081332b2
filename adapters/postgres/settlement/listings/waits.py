"""What the payment of an outage waits for, as the database and the audit trail say."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.reasons import WAITS, ReasonCode, Wait, find_end

_STOPPED = text(
    """
    SELECT p.reason_code, p.status_reason, coalesce(stopped.at, p.created_at) AS since
    FROM payments p, LATERAL (
        SELECT max(a.recorded_at) AS at FROM audit_entries a WHERE a.subject = 'outage/' || p.outage_id
          AND a.action = 'payment.' || CASE p.status WHEN 'submitted' THEN 'nodes_disagree' ELSE p.status END
    ) stopped
    WHERE p.outage_id = :outage_id AND p.reason_code IS NOT NULL
    ORDER BY p.revision DESC LIMIT 1
    """
)


async def find_wait(connection: AsyncConnection, outage_id: str, at: datetime) -> Wait | None:
    """Return what the payment of an outage waits for, and since when; None while nothing stops it."""
    row = (await connection.execute(_STOPPED, {"outage_id": outage_id})).one_or_none()
    if row is None:
        return None
    code = ReasonCode(row.reason_code)
    return Wait(WAITS[code], row.since, find_end(code, at), row.status_reason)
