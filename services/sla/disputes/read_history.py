"""Read the trail of one dispute: every audit entry that is about it."""

from typing import Any

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.sla import disputes
from domain.access.scopes import Scope


async def read_history(database: Database, dispute_id: str, scope: Scope) -> list[dict[str, Any]]:
    """Return the entries in the order they were written. Raises NotFound."""
    async with database.autocommit() as connection:
        dispute = await disputes.get(connection, dispute_id, scope)
        trail = await audit.read_trail(connection, f"outage/{dispute.outage_id}")
    return [entry for entry in trail if entry["evidence"].get("dispute_id") == dispute_id]
