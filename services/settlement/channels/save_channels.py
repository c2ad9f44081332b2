"""Save channel accounts that appeared on the network, or whose sequence was in doubt before."""

from collections.abc import Mapping

from adapters.postgres.database import Database
from adapters.postgres.settlement import channels


async def save_channels(database: Database, sequences: Mapping[str, int]) -> None:
    """Save the last sequence that the network has consumed of each; a channel in use is not changed."""
    async with database.transaction() as connection:
        await channels.save(connection, dict(sequences))
