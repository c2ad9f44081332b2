"""Mark a payment as ready to be settled in a batch."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import admissions, attempts, batches
from adapters.postgres.settlement.attempts import Reservation


async def mark_ready(database: Database, payment_id: str, *, wanted: bool) -> Reservation | None:
    """Return the attempt it is in already; otherwise mark it as ready, if that is wanted."""
    async with database.autocommit() as connection:
        reservation = await attempts.get_reservation(connection, payment_id)
        if reservation is None and wanted:
            await admissions.release_stopped(connection, payment_id)
            await batches.mark_ready(connection, payment_id)
    return reservation
