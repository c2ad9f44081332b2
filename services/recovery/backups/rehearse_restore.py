"""Rehearse a restore: fill a database made for the trial, compare every table, and drop it again."""

from adapters.postgres.database import Database
from adapters.postgres.recovery import databases
from services.recovery.restorations.fill_database import BackupSource, PartTimes, fill_database


async def rehearse_restore(database: Database, name: str, source: BackupSource) -> dict[str, float]:
    """
    Return how many seconds each part took. `database` is the server's maintenance database; the one
    called `name` is not touched, and need not exist.

    Raises BackupUnusable when what was restored is not what was backed up.
    """
    times = PartTimes()
    async with database.autocommit() as locked:
        await databases.lock(locked)
        await databases.drop_unfinished(locked, name)
        made = await databases.create_unfinished(locked, name, "rehearsal")
        trial = databases.open_database(database, made)
        try:
            await fill_database(trial, source, times)
        finally:
            await trial.close()
            await databases.drop_unfinished(locked, name)
    return times.seconds
