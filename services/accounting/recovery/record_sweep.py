"""Record that everything unfinished was compared with the workflow server, for readiness to tell."""

from datetime import datetime

from adapters.postgres import installation
from adapters.postgres.database import Database


async def record_sweep(database: Database, at: datetime, unattended: int) -> None:
    """`unattended` is how much has no workflow, though it was to be started, or one that takes nothing up."""
    async with database.autocommit() as connection:
        await installation.save_sweep(connection, at, unattended)
