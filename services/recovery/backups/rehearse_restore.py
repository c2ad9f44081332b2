"""Rehearse a restore: fill a database made for the trial, compare every table, and drop it again."""

from adapters.postgres import databases
from adapters.postgres.database import Database
from services.recovery.restorations.fill_database import BackupSource, PartTimes, fill_database


async def rehearse_restore(url: str, source: BackupSource) -> dict[str, float]:
    """
    Return how many seconds each part took; the database at `url` is not touched, and need not exist.

    Raises BackupUnusable when what was restored is not what was backed up.
    """
    maintenance, name = databases.split_url(url)
    server, times = Database(maintenance, connections_max=1), PartTimes()
    try:
        async with server.autocommit() as locked:
            await databases.lock(locked)
            await databases.drop_unfinished(locked, name)
            trial = await databases.create_unfinished(locked, name, "rehearsal")
            try:
                async with fill_database(databases.name_database(url, trial), source, times):
                    pass
            finally:
                await databases.drop_unfinished(locked, name)
    finally:
        await server.close()
    return times.seconds
