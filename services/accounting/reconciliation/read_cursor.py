"""Read how far the chain was read, and of which treasuries."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import treasuries


@dataclass(frozen=True, slots=True)
class ChainCursor:
    """
    The last ledger that was read and the network it was of, None before all; and the ledger of the
    oldest payment in the journal. `joined` are the treasuries that are read that far; those that were named later
    are `waiting`, each with the last ledger that was read of it.
    """

    ledger: int | None
    passphrase: str | None
    first_posted: int | None
    joined: Sequence[str]
    waiting: Mapping[str, int]


async def read_cursor(database: Database, own: Collection[str]) -> ChainCursor:
    """`own` are the treasuries of the settings, which may not be on record yet, and then are."""
    async with database.transaction() as connection:
        await treasuries.add(connection, own)
        joined = await treasuries.list_joined(connection)
        waiting = await treasuries.list_waiting(connection)
        reading = await reconciliation.get_cursor(connection)
        posted = await reconciliation.get_first_posted_ledger(connection)
    if reading is None:
        return ChainCursor(None, None, posted, joined, waiting)
    return ChainCursor(reading.ledger, reading.passphrase, posted, joined, waiting)
