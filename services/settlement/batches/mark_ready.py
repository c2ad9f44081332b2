"""Make a payment ready to be settled together with others."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, batches
from adapters.postgres.settlement.attempts import Reservation


async def mark_ready(database: Database, payment_id: str, *, wanted: bool) -> Reservation | None:
    """Return what it rides in already; otherwise it is ready from now on, if that is wanted."""
    async with database.autocommit() as connection:
        held = await attempts.get_reservation(connection, payment_id)
        if held is None and wanted:
            await batches.mark_ready(connection, payment_id)
    return held
