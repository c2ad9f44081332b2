"""Read the workflows that the last release of a channel may not have reached."""

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.settlement import channels
from domain.settlement.channels import RELEASED


async def read_release(database: Database, address: str) -> list[str]:
    """Return the workflows that the last release of a channel let go on and that are not done."""
    async with database.autocommit() as connection:
        trail = await audit.read_trail(connection, f"channel/{address}")
        served = [entry["evidence"]["payments"] for entry in trail if entry["action"] == RELEASED]
        return await channels.list_waiting_workflows(
            connection, address, served[-1] if served else []
        )
