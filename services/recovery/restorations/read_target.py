"""Read what a restore would replace: the database that is there now, if there is one."""

from datetime import datetime

from adapters.postgres import databases, restorations
from adapters.postgres.accounting.guard_digests import REVISION
from adapters.postgres.database import Database, take_snapshot
from domain.restorations import Losses, Restoration, RestoreTarget


async def read_target(url: str, since: datetime) -> RestoreTarget:
    """
    Return what the database at `url` holds, and what of it is newer than `since`.

    Raises Unavailable when its server does not answer.
    """
    maintenance, name = databases.split_url(url)
    server = Database(maintenance, connections_max=1)
    try:
        async with server.autocommit() as connection:
            if not await databases.exists(connection, name):
                return RestoreTarget(name, False, {}, 0, None, None)
            sessions = await databases.count_sessions(connection, name)
    finally:
        await server.close()
    present = Database(url, connections_max=1)
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
