"""Open a backup for a restore: read all of it, and find the programs that fit the server."""

from pathlib import Path

from adapters.backups.backup_files import read_backup
from adapters.backups.tools import find_tools
from adapters.postgres import backups, databases
from adapters.postgres.accounting.guard_digests import REVISION
from adapters.postgres.database import Database
from domain.backups import check_revision
from domain.errors import BackupUnusable
from services.recovery.restorations.fill_database import BackupSource


async def open_source(url: str, path: Path, tools: Path | None, jobs: int) -> BackupSource:
    """
    Raises BackupUnusable for a backup that is torn, changed, or of another build or a newer PostgreSQL;
    ToolFailed when no program fits the server at `url`.
    """
    manifest = read_backup(path)
    check_revision(manifest, REVISION)
    server = Database(databases.split_url(url)[0], connections_max=1)
    try:
        async with server.autocommit() as connection:
            major = await backups.get_server_major(connection)
    finally:
        await server.close()
    if major < manifest.contents.server_major:
        raise BackupUnusable(
            f"the backup is of PostgreSQL {manifest.contents.server_major} and the server is {major}: "
            "restore it into a server that is not older"
        )
    return BackupSource(path, manifest, await find_tools(major, tools), jobs)
