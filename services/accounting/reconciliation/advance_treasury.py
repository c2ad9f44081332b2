"""Store what was read of a treasury that was named later than others, until it is read as far as they are."""

from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import treasuries
from domain.accounting.reconciliation import ChainPage


async def advance_treasury(database: Database, address: str, page: ChainPage) -> bool:
    """True once it has joined them."""
    async with database.transaction() as connection:
        await reconciliation.save_transfers(connection, page)
        return await treasuries.advance(connection, address, page.ledger)
