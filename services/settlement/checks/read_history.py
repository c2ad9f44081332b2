"""Read the trail of one payment: every audit entry that is about it."""

from typing import Any

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.access.scopes import Scope


async def read_history(database: Database, payment_id: str, scope: Scope) -> list[dict[str, Any]]:
    """Return the entries in the order they were written. Raises NotFound."""
    async with database.autocommit() as connection:
        record = await payments.get(connection, payment_id, scope)
        trail = await audit.read_trail(connection, f"outage/{record.payment.outage_id}")
    return [entry for entry in trail if entry["evidence"].get("payment_id") == payment_id]
