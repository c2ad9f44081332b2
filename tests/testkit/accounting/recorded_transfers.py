"""What reconciliation has recorded of the chain, as the tests read it back."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import chain_transfers


async def list_transfers(connection: AsyncConnection, *, after: str = "") -> Sequence[RowMapping]:
    """Return the transfers that were read of the chain, in the chain's own order."""
    rows = await connection.execute(
        select(chain_transfers)
        .where(chain_transfers.c.position > after)
        .order_by(chain_transfers.c.position)
    )
    return rows.mappings().all()
