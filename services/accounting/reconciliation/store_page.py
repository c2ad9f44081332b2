"""Store a page of transfers, the cursor after it, and the gap before it, together."""

from collections.abc import Collection

from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from domain.accounting.reconciliation import ChainPage, Start


async def store_page(
    database: Database, passphrase: str, begin: Start, page: ChainPage, treasuries: Collection[str]
) -> bool:
    """False when another treasury than these has joined meanwhile: then the cursor stays where it was."""
    async with database.transaction() as connection:
        return await reconciliation.save_page(connection, passphrase, begin, page, treasuries)
