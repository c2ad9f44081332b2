"""Take a backup: a dump and its manifest, both of one snapshot, in a file that has its name only when it is whole."""

from dataclasses import dataclass
from pathlib import Path

from adapters.backups.backup_files import (
    append_manifest,
    hash_dump,
    open_unfinished,
    publish_file,
    read_backup,
)
from adapters.backups.dumps import list_dump, write_dump
from adapters.backups.tools import find_tools
from adapters.postgres.database import Database, take_snapshot
from adapters.postgres.recovery import backups
from domain.errors import BackupUnusable
from domain.recovery.backups import BackupManifest, DatabaseContents
from services.recovery.backups.describe_contents import describe_contents_within


@dataclass(frozen=True, slots=True)
class TakeBackup:
    """Where the file goes, which program writes it, and where pg_dump is, if not where it is looked for."""

    path: Path
    version: str
    tools: Path | None = None


async def take_backup(database: Database, command: TakeBackup) -> BackupManifest:
    """
    Write the backup while others go on writing to the database, and read it back before it gets its name.

    Raises Conflict when the file exists, ToolFailed, and OSError when the disk is full.
    """
    with open_unfinished(command.path) as unfinished:
        async with database.transaction() as connection:
            await take_snapshot(connection)
            tools = await find_tools(await backups.get_server_major(connection), command.tools)
            contents = await describe_contents_within(connection)
            snapshot = await backups.export_snapshot(connection)
            await write_dump(tools, database.engine.url, snapshot, unfinished)
        length, digest = hash_dump(unfinished)
        manifest = BackupManifest(command.version, contents, length, digest)
        append_manifest(unfinished, manifest)
        if read_backup(unfinished) != manifest:
            raise BackupUnusable(
                f"{command.path} cannot be read back as it was written: try another disk"
            )
        check_tables(manifest.contents, await list_dump(tools, unfinished))
        publish_file(unfinished, command.path)
    return manifest


def check_tables(contents: DatabaseContents, listed: list[str]) -> None:
    """Refuse a dump whose table of contents lacks the rows of a table."""
    parts = [line.split() for line in listed]
    dumped = {part[6] for part in parts if part[3:5] == ["TABLE", "DATA"] and len(part) > 6}
    if missing := sorted({*contents.tables} - dumped):
        raise BackupUnusable(
            f"the dump has no rows of {', '.join(missing)}: the user of DATABASE_OWNER_URL, or else of DATABASE_URL, must be able to read every table"
        )
