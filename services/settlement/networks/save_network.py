"""Save what was seen of a network, by which a later start recognises it."""

from adapters.postgres import networks
from adapters.postgres.database import Database
from domain.networks import NetworkState


async def save_network(database: Database, state: NetworkState) -> None:
    """Save the newest ledger of a network; an older one than is on record changes nothing."""
    async with database.transaction() as connection:
        await networks.save_state(connection, state)
