"""Store a page of transfers, the cursor after it, and the gap before it, together."""

from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from domain.accounting.reconciliation import ChainPage, Start


async def store_page(database: Database, passphrase: str, begin: Start, page: ChainPage) -> None:
    async with database.transaction() as connection:
        await reconciliation.save_page(connection, passphrase, begin, page)
