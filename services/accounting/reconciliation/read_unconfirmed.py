"""Read what our own bytes have moved, and no payment is confirmed by."""

from adapters.postgres.accounting import own_transfers
from adapters.postgres.database import Database
from domain.accounting.reconciliation import CONFIRM_AFTER_LEDGERS, OwnTransfer


async def read_unconfirmed(database: Database) -> list[OwnTransfer]:
    """Return what has been on the chain for longer than the workflow of a payment takes to see it."""
    async with database.autocommit() as connection:
        return await own_transfers.list_unconfirmed(connection, CONFIRM_AFTER_LEDGERS)
