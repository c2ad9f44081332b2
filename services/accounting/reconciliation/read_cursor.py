"""Read how far the chain was read."""

from dataclasses import dataclass

from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database


@dataclass(frozen=True, slots=True)
class ChainCursor:
    """
    The last ledger that was read and the network it was of, None before all; and the ledger of the
    oldest payment in the journal.
    """

    ledger: int | None
    passphrase: str | None
    first_posted: int | None


async def read_cursor(database: Database) -> ChainCursor:
    async with database.transaction() as connection:
        reading = await reconciliation.get_cursor(connection)
        posted = await reconciliation.get_first_posted_ledger(connection)
    if reading is None:
        return ChainCursor(None, None, posted)
    return ChainCursor(reading.ledger, reading.passphrase, posted)
