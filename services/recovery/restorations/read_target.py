"""Read what a restore would replace: the database that is there now, if there is one."""

from datetime import datetime

from adapters.postgres.accounting.guard_digests import REVISION
from adapters.postgres.database import Database, take_snapshot
from adapters.postgres.recovery import databases, restorations
from domain.recovery.restorations import Losses, Restoration, RestoreTarget


async def read_target(database: Database, name: str, since: datetime) -> RestoreTarget:
    """
    Return what the database called `name` holds, and what of it is newer than `since`; `database` is the
    maintenance database of its server.
    """
    async with database.autocommit() as connection:
        if not await databases.has_database(connection, name):
            return RestoreTarget(name, False, {}, 0, None, None)
        sessions = await databases.count_sessions(connection, name)
    present = databases.open_database(database, name)
    try:
        rows, losses, latest = await _read_present(present, since)
    finally:
        await present.close()
    return RestoreTarget(name, True, rows, sessions, losses, latest)


async def _read_present(
    database: Database, since: datetime
) -> tuple[dict[str, int], Losses | None, Restoration | None]:
    async with database.transaction() as connection:
        await take_snapshot(connection)
        rows = await restorations.count_rows(connection)
        if await restorations.get_revision(connection) != REVISION:
            return rows, None, None
        latest = await restorations.get_latest(connection)
        return rows, await restorations.read_losses(connection, since), latest
