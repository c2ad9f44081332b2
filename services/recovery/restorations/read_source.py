"""Read a backup for a restore, all of it, and find the programs that fit the server."""

from pathlib import Path

from adapters.backups.backup_files import read_backup
from adapters.backups.tools import find_tools
from adapters.postgres.accounting.guard_digests import REVISION
from adapters.postgres.database import Database
from adapters.postgres.recovery import backups
from domain.errors import BackupUnusable
from domain.recovery.backups import check_revision
from services.recovery.restorations.fill_database import BackupSource


async def read_source(
    database: Database, path: Path, tools: Path | None, jobs: int
) -> BackupSource:
    """
    `database` is any of the server that it is restored into.

    Raises BackupUnusable for a backup that is torn, changed, or of another build or a newer PostgreSQL;
    ToolFailed when no program fits the server.
    """
    manifest = read_backup(path)
    check_revision(manifest, REVISION)
    async with database.autocommit() as connection:
        major = await backups.get_server_major(connection)
    if major < manifest.contents.server_major:
        raise BackupUnusable(
            f"the backup is of PostgreSQL {manifest.contents.server_major} and the server is {major}: "
            "restore it into a server that is not older"
        )
    return BackupSource(path, manifest, await find_tools(major, tools), jobs)
